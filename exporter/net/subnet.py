"""What a resolver says of a name to clients of a subnet: EDNS Client Subnet (RFC 7871).

A resolver that passes the subnet on answers with a scope: how many bits of it the answer depends on. 0, or no option
in the answer, is an answer for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import chain

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import query
from exporter.net.attempt import Attempt
from exporter.options import IPProtocol, split_nameserver

WAITS = (1.0, 2.0, 4.0)
"""Seconds until a silent resolver is asked again, and at last given up."""

_PAYLOAD = 1232  # bytes, which pass everywhere in one piece
_CHAIN_LIMIT = 16
_SHOWN = 8  # addresses, to a person
_TYPES = {"ip4": dns.rdatatype.A, "ip6": dns.rdatatype.AAAA}
_UNASKED = {Reason.CONNECT: "refuses to be asked", Reason.PROTOCOL: "does not answer in DNS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a resolver says of a name.

    `localised` addresses are for the subnet, as far as `scope` bits; `common` ones are for everybody, `why` says how
    that is known. `missing` is the authority's word that there is none. `fault` is why there is no word; `detail`
    names addresses too. `alias` is the name at the end of a chain of CNAMEs.
    """

    resolver: str = ""
    localised: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    scope: int = 0
    alias: str = ""
    why: str = ""
    missing: str = ""
    fault: str = ""
    detail: str = ""

    def __str__(self) -> str:
        by = f", by the name {self.alias}" if self.alias else ""
        if self.localised:
            return f"{_listed(self.localised)} (scope /{self.scope}{by})"
        if self.common:
            return f"{_listed(self.common)}, which {self.why}{by}"
        return self.missing or self.detail or self.fault


def _listed(addresses: Sequence[str]) -> str:
    more = len(addresses) - _SHOWN
    return ", ".join(addresses[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


async def word(net: Attempt, resolver: str, host: str, families: Sequence[IPProtocol], subnet: str) -> Word:
    """What `resolver` says of `host` to clients of `subnet`, of the families in their order; a fault of the resolver
    is its word. ProbeError `resolve` when `host` is no name."""
    questions = [_question(host, family, subnet) for family in families]
    said = await asyncio.gather(*(_said(net, resolver, question, subnet) for question in questions))
    return replace(_together(said), resolver=resolver)


def _question(host: str, family: IPProtocol, subnet: str) -> dns.message.Message:
    clients = ip_network(subnet)
    option = dns.edns.ECSOption(str(clients.network_address), clients.prefixlen)
    try:
        return dns.message.make_query(host, _TYPES[family], use_edns=0, payload=_PAYLOAD, options=[option])
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ProbeError(Reason.RESOLVE, f"{host!r} is not a host name") from error


async def _said(net: Attempt, resolver: str, question: dns.message.Message, subnet: str) -> Word:
    try:
        return _read(question, await _ask(net.aside(), resolver, question), subnet)
    except ProbeError as error:
        return Word(fault=_UNASKED.get(error.reason, "cannot be asked"), detail=str(error))
    except TimeoutError:
        return Word(fault="does not answer")


async def _ask(net: Attempt, resolver: str, question: dns.message.Message) -> dns.message.Message:
    address, port = split_nameserver(resolver)
    answer = await _over_udp(net, address, port, question)
    if not answer.flags & dns.flags.TC:
        return answer
    async with await net.dial(address, port, (address,)) as stream:
        answer = query.parsed(await query.over_stream(stream, question), stream.peer)
    if not question.is_response(answer):
        raise ProbeError(Reason.PROTOCOL, f"{stream.peer} answered another question")
    return answer


async def _over_udp(net: Attempt, address: str, port: int, question: dns.message.Message) -> dns.message.Message:
    async with net.open_udp(address, port) as socket:
        for wait in WAITS:
            socket.send(question.to_wire())
            try:
                async with asyncio.timeout(wait):
                    answer, _ = await query.over_udp(net, socket, question)
                    return answer
            except TimeoutError:
                continue
    raise TimeoutError


def _read(question: dns.message.Message, answer: dns.message.Message, subnet: str) -> Word:
    code = answer.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Word(fault=f"answers {dns.rcode.to_text(code)}")
    name, addresses = _follow(question, answer)
    if not addresses:
        return _nothing(answer)
    alias = "" if name == question.question[0].name else name.to_text(omit_final_dot=True)
    scope, why = _scope(answer, subnet)
    if why:
        return Word(common=addresses, why=why, alias=alias)
    return Word(localised=addresses, scope=scope, alias=alias)


def _follow(question: dns.message.Message, answer: dns.message.Message) -> tuple[dns.name.Name, tuple[str, ...]]:
    """The name at the end of the chain of CNAMEs, and its addresses."""
    name, wanted = question.question[0].name, question.question[0].rdtype
    for _ in range(_CHAIN_LIMIT):
        here = [(rrset.rdtype, rdata) for rrset in answer.answer if rrset.name == name for rdata in rrset]
        addresses = tuple(rdata.address for kind, rdata in here if kind == wanted)
        targets = [rdata.target for kind, rdata in here if kind == dns.rdatatype.CNAME]
        if addresses or not targets:
            return name, addresses
        name = targets[0]
    return name, ()


def _nothing(answer: dns.message.Message) -> Word:
    """Without an address: the authority's word has the zone's SOA (RFC 2308), a filtering resolver's own has none."""
    authority = any(rrset.rdtype == dns.rdatatype.SOA for rrset in answer.authority)
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return (
            Word(missing="does not exist") if authority else Word(fault="says by itself that the name does not exist")
        )
    return Word(missing="has no address") if authority else Word(fault="answers without an address")


def _scope(answer: dns.message.Message, subnet: str) -> tuple[int, str]:
    """The scope of the answer, and why it is not one for the subnet."""
    said = next((option for option in answer.options if isinstance(option, dns.edns.ECSOption)), None)
    if said is None:
        return 0, "does not say for which subnet it is"
    clients = ip_network(subnet)
    if (said.srclen, ip_address(said.address)) != (clients.prefixlen, clients.network_address):
        return 0, "is for another subnet"
    return said.scopelen, "" if said.scopelen else "is the same for every subnet"


def _together(said: Sequence[Word]) -> Word:
    """One resolver's words on the families of addresses as one: what is for the subnet wins over what is for all."""
    localised = [each for each in said if each.localised]
    if localised:
        return replace(localised[0], localised=tuple(chain(*(each.localised for each in localised))))
    common = [each for each in said if each.common]
    if common:
        return replace(common[0], common=tuple(chain(*(each.common for each in common))))
    return next((each for each in said if each.fault), said[0])
