"""blackbox_exporter's HTTP client configuration: credentials, headers, proxies, TLS; and what a request carries by it.

Secrets in files are read for every request, so that they can rotate. Credentials go to the host
that was configured and not to one that it redirects to.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from exporter.net import Route, parse_route
from exporter.options import File, Parsed, Secret, SecretText, TLSConfig, parse_secret, read_secret

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_TEXT = {"type": "string"}
_SENSITIVE = frozenset({"authorization", "cookie", "proxy-authorization", "www-authenticate"})
_NOT_BY_HTTP_HEADERS = frozenset(
    {"accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type", "host",
     "keep-alive", "proxy-authenticate", "proxy-authorization", "user-agent", "www-authenticate"}
)  # fmt: skip


def is_token(text: str) -> bool:
    """Whether HTTP takes `text` as a method or a header's name."""
    return _TOKEN.fullmatch(text) is not None


def parse_header_name(found: Any, folder: Path = Path()) -> str:
    if not isinstance(found, str) or not is_token(found):
        raise ValueError(f"{found!r} is not the name of a header")
    return found


def parse_header_value(found: Any, folder: Path = Path()) -> str:
    """A header's value; numbers are taken as their text, as blackbox_exporter does."""
    text = str(found)
    if not isinstance(found, str | int | float) or isinstance(found, bool) or not text.isprintable():
        raise ValueError(f"{found!r} is not a header's value: one line of text, in quotes")
    return text


def _parse_proxy(found: Any, folder: Path) -> Secret:
    url = parse_secret(found, folder)
    parse_route(url)
    return url


HeaderName = Annotated[str, Parsed(parse_header_name, _TEXT)]
HeaderValue = Annotated[str, Parsed(parse_header_value, {"type": ["string", "number"]})]
ProxyURL = Annotated[Secret, Parsed(_parse_proxy, {"type": "string", "format": "uri"})]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A user name and a password, each in the configuration or in a file."""

    username: str | None = None
    username_file: File | None = None
    password: SecretText | None = None
    password_file: File | None = None

    def __post_init__(self) -> None:
        _one_of(self, "username", "username_file")
        _one_of(self, "password", "password_file")

    def value(self) -> str:
        """The Authorization header."""
        username = read_secret(self.username, self.username_file) or ""
        password = read_secret(self.password, self.password_file) or ""
        return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Any other scheme: `type` and credentials."""

    type: str = "Bearer"
    credentials: SecretText | None = None
    credentials_file: File | None = None

    def __post_init__(self) -> None:
        _one_of(self, "credentials", "credentials_file")
        if self.type.strip().lower() == "basic":
            raise ValueError("for type Basic use basic_auth")

    def value(self) -> str:
        """The Authorization header."""
        return f"{self.type.strip()} {read_secret(self.credentials, self.credentials_file) or ''}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderSources:
    """The values of one header: in the clear, secret, and from files."""

    values: tuple[HeaderValue, ...] = ()
    secrets: tuple[SecretText, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The keys that blackbox_exporter inlines from Prometheus' HTTP client; a kind's Options extends it."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: SecretText | None = None
    bearer_token_file: File | None = None
    tls_config: TLSConfig = TLSConfig()
    follow_redirects: bool = True
    enable_http2: bool = True
    proxy_url: ProxyURL | None = None
    proxy_connect_header: Mapping[HeaderName, tuple[SecretText, ...]] = field(default_factory=dict, hash=False)
    no_proxy: str = ""
    http_headers: Mapping[HeaderName, HeaderSources] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _one_of(self, "basic_auth", "authorization", "bearer_token", "bearer_token_file")
        for name in ("no_proxy", "proxy_connect_header"):
            if getattr(self, name) and not self.proxy_url:
                raise ValueError(f"{name} needs a proxy_url")
        for name in self.http_headers:
            if name.lower() in _NOT_BY_HTTP_HEADERS:
                raise ValueError(f"http_headers cannot set {name}; use headers, or the key for credentials")


def reads_files(config: ClientConfig) -> bool:
    """Whether a request must be made anew each time, because a secret of it is in a file."""
    auth = config.basic_auth
    return bool(
        config.bearer_token_file
        or (auth and (auth.username_file or auth.password_file))
        or (config.authorization and config.authorization.credentials_file)
        or any(sources.files for sources in config.http_headers.values())
    )


def client_headers(config: ClientConfig, headers: Mapping[str, str], home: bool) -> Iterator[tuple[str, str]]:
    """What goes out beside the headers of HTTP itself: `headers`, `http_headers` and credentials.

    `home` is whether the request goes to the host that was configured; elsewhere secrets stay behind.
    """
    given = {name.lower() for name in headers}
    yield from ((name, value) for name, value in headers.items() if home or name.lower() not in _SENSITIVE)
    for name, sources in config.http_headers.items():
        if name.lower() not in given:
            yield from ((name, value) for value in _values(sources, home))
    value = _authorization(config) if home and "authorization" not in given else None
    if value is not None:
        yield "Authorization", value


def choose_route(config: ClientConfig, host: str, port: int) -> Route | None:
    """The proxy that `proxy_url` names, unless `no_proxy` excepts the host."""
    if config.proxy_url is None or (config.no_proxy and _excepted(config.no_proxy, host, port)):
        return None
    headers = ((name, value) for name, values in config.proxy_connect_header.items() for value in values)
    return replace(parse_route(config.proxy_url), connect_headers=tuple(headers))


def _values(sources: HeaderSources, home: bool) -> Iterator[str]:
    yield from sources.values
    if home:
        yield from sources.secrets
        yield from (read_secret(None, file) or "" for file in sources.files)


def _authorization(config: ClientConfig) -> str | None:
    if config.basic_auth:
        return config.basic_auth.value()
    if config.authorization:
        return config.authorization.value()
    if config.bearer_token or config.bearer_token_file:
        return f"Bearer {read_secret(config.bearer_token, config.bearer_token_file)}"
    return None


def _one_of(block: object, *names: str) -> None:
    found = [name for name in names if getattr(block, name) is not None]
    if len(found) > 1:
        raise ValueError(f"set {' or '.join(found)}, not both")


def _excepted(no_proxy: str, host: str, port: int) -> bool:
    """As Go's httpproxy reads it: this machine, `*`, addresses, networks, and domains with those below them."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(entry.strip().lower(), host.lower(), address, port) for entry in no_proxy.split(","))


def _covers(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass
    name, _, only_port = entry.rpartition(":") if re.search(r"[^:]:\d+$|\]:\d+$", entry) else (entry, "", "")
    if only_port and int(only_port) != port:
        return False
    name = name.strip("[]").removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
