"""What the configuration says of the intake."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from exporter.options import Parsed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_MOST = 1_000_000_000


def _parse_header(found: Any, folder: Path) -> str:
    if not isinstance(found, str) or not _HEADER.fullmatch(found):
        raise ValueError(f"{found!r} is not the name of a header, such as X-Forwarded-For")
    return found


def _parse_proxies(found: Any, folder: Path) -> tuple[Network, ...]:
    if not isinstance(found, list):
        raise ValueError(f"{found!r} is not a list of networks in CIDR notation, such as [127.0.0.1/32, 10.0.0.0/8]")
    try:
        return tuple(ipaddress.ip_network(str(network)) for network in found)
    except ValueError as error:
        raise ValueError(f"not a network in CIDR notation such as 10.0.0.0/8: {error}") from error


def _parse_prior(found: Any, folder: Path) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _MOST:
        raise ValueError(f"{found!r} is not a number of reports, from 0 to {_MOST}")
    return float(found)


def _parse_count(found: Any, folder: Path) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= _MOST:
        raise ValueError(f"{found!r} is not a whole number from 1 to {_MOST}")
    return found


_Header = Annotated[str, Parsed(_parse_header, {"type": "string", "pattern": f"^{_HEADER.pattern}$"})]
_Proxies = Annotated[tuple[Network, ...], Parsed(_parse_proxies, {"type": "array", "items": {"type": "string"}})]
_Prior = Annotated[float, Parsed(_parse_prior, {"type": "number", "minimum": 0})]
_Count = Annotated[int, Parsed(_parse_count, {"type": "integer", "minimum": 1})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`prior` is the usual number of reports in a quarter of an hour until a day has been heard.

    Headers are believed from `trusted_proxies` alone: `visitor_header` (X-Forwarded-For) says who reports,
    `region_header` (CF-IPCountry) from where. `visitor_limit` is of reports a minute from one visitor, `limit` of
    reports a second from all, `memory` of the hashes that are remembered, about 100 bytes each, one or two a report.
    """

    prior: _Prior = 4.0
    visitor_header: _Header | None = None
    region_header: _Header | None = None
    trusted_proxies: _Proxies = ()
    visitor_limit: _Count = 60
    limit: _Count = 1000
    memory: _Count = 500_000

    def __post_init__(self) -> None:
        if (self.visitor_header or self.region_header) and not self.trusted_proxies:
            raise ValueError("headers are believed from trusted_proxies alone, and none is named")
