"""Who reports, and from where: the address of the connection, or what proxies that are trusted say in its place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from exporter.signals.reports.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,15}")
_NOWHERE = frozenset({"XX", "T1"})  # Cloudflare's: unknown, and Tor
_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")
_NOBODY = ipaddress.IPv4Address(0)


def visitor(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> tuple[bytes, bool]:
    """What stands for the visitor, and whether the connection comes from a trusted proxy, whose word that is.

    Of an IPv4 address all of it, of IPv6 the /64, which is one home. `forwarded` are the values of X-Forwarded-For:
    each proxy appends whom it heard, so from the right the first address that is no trusted proxy's is the last that
    somebody trustworthy saw. What stands left of it anybody can write.
    """
    found = _address(peer or "") or _NOBODY
    is_trusted = via_proxy = any(found in network for network in trusted)
    hops = [hop.strip() for value in forwarded for hop in value.split(",")] if via_proxy else []
    while is_trusted and hops:
        hop = _address(hops.pop())
        if hop is None:
            break
        found = hop
        is_trusted = any(found in network for network in trusted)
    return found.packed[:8], via_proxy


def region(said: str | None) -> str:
    """The region as a proxy names it; empty when it says nothing, or nothing usable."""
    said = (said or "").strip()
    return said if _REGION.fullmatch(said) and said not in _NOWHERE else ""


def _address(text: str) -> Address | None:
    port = _PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((port[1] or port[2]) if port else text)
    except ValueError:
        return None
    # A socket for both families names its IPv4 visitors so.
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
