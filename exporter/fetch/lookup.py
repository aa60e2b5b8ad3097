"""Where a hop may go: names through `net`'s resolver, addresses past the guard, redirects not into the own network.

aiohttp asks a resolver for names alone, so literal addresses are judged before it is asked, and every other way to
write an IPv4 address (`2130706433`, `0177.0.0.1`, `127.1`) is refused: what judged it and what connects could differ.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextvars import ContextVar
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from exporter.errors import ProbeError, SignalError
from exporter.model import NetworkOptions, Reason
from exporter.net.guard import Guard, is_public
from exporter.net.resolve import Resolver
from exporter.readings import Fault

_NUMERIC = re.compile(r"(\d+|0x[0-9a-f]*)", re.IGNORECASE)

redirected: ContextVar[bool] = ContextVar("redirected", default=False)
"""Whether the hop of this task was named by another host than the one that is configured."""


class Lookup(AbstractResolver):
    """The resolver of all connections. What it refuses is a SignalError, so nothing is connected to."""

    def __init__(self, network: NetworkOptions) -> None:
        self._resolver = Resolver(network.nameservers)
        self._guard = Guard(network.allow, network.deny)

    def check(self, url: URL) -> None:
        """Judge a host that no name server will be asked for; SignalError when it is none, or not to be asked."""
        host = url.raw_host or ""
        if is_address(host):
            self._judge(host, [host])
        elif _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise SignalError(_blame(Fault.FORMAT), f"{host!r} is neither a host name nor an address")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of `host` that may be asked, IPv4 first, whatever `family` says."""
        try:
            found = await self._resolver.addresses(host, "ip4", True)
        except ProbeError as error:
            fault = Fault.INTERNAL if error.reason is Reason.INTERNAL else Fault.UNREACHABLE
            raise SignalError(fault, str(error)) from error
        return [_result(host, address, port) for address in self._judge(host, found)]

    async def close(self) -> None:
        """Nothing stays open between two questions."""

    def _judge(self, host: str, addresses: Sequence[str]) -> list[str]:
        allowed, refusal = [], None
        for address in addresses:
            try:
                self._guard.check(address)
                allowed.append(address)
            except ProbeError as error:
                refusal = error
        if refusal is not None and not allowed:
            raise SignalError(_blame(Fault.UNREACHABLE), str(refusal)) from refusal
        inside = [address for address in allowed if redirected.get() and self._is_inside(address)]
        if inside:
            raise SignalError(Fault.REDIRECT, f"redirected to {_named(host, inside[0])}, which is not on the internet")
        return allowed

    def _is_inside(self, address: str) -> bool:
        """Whether it belongs to this machine or network and `network.allow`, which it has passed, does not name it."""
        return not self._guard.allow and not is_public(ip_address(address.partition("%")[0]))


def is_address(host: str) -> bool:
    """Whether it is an address in the one way of writing that everybody reads alike; a zone identifier may follow."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _blame(otherwise: Fault) -> Fault:
    return Fault.REDIRECT if redirected.get() else otherwise


def _named(host: str, address: str) -> str:
    return host if host == address else f"{host} ({address})"


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
