"""What an HTTP request is made of, by blackbox_exporter's keys, and the making of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from exporter import USER_AGENT
from exporter.client import ClientConfig, HeaderName, HeaderValue, client_headers, is_token, reads_files
from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.message import Request
from exporter.net.target import Target
from exporter.options import File, TLSConfig

_MADE_BY_US = frozenset({"host", "connection", "content-length", "transfer-encoding"})
_UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestConfig(ClientConfig):
    """The keys by which a request differs from a plain GET."""

    method: str = "GET"
    headers: Mapping[HeaderName, HeaderValue] = field(default_factory=dict, hash=False)
    body: str | None = None
    body_file: File | None = None
    compression: Literal["", "gzip", "br", "deflate", "identity"] = ""

    def __post_init__(self) -> None:
        ClientConfig.__post_init__(self)
        if self.body and self.body_file:
            raise ValueError("set body or body_file, not both")
        if not is_token(self.method):
            raise ValueError(f"{self.method!r} is not an HTTP method")
        accepted = next((value for name, value in self.headers.items() if name.lower() == "accept-encoding"), "")
        if self.compression and accepted and not _accepts(accepted, self.compression):
            raise ValueError(f"compression {self.compression} is not among those of header Accept-Encoding: {accepted}")


def changes(config: RequestConfig) -> bool:
    """Whether the request must be made anew each time, because a part of it is in a file or asked for elsewhere."""
    return reads_files(config) or config.body_file is not None or config.oauth2 is not None


def make_request(
    target: Target,
    config: RequestConfig,
    method: str,
    asked: str,
    home: bool = True,
    extra: Iterable[tuple[str, str]] = (),
) -> Request:
    """The request to `target`, which asks for `asked`; `home` is whether it goes to the host that was configured.

    A redirect that changes the method drops the body.
    """
    given = {name.lower(): value for name, value in config.headers.items()}
    headers = [] if "user-agent" in given else [("User-Agent", USER_AGENT)]
    if config.compression and "accept-encoding" not in given:
        headers.append(("Accept-Encoding", config.compression))
    ours = client_headers(config, config.headers, home)
    headers += [
        (name, value)
        for name, value in ours
        # An empty User-Agent means none, as in Go.
        if name.lower() not in _MADE_BY_US and (value or name.lower() != "user-agent")
    ]
    if _UPGRADE in given and _UPGRADE in given.get("connection", "").lower():
        headers.append(("Connection", given["connection"]))  # else every connection ends with its answer
    authority = given.get("host", target.authority) if home else target.authority
    body = _read_body(config) if method == config.method else b""
    return Request(method, target.scheme, authority, asked, (*headers, *extra), body)


def identity(config: RequestConfig, host: str, home: bool) -> tuple[TLSConfig, str]:
    """The TLS configuration and the name to ask for: what was configured holds for the configured host alone."""
    if not home:
        return _unnamed(config.tls_config), host
    named = next((value for name, value in config.headers.items() if name.lower() == "host"), "")
    return config.tls_config, (urlsplit(f"//{named}").hostname or host) if named else host


@lru_cache(maxsize=1024)
def _unnamed(config: TLSConfig) -> TLSConfig:
    return replace(config, server_name=None)


def _read_body(config: RequestConfig) -> bytes:
    if config.body_file is None:
        return (config.body or "").encode()
    try:
        return Path(config.body_file).read_bytes()
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"cannot read {config.body_file}: {error.strerror}") from error


def _accepts(accepted: str, compression: str) -> bool:
    """Whether an Accept-Encoding header allows `compression`: the most wanted coding that names it, or `*`, decides."""
    codings = []
    for part in accepted.split(","):
        coding, _, quality = part.partition(";")
        try:
            codings.append((float(quality.strip().removeprefix("q=") or 1), coding.strip()))
        except ValueError:
            return False
    codings.sort(key=lambda found: -found[0])
    return next((weight > 0 for weight, coding in codings if coding in (compression, "*")), False)
