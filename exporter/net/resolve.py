"""Names to addresses through c-ares, so that the deadline is ours and not libc's.

libc's resolver blocks a thread for its own timeout times its own retries; here the attempt's
deadline cancels the query. An address literal is returned as it stands. No answer is cached: how
long a resolver takes is part of what is measured.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

import pycares

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.datagram import new_socket
from exporter.net.remembering import remembered
from exporter.options import IPProtocol

_FAMILY = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}
_FIRST_WAIT = 1.0
"""Seconds until a silent nameserver's neighbour is asked; c-ares doubles it with each round through the list."""
_ROUNDS = 3
"""Times that each nameserver is asked: a silent one takes 7 s, unless the attempt's deadline comes first."""
_NO_SOCKET = -1
HOSTS = Path("/etc/hosts")


class Names(Protocol):
    """Who knows where a name leads."""

    async def addresses(self, host: str, preferred: IPProtocol, fallback: bool) -> list[str]:
        """The addresses of `host`, those of the preferred family first, without fallback no others; ProbeError."""


class Resolver:
    """`nameservers` are `address` or `address:port`; none means the system's."""

    def __init__(self, nameservers: Sequence[str] = ()) -> None:
        self._nameservers = tuple(nameservers)

    async def addresses(self, host: str, preferred: IPProtocol, fallback: bool) -> list[str]:
        """The addresses of `host`, those of the preferred family (`ip4`, `ip6`) first.

        Without fallback the other family is left out. ProbeError `resolve` when nothing is left.
        """
        literal = as_literal(host)
        known = [literal] if literal else written_localhost(host)
        found = known or await self._query(host, None if fallback else _FAMILY[preferred])
        chosen = by_family(found, preferred, fallback)
        if not chosen:
            raise ProbeError(Reason.RESOLVE, f"{host} has no {preferred} address")
        return chosen

    async def _query(self, host: str, family: socket.AddressFamily | None) -> list[str]:
        lookup = _Lookup(self._nameservers)
        try:
            return await lookup.addresses(host, family or socket.AF_UNSPEC)
        except UnicodeError as error:
            raise ProbeError(Reason.RESOLVE, f"{host!r} is not a host name") from error
        finally:
            lookup.close()


class _Lookup:
    """One question and its own c-ares channel.

    A channel answers from a cache that cannot be switched off through pycares, so none is used
    twice. Driven by the event loop it costs less than a shared one driven by c-ares' own thread.
    """

    def __init__(self, nameservers: Sequence[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[int] = set()
        self._closed = False
        self._answer: asyncio.Future[list[str]] = self._loop.create_future()
        self._channel = pycares.Channel(
            servers=nameservers or None, timeout=_FIRST_WAIT, tries=_ROUNDS, sock_state_cb=self._watch
        )

    async def addresses(self, host: str, family: socket.AddressFamily) -> list[str]:
        self._channel.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM, callback=self._answered(host))
        while not self._answer.done():
            wait: float = self._channel.timeout(_FIRST_WAIT)  # type: ignore[no-untyped-call]
            await asyncio.wait((self._answer,), timeout=wait)
            if not self._answer.done():
                self._channel.process_fd(_NO_SOCKET, _NO_SOCKET)
        return self._answer.result()

    def close(self) -> None:
        """Give up what is still open. c-ares destroys the channel in a thread: from here on it must not call back."""
        self._answer.cancel()
        self._channel.cancel()
        for descriptor in tuple(self._watched):
            self._forget(descriptor)
        self._closed = True
        self._channel.close()

    def _answered(self, host: str) -> Callable[[Any, int | None], None]:
        def callback(result: Any, code: int | None) -> None:
            if self._answer.done():
                return
            if code is None:
                self._answer.set_result([_text(node.addr[0]) for node in result.nodes])
            else:
                self._answer.set_exception(_failure(host, code))

        return callback

    def _watch(self, descriptor: int, readable: bool, writable: bool) -> None:
        if self._closed:
            return
        self._forget(descriptor)
        if readable:
            self._loop.add_reader(descriptor, self._channel.process_fd, descriptor, _NO_SOCKET)
        if writable:
            self._loop.add_writer(descriptor, self._channel.process_fd, _NO_SOCKET, descriptor)
        if readable or writable:
            self._watched.add(descriptor)

    def _forget(self, descriptor: int) -> None:
        if descriptor in self._watched:
            self._watched.remove(descriptor)
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)


def written_localhost(host: str) -> list[str]:
    """The addresses that the hosts file gives `localhost`; none for another name, or where nothing is written.

    c-ares answers with both loopback addresses whatever is written there, and a server may listen on one of them alone.
    """
    if host.lower().removesuffix(".") != "localhost":
        return []
    try:
        lines = HOSTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    written = (line.partition("#")[0].lower().split() for line in lines)
    return [fields[0] for fields in written if "localhost" in fields[1:] and as_literal(fields[0])]


def _failure(host: str, code: int) -> ProbeError:
    if code == pycares.errno.ARES_ECONNREFUSED:
        try:
            # c-ares says so too when it could not open a socket: this tells a full table apart.
            new_socket(socket.AF_INET, socket.SOCK_DGRAM, 0).close()
        except ProbeError as error:
            return error
    return ProbeError(Reason.RESOLVE, f"cannot resolve {host}: {_text(pycares.errno.strerror(code))}")


@remembered(longest=64)
def as_literal(host: str) -> str | None:
    """The address itself when `host` is one, else None. The zone identifier of an IPv6 address stays.

    Behind an IPv4 address there is none: libc would take `192.0.2.1%x` for a name, and ask for it in its own way.
    """
    try:
        ip_address(host)
    except ValueError:
        return None
    return host


def by_family(addresses: Sequence[str], preferred: IPProtocol, fallback: bool) -> list[str]:
    """Those of the preferred family first; without fallback no others."""
    mine = [address for address in addresses if _family_name(address) == preferred]
    return mine + [address for address in addresses if _family_name(address) != preferred] if fallback else mine


def _family_name(address: str) -> str:
    return "ip6" if ":" in address else "ip4"


def _text(address: str | bytes) -> str:
    return address.decode() if isinstance(address, bytes) else address
