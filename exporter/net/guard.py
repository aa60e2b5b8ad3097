"""The guard: which addresses a probe may reach, checked after resolution and on every hop.

Deny wins over allow; an empty allow list allows everything that is not denied. An IPv4 address in
IPv6 clothes (`::ffff:10.0.0.1`) is judged as the IPv4 address that it is, and the unspecified
address (`0.0.0.0`, `::`) as loopback, because that is where a connection to it goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from exporter.errors import ProbeError
from exporter.model import Reason

_LOOPBACK = {4: ip_address("127.0.0.1"), 6: ip_address("::1")}


class Guard:
    """Networks in CIDR notation; ValueError when one is not."""

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self.allow = tuple(ip_network(text) for text in allow)
        self.deny = tuple(ip_network(text) for text in deny)

    def check(self, address: str) -> None:
        """Return when `address` may be reached; ProbeError `internal` otherwise."""
        if not self.allow and not self.deny:
            return
        judged = _plain(ip_address(address.partition("%")[0]))
        if any(_within(judged, network) for network in self.deny):
            raise ProbeError(Reason.INTERNAL, f"{address} is in network.deny, so it was not contacted")
        if self.allow and not any(_within(judged, network) for network in self.allow):
            raise ProbeError(Reason.INTERNAL, f"{address} is not in network.allow, so it was not contacted")


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = mapped or address
    return _LOOPBACK[plain.version] if plain.is_unspecified else plain


def _within(address: IPv4Address | IPv6Address, network: object) -> bool:
    return address in network  # type: ignore[operator]
