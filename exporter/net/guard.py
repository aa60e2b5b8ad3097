"""The guard: which addresses a probe may reach, checked after resolution and on every hop.

1. Deny wins over allow; an empty allow list allows everything that is not denied.
2. An address is denied for what hides in it too: the IPv4 address that it wears (mapped, compatible, translated, NAT64)
   or that 6to4, Teredo and ISATAP lead to. An address that wears another is allowed as the one that it wears.
3. The unspecified address (`0.0.0.0`, `::`) is judged as loopback, because that is where a connection to it goes.
4. `public` in an allow list stands for what is on the internet, `unix` for the sockets in this machine's files.

What a name or a spelling such as `0177.0.0.1` means is not guessed here: the address that is connected to is judged.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from exporter.errors import ProbeError
from exporter.model import Reason

PUBLIC, UNIX = "public", "unix"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK: Mapping[int, Address] = {4: ip_address("127.0.0.1"), 6: ip_address("::1")}

_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        # IANA's registries of special purpose addresses, July 2026.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001:1::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32"),
        *("2620:4f:8000::/48", "3fff::/20"),
        "168.63.129.16/32",  # a virtual machine in Azure finds its host there
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_WORN = tuple(
    IPv6Network(text)
    for text in (
        "::/96",  # compatible, RFC 4291, 2.5.5.1
        "::ffff:0:0/96",  # mapped, RFC 4291, 2.5.5.2
        "::ffff:0:0:0/96",  # translated, RFC 2765
        "64:ff9b::/96",  # NAT64, RFC 6052
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # before the IPv4 address, RFC 5214, 6.1
_LOW_32 = 0xFFFFFFFF

_REMEMBERED = 4096  # addresses that may be reached: most are asked for again and again


class Reach(NamedTuple):
    """What `/probe` may reach: networks in CIDR notation, and the words `public` and `unix` in `allow`."""

    allow: tuple[str, ...] = (PUBLIC,)
    deny: tuple[str, ...] = ()


class Guard:
    """Networks in CIDR notation and words; ValueError when one is neither. `names` are what a person calls the lists.

    What `beside` forbids is forbidden too. Without `paths` a socket in a file is reached when `allow` says so only.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        names: tuple[str, str] = ("network.allow", "network.deny"),
        beside: Guard | None = None,
        paths: bool = True,
    ) -> None:
        listed = tuple(allow)
        self.allow = tuple(ip_network(text) for text in listed if text not in (PUBLIC, UNIX))
        self.deny = tuple(ip_network(text) for text in deny)
        self._public = PUBLIC in listed
        self._paths = paths or UNIX in listed
        self._narrow = bool(listed)
        self._names = names
        self._beside = beside
        self._passed: set[str] = set()

    def check(self, address: str) -> None:
        """Return when `address` may be reached; ProbeError `internal` otherwise."""
        if address in self._passed:
            return
        if self._beside is not None:
            self._beside.check(address)
        if self._narrow or self.deny:
            self._judge(address)
        if len(self._passed) >= _REMEMBERED:
            self._passed.clear()
        self._passed.add(address)

    def check_unresolved(self, host: str) -> None:
        """The same for a host that somebody else resolves, as far as it says by itself where it leads."""
        address = spelled(host)
        if address is not None:
            self.check(address)

    def check_unix(self, path: str) -> None:
        """Return when the socket at `path` may be reached; ProbeError `internal` otherwise."""
        if self._beside is not None:
            self._beside.check_unix(path)
        if not self._paths:
            raise _refusal(f"{path} is a socket of this machine, and {UNIX!r} is not in {self._names[0]}")

    def _judge(self, address: str) -> None:
        found = _plain(ip_address(address.partition("%")[0]))
        if any(_within(one, self.deny) for one in (found, *hidden(found))):
            raise _refusal(f"{address} is in {self._names[1]}")
        if self._narrow and not self._allows(found):
            raise _refusal(f"{address} is not in {self._names[0]}")

    def _allows(self, address: Address) -> bool:
        worn = hidden(address) if _within(address, _WORN) else ()
        return self._names_it(address) or (bool(worn) and all(map(self._names_it, worn)))

    def _names_it(self, address: Address) -> bool:
        return _within(address, self.allow) or (self._public and is_public(address))


def check_reach(text: str) -> str:
    """`text` if it may stand in a list of `Reach`; ValueError otherwise."""
    if text not in (PUBLIC, UNIX):
        ip_network(text)
    return text


@lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether `address`, and all that it leads to, is on the internet for everybody."""
    within = hidden(address)
    on_it = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST or (within and _within(address, _WORN))
    return bool(on_it) and not _within(address, _NOT_PUBLIC) and all(map(is_public, within))


def hidden(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to, where a gateway or the kernel knows how."""
    if isinstance(address, IPv4Address) or address == _LOOPBACK[6]:
        return ()
    if address.sixtofour is not None:
        return (_plain(address.sixtofour),)
    if address.teredo is not None:
        return tuple(map(_plain, address.teredo))
    bits = int(address)
    if _within(address, _WORN) or (bits >> 32) & _LOW_32 in _ISATAP:
        return (_plain(IPv4Address(bits & _LOW_32)),)
    return ()


def spelled(host: str) -> str | None:
    """The address that a host name spells, by libc's rules too (`127.1`, `0x7f.1`, `2130706433`); None for a name."""
    bare = host.lower().removesuffix(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return str(_LOOPBACK[4])
    try:
        return str(ip_address(bare.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(bare)) if bare.isascii() and " " not in bare else None
    except OSError:
        return None


def _plain(address: Address) -> Address:
    return _LOOPBACK[address.version] if address.is_unspecified else address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _refusal(why: str) -> ProbeError:
    return ProbeError(Reason.INTERNAL, f"{why}, so it was not contacted")
