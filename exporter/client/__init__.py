"""blackbox_exporter's HTTP client configuration: credentials, headers, proxies, TLS; and what a request carries by it.

Secrets in files are read for every request, so that they can rotate. Credentials go to the host
that was configured and not to one that it redirects to.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from exporter.client.oauth2 import OAuth2
from exporter.client.proxies import HeaderName, ProxyConfig, choose_route, is_token, one_of, parse_header_name
from exporter.options import File, Parsed, SecretText, TLSConfig, read_secret

__all__ = [
    "Authorization",
    "BasicAuth",
    "ClientConfig",
    "HeaderName",
    "HeaderSources",
    "HeaderValue",
    "OAuth2",
    "ProxyConfig",
    "choose_route",
    "client_headers",
    "header_values",
    "is_token",
    "parse_header_name",
    "parse_header_value",
    "reads_files",
]

_SENSITIVE = frozenset({"authorization", "cookie", "proxy-authorization", "www-authenticate"})
_NOT_BY_HTTP_HEADERS = frozenset(
    {"accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type", "host",
     "keep-alive", "proxy-authenticate", "proxy-authorization", "user-agent", "www-authenticate"}
)  # fmt: skip


def parse_header_value(found: Any, folder: Path = Path()) -> str:
    """A header's value; numbers are taken as their text, as blackbox_exporter does."""
    text = str(found)
    if not isinstance(found, str | int | float) or isinstance(found, bool) or not text.isprintable():
        # Not repeated: it may be a token behind which a line ends.
        raise ValueError("not the value of a header: one line of text, in quotes")
    return text


HeaderValue = Annotated[str, Parsed(parse_header_value, {"type": ["string", "number"]})]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A user name and a password, each in the configuration or in a file."""

    username: str | None = None
    username_file: File | None = None
    password: SecretText | None = None
    password_file: File | None = None

    def __post_init__(self) -> None:
        one_of(self, "username", "username_file")
        one_of(self, "password", "password_file")

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
        one_of(self, "credentials", "credentials_file")
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
class ClientConfig(ProxyConfig):
    """The keys that blackbox_exporter inlines from Prometheus' HTTP client; a kind's Options extends it."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: SecretText | None = None
    bearer_token_file: File | None = None
    tls_config: TLSConfig = TLSConfig()
    follow_redirects: bool = True
    enable_http2: bool = True
    http_headers: Mapping[HeaderName, HeaderSources] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        ProxyConfig.__post_init__(self)
        one_of(self, "basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
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
            yield from ((name, value) for value in header_values(sources, home))
    value = _authorization(config) if home and "authorization" not in given else None
    if value is not None:
        yield "Authorization", value


def header_values(sources: HeaderSources, home: bool = True) -> Iterator[str]:
    """The values of one header; secrets and files are read only when the request goes `home`."""
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
