"""A DNS server whose zone is a dictionary that may change while it runs: UDP and TCP, or DNS over TLS (RFC 7858).

Zone keys are lower-case names without the trailing dot. A name that is not in the zone does not exist. An answer may
depend on the client's subnet (RFC 7871): `by_subnet({"203.0.113.0/24": addresses("127.0.0.2")}, otherwise)`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.servers.listener import Listener, streams
from tests.servers.ports import free_port


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name answers. Records are `TYPE data` in zone file syntax: `A 127.0.0.1`, `MX 10 mail.example.`.

    A type without a record is answered with NOERROR and no data. `delay` is seconds. `truncated` sets TC and
    leaves the records out over UDP only, so that the client must come back by TCP. `silent` never answers. `scope` goes
    back to a client that named its subnet, for another one with `wrong_subnet`. The records are of the last name of
    `chain`, to which CNAMEs lead.
    """

    records: tuple[str, ...] = ()
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    silent: bool = False
    delay: float = 0.0
    truncated: bool = False
    wrong_id: bool = False
    scope: int | None = None
    wrong_subnet: bool = False
    chain: tuple[str, ...] = ()
    ttl: int = 60
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()


def addresses(*found: str) -> Answer:
    """A and AAAA records."""
    return Answer(tuple(f"{'AAAA' if ':' in address else 'A'} {address}" for address in found))


NXDOMAIN = Answer(rcode=dns.rcode.NXDOMAIN)
SERVFAIL = Answer(rcode=dns.rcode.SERVFAIL)
REFUSED = Answer(rcode=dns.rcode.REFUSED)
SILENCE = Answer(silent=True)


BySubnet = Callable[[str], Answer]
"""The answer for the subnet that a query names, empty when it names none."""


def by_subnet(answers: Mapping[str, Answer], otherwise: Answer = NXDOMAIN) -> BySubnet:
    """Of the subnet that is named; it is localised for all its bits unless it says otherwise."""
    localised = {
        subnet: answer if answer.scope is not None else replace(answer, scope=int(subnet.partition("/")[2]))
        for subnet, answer in answers.items()
    }
    return lambda subnet: localised.get(subnet, otherwise)


@dataclass
class DNSServer:
    """`async with DNSServer(zone) as server:` listens on `server.address`, `server.port`.

    With `tls` it speaks DNS over TLS alone. `queries` holds (name, type, transport) of each query, `subnets` whose
    clients asked.
    """

    zone: Mapping[str, Answer | BySubnet]
    address: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    queries: list[tuple[str, str, str]] = field(default_factory=list)
    subnets: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = self.port or free_port()
        self._listener = Listener(self._serve, self.address, self.port)
        self._listener.open()
        self._udp: asyncio.DatagramTransport | None = None
        if self.tls is None:
            try:
                await self._open_udp()
            except BaseException:
                await self._listener.aclose()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.aclose()
        await asyncio.sleep(0)  # let the datagram transport close its socket

    async def _open_udp(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self.address, self.port), family=socket.AF_INET
        )
        self._udp = transport

    def datagram(self, wire: bytes, sender: tuple[str, int]) -> None:
        task = asyncio.ensure_future(self._answer_datagram(wire, sender))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_datagram(self, wire: bytes, sender: tuple[str, int]) -> None:
        reply = await self._reply(wire, "udp")
        if reply is not None and self._udp is not None:
            self._udp.sendto(reply, sender)

    async def _serve(self, connection: socket.socket) -> None:
        transport = "tls" if self.tls else "tcp"
        async with streams(connection, self.tls) as (reader, writer):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                reply = await self._reply(await reader.readexactly(size), transport)
                if reply is not None:
                    writer.write(len(reply).to_bytes(2, "big") + reply)

    async def _reply(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.queries.append((name, dns.rdatatype.to_text(question.rdtype), transport))
        option = next((found for found in query.options if isinstance(found, dns.edns.ECSOption)), None)
        self.subnets.append(f"{option.address}/{option.srclen}" if option else "")
        found = self.zone.get(name, NXDOMAIN)
        answer = found if isinstance(found, Answer) else found(self.subnets[-1])
        await asyncio.sleep(answer.delay)
        if answer.silent:
            return None
        reply = _compose(query, answer, truncated=answer.truncated and transport == "udp")
        return reply.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DNSServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram(data, addr)


def _compose(query: dns.message.Message, answer: Answer, *, truncated: bool) -> dns.message.Message:
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(answer.rcode)
    if answer.wrong_id:
        reply.id ^= 0x5555
    if truncated:
        reply.flags |= dns.flags.TC
        return reply
    _say_scope(reply, query, answer)
    question = query.question[0]
    wanted, name = dns.rdatatype.to_text(question.rdtype), question.name
    for target in answer.chain:
        reply.answer.append(dns.rrset.from_text(name, answer.ttl, "IN", "CNAME", f"{target}."))
        name = dns.name.from_text(target)
    for section, records in (
        (reply.answer, [text for text in answer.records if wanted in ("ANY", text.split()[0])]),
        (reply.authority, answer.authority),
        (reply.additional, answer.additional),
    ):
        for text in records:
            kind, data = text.split(maxsplit=1)
            section.append(dns.rrset.from_text(name, answer.ttl, "IN", kind, data))
    return reply


def _say_scope(reply: dns.message.Message, query: dns.message.Message, answer: Answer) -> None:
    option = next((found for found in query.options if isinstance(found, dns.edns.ECSOption)), None)
    if option is None or answer.scope is None:
        return
    address = "198.51.100.0" if answer.wrong_subnet else option.address
    reply.use_edns(0, options=[dns.edns.ECSOption(address, option.srclen, answer.scope)])
