"""What a URL means to an HTTP client: where to connect, whom to name, what to ask for."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from exporter.net.remembering import remembered
from exporter.net.resolve import as_literal

_PORTS = {"http": 80, "https": 443}
_UPGRADED_FROM = {"ws": "http", "wss": "https"}
_ACCOUNT = re.compile(r"((?:https?://)?)([^/?#]*)@")
_LONGEST_NAME = 253  # RFC 1035, 2.3.4, less what does not show
_SAFE_PATH = "/%:@!$&'()*+,;=~-._?[]|{}^`\"<>\\"


class Target(NamedTuple):
    """`authority` is what Host carries, `path` has the query, `host` is ASCII and without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    path: str

    def authority_at(self, address: str) -> str:
        """The authority with `address` in the place of the name; the authority itself when there is none."""
        if not address:
            return self.authority
        return f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"


@remembered(longest=1024)
def parse_target(url: str) -> Target:
    """The target of an http or https URL; one without a scheme is http. ValueError says what is wrong."""
    if "://" not in url.partition("?")[0]:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"{url!r} is not an http or https URL")
    if parts.username is not None:
        raise ValueError("a URL is shown to everybody: put its user name and password under basic_auth")
    host = _host(parts.hostname or "")
    port = parts.port or _PORTS[parts.scheme]
    bare = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe=_SAFE_PATH) + (
        f"?{quote(parts.query, safe=_SAFE_PATH)}" if parts.query else ""
    )
    authority = bare if port == _PORTS[parts.scheme] else f"{bare}:{port}"
    return Target(url, parts.scheme, host, port, authority, path)


def split_account(url: str) -> tuple[str, tuple[str, str] | None]:
    """An http URL without its user name and password, and these two, None when it has none."""
    match = _ACCOUNT.match(url)
    if match is None:
        return url, None
    user, _, password = match[2].partition(":")
    return f"{match[1]}{url[match.end() :]}", (unquote(user), unquote(password))


def split_authority(text: str) -> tuple[str, str]:
    """`host` or `host:port` as a Host header has it, in ASCII, and the host alone; ValueError when it is neither."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a host name") from error
    if parts.netloc != text or parts.username is not None:
        raise ValueError(f"{text!r} is not a host name")
    return text if text.isascii() else host + (f":{port}" if port else ""), host


def parse_websocket(url: str) -> Target:
    """The same of a ws or wss URL (RFC 6455, 3), one without a scheme is ws; the target's scheme is what it is upgraded
    from, http or https."""
    full = url if "://" in url.partition("?")[0] else f"ws://{url}"
    scheme, _, rest = full.partition("://")
    if scheme.lower() not in _UPGRADED_FROM:
        raise ValueError(f"{url!r} is not a ws or wss URL")
    return parse_target(f"{_UPGRADED_FROM[scheme.lower()]}://{rest}")._replace(url=full)


def join_target(base: Target, location: str) -> Target:
    """The target that `location` means in an answer from `base`; user names in it are dropped. ValueError as above."""
    url = urljoin(base.url, location.strip()).partition("#")[0]
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return parse_target(f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}" if mark else url)


def _host(name: str) -> str:
    if not name:
        raise ValueError("the URL names no host")
    if as_literal(name):
        return name
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{name!r} is not a host name") from error
    labels = ascii_name.removesuffix(".").split(".")
    fits = len(ascii_name) <= _LONGEST_NAME and all(0 < len(label) < 64 for label in labels)
    if not fits or not ascii_name.isprintable() or " " in ascii_name:
        raise ValueError(f"{name!r} is not a host name")
    return ascii_name
