"""Through a proxy of the operator's: HTTP CONNECT or SOCKS5, names resolved there.

A failure to reach or to pass the proxy is `vantage`: it never counts against the service. What
travels in datagrams (icmp, dns over UDP, HTTP/3) cannot pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from exporter.model import Endpoint, Probe, Result
from exporter.net import Attempt, parse_route
from exporter.options import File, Parsed, Secret, SecretText, parse_secret, read_secret

SUPPORTS = frozenset({"grpc", "http", "tcp", "websocket"})


def _parse_url(found: Any, folder: Path) -> Secret:
    url = parse_secret(found, folder)
    parse_route(url)
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`url` is `http://host:port` or `socks5h://host:port`; credentials in it, or beside it as `username` and
    `password` (or `password_file`)."""

    url: Annotated[Secret, Parsed(_parse_url, {"type": "string", "format": "uri"})]
    username: str | None = None
    password: SecretText | None = None
    password_file: File | None = None

    def __post_init__(self) -> None:
        if self.password and self.password_file:
            raise ValueError("set password or password_file, not both")


def faults(options: Options, endpoints: Iterable[Endpoint]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Endpoints that a proxy cannot carry although it carries their kind, as (route within the region, sentence)."""
    for endpoint in endpoints:
        if getattr(endpoint.options, "enable_http3", False):
            said = f"{endpoint.service}/{endpoint.name} sets enable_http3, which goes by UDP and passes no proxy"
            yield (), f"{said}; name the other regions under its `regions`"


async def run(endpoint: Endpoint, probe: Probe, options: Options, net: Attempt) -> Result:
    """Probe through the proxy."""
    net.route = parse_route(options.url, options.username, read_secret(options.password, options.password_file))
    return await probe(endpoint, endpoint.options, net)
