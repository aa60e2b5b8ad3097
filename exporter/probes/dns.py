"""DNS: ask a server one question and judge the answer's code and records.

Options and metrics are those of blackbox_exporter's dns prober, the inverted
`fail_if_all_match_regexp` among them: it fails when *not* all records match. The target is the
server, `host` or `host:port`. A code that is not valid is `status`, a record that should (not)
match is `body`, what is no DNS message is `protocol`. Phases: resolve, connect, tls, request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from exporter import net as network
from exporter.assertions.records import ANY, Records, record_fault
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Attempt, query
from exporter.options import IPProtocol, Parsed, TLSConfig

_PHASES = {"resolve": ("resolve",), "connect": ("connect", "tls"), "request": ("request",)}
"""blackbox_exporter's phases, and which of ours each covers."""
_SECTIONS = ("answer", "authority", "additional")

FAMILIES = (
    Family("probe_dns_duration_seconds", "How long each phase took.", ("phase",)),
    Family("probe_dns_answer_rrs", "Records in the answer section."),
    Family("probe_dns_authority_rrs", "Records in the authority section."),
    Family("probe_dns_additional_rrs", "Records in the additional section."),
    Family("probe_dns_query_succeeded", "Whether the server answered at all."),
    Family("probe_dns_serial", "The serial of the zone, for SOA questions; 0 when the answer has none."),
    *network.FAMILIES,
    *(family for family in network.TLS_FAMILIES if family.name != "probe_tls_cipher_info"),
)


def _named(what: str, parse: Any) -> Parsed:
    def check(found: Any, folder: Any = None) -> str:
        try:
            if isinstance(found, list | dict):  # whose text can be a name
                raise ValueError("neither a text nor a number")
            parse(str(found))
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"{found!r} is not a {what}") from error
        return str(found)

    return Parsed(check, {"type": "string"})


Name = Annotated[str, _named("domain name", dns.name.from_text)]
Type = Annotated[str, _named("DNS record type", dns.rdatatype.from_text)]
Class = Annotated[str, _named("DNS class", dns.rdataclass.from_text)]
Code = Annotated[str, _named("DNS response code", dns.rcode.from_text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys."""

    query_name: Name
    query_type: Type = "ANY"
    query_class: Class = "IN"
    transport_protocol: Literal["udp", "tcp"] = "udp"
    dns_over_tls: bool = False
    tls_config: TLSConfig = TLSConfig()
    recursion_desired: bool = True
    source_ip_address: str | None = None
    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True
    valid_rcodes: tuple[Code, ...] = ("NOERROR",)
    validate_answer_rrs: Records = ANY
    validate_authority_rrs: Records = ANY
    validate_additional_rrs: Records = ANY

    def __post_init__(self) -> None:
        if self.dns_over_tls and self.transport_protocol != "tcp":
            raise ValueError("dns_over_tls needs transport_protocol: tcp")


def check_target(target: str) -> None:
    """ValueError unless `target` is a server, `host` or `host:port`."""
    split_target(target, 53)


def split_target(target: str, default: int) -> tuple[str, int]:
    """Host and port of the server."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^\[\]:/\s]+))(?::(\d{1,5}))?|([0-9a-fA-F:]*:[0-9a-fA-F:.]*)", target)
    if not match or (match[3] and not 1 <= int(match[3]) <= 65535):
        raise ValueError(f"{target!r} is not a DNS server; write host, host:port or [2001:db8::1]:53")
    return match[1] or match[2] or match[4], int(match[3] or default)


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Ask, and judge the answer."""
    host, port = split_target(endpoint.target, 853 if options.dns_over_tls else 53)
    net.samples |= {f"probe_dns_{section}_rrs": 0.0 for section in _SECTIONS}
    net.samples["probe_dns_query_succeeded"] = 0.0
    try:
        addresses = await net.resolve(host, options.preferred_ip_protocol, options.ip_protocol_fallback)
        question = _question(options)
        if options.transport_protocol == "udp":
            answer = await _over_udp(net, options, question, addresses[0], port)
        else:
            answer = await _over_stream(net, options, question, host, addresses[:1], port)
    finally:
        net.end()
        for phase, covered in _PHASES.items():
            net.samples["probe_dns_duration_seconds", phase] = sum(net.phases.get(name, 0.0) for name in covered)
    _note(net, options, answer)
    _judge(options, answer)
    return net.result()


def _question(options: Options) -> dns.message.Message:
    return dns.message.make_query(
        options.query_name,
        options.query_type,
        options.query_class,
        flags=dns.flags.RD if options.recursion_desired else 0,
    )


async def _over_udp(
    net: Attempt, options: Options, question: dns.message.Message, address: str, port: int
) -> dns.message.Message:
    net.enter("connect", f"preparing to ask {address}", Reason.CONNECT)
    async with net.open_udp(address, port, options.source_ip_address) as socket:
        net.enter("request", f"waiting for the answer of {socket.peer}")
        socket.send(question.to_wire())
        answer, at = await query.over_udp(net, socket, question)
        net.end(at)
        return answer


async def _over_stream(
    net: Attempt, options: Options, question: dns.message.Message, host: str, addresses: Sequence[str], port: int
) -> dns.message.Message:
    async with await net.dial(host, port, addresses, options.source_ip_address) as stream:
        if options.dns_over_tls:
            await net.secure(stream, options.tls_config, host)
            for key in [key for key in net.samples if key[0] == "probe_tls_cipher_info"]:
                del net.samples[key]
        net.enter("request", f"waiting for the answer of {stream.peer}")
        data = await query.over_stream(stream, question)
        net.end(stream.last_byte_at)
        net.note_stream(stream)
        answer = query.parsed(data, stream.peer)
    if not question.is_response(answer):
        raise ProbeError(Reason.PROTOCOL, "the server answered another question")
    return answer


def _note(net: Attempt, options: Options, answer: dns.message.Message) -> None:
    net.samples["probe_dns_query_succeeded"] = 1.0
    for section in _SECTIONS:
        lines = list(_lines(getattr(answer, section)))
        net.samples[f"probe_dns_{section}_rrs"] = float(len(lines))
        net.facts[section] = lines[:50]
    net.facts["rcode"] = dns.rcode.to_text(answer.rcode())
    if options.query_type.upper() == "SOA":
        serials = [rdata.serial for rrset in answer.answer for rdata in rrset if rrset.rdtype == dns.rdatatype.SOA]
        net.samples["probe_dns_serial"] = float(serials[-1]) if serials else 0.0


def _judge(options: Options, answer: dns.message.Message) -> None:
    code = dns.rcode.to_text(answer.rcode())
    if code not in (valid.upper() for valid in options.valid_rcodes):
        raise ProbeError(Reason.STATUS, f"the server answered {code}, wanted {' or '.join(options.valid_rcodes)}")
    for section in _SECTIONS:
        rules: Records = getattr(options, f"validate_{section}_rrs")
        if (fault := record_fault(section, rules, list(_lines(getattr(answer, section))))) is not None:
            raise ProbeError(Reason.BODY, fault)


def _lines(section: Iterable[dns.rrset.RRset]) -> Iterable[str]:
    """Each record as blackbox_exporter's DNS library writes it: name, TTL, class, type and data, parted by tabs."""
    for rrset in section:
        kind = f"{dns.rdataclass.to_text(rrset.rdclass)}\t{dns.rdatatype.to_text(rrset.rdtype)}"
        head = f"{rrset.name}\t{rrset.ttl}\t{kind}"
        yield from (f"{head}\t{rdata.to_text()}" for rdata in rrset)
