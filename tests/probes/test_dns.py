"""The dns kind: over every transport, against dnsmasq, and the same answers as blackbox_exporter's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import pytest

from exporter.model import NetworkOptions, Reason, Result
from exporter.options import TLSConfig
from exporter.probes import dns as kind
from exporter.probes.dns import Records
from tests.probes.blackbox import assert_same, blackbox
from tests.probing import needs, probe
from tests.servers.certificates import Authority
from tests.servers.datagrams import datagrams
from tests.servers.dns import REFUSED, SILENCE, Answer, DNSServer
from tests.servers.ports import free_port
from tests.servers.torture import Torture, closes_at_once, never_answers

ZONE = {
    "a.example": Answer(("A 127.0.0.1", "A 127.0.0.2", "AAAA 2001:db8::1"), ttl=300),
    "mail.example": Answer(
        ("MX 10 mx1.example.", "MX 20 mx2.example."), authority=("NS ns.example.",), additional=("A 127.0.0.9",)
    ),
    "text.example": Answer(
        ('TXT "v=spf1 -all" "second part"', r'TXT "quo\"te; semi"'),
    ),
    "example": Answer(("SOA ns.example. admin.example. 2026112401 3600 600 86400 60",)),
    "srv.example": Answer(("SRV 0 5 5060 sip.example.",)),
    "caa.example": Answer(('CAA 0 issue "ca.example"',)),
    "empty.example": Answer(),
    "refused.example": REFUSED,
    "silent.example": SILENCE,
}
DNSMASQ = """
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-daemon
local-ttl=77
address=/host.example/127.0.0.42
mx-host=host.example,mx.example,5
txt-record=host.example,"hello, world"
local=/example/
"""


async def ask(server: DNSServer | int, name: str, **options: Any) -> Result:
    port = server if isinstance(server, int) else server.port
    return await probe("dns", f"127.0.0.1:{port}", query_name=name, **options)


def right(query: bytes) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", "127.0.0.1"))
    return reply.to_wire()


@asynccontextmanager
async def dnsmasq(folder: Path) -> AsyncIterator[int]:
    port = free_port()
    file = folder / "dnsmasq.conf"
    file.write_text(DNSMASQ.format(port=port))
    process = await asyncio.create_subprocess_exec(
        needs("dnsmasq"), f"--conf-file={file}", f"--pid-file={folder / 'pid'}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while not (await ask(port, "host.example", within=0.2)).samples["probe_dns_query_succeeded"]:
                assert process.returncode is None, "dnsmasq did not start"
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_dnsmasq_is_asked(tmp_path: Path, transport: str) -> None:
    async with dnsmasq(tmp_path) as port:
        for query_type, line in (
            ("A", "host.example.\t77\tIN\tA\t127.0.0.42"),
            ("MX", "host.example.\t77\tIN\tMX\t5 mx.example."),
            ("TXT", 'host.example.\t77\tIN\tTXT\t"hello, world"'),
        ):
            result = await ask(port, "host.example", query_type=query_type, transport_protocol=transport)
            assert result.ok, result.message
            assert result.facts["answer"] == [line]
            assert result.samples["probe_dns_query_succeeded"] == 1.0
            assert set(result.phases) == {"resolve", "connect", "request"}
        result = await ask(port, "other.example", query_type="A", transport_protocol=transport)
        assert result.reason is Reason.STATUS
        assert result.message == "the server answered NXDOMAIN, wanted NOERROR"


async def test_dns_over_tls_verifies_the_server(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    over_tls = {"dns_over_tls": True, "transport_protocol": "tcp"}
    trusted = TLSConfig(ca_file=str(authority.file))
    async with DNSServer(ZONE, tls=authority.leaf("127.0.0.1").server_context()) as server:
        result = await ask(server, "a.example", query_type="A", tls_config=trusted, **over_tls)
        assert result.ok, result.message
        assert server.queries == [("a.example", "A", "tls")]
        assert set(result.phases) == {"resolve", "connect", "tls", "request"}
        shown = result.samples["probe_dns_duration_seconds", "connect"]
        assert shown == pytest.approx(result.phases["connect"] + result.phases["tls"])
        assert (await ask(server, "a.example", **over_tls)).reason is Reason.TLS


async def test_the_serial_of_a_zone_is_told() -> None:
    async with DNSServer(ZONE) as server:
        result = await ask(server, "example", query_type="SOA")
        assert result.samples["probe_dns_serial"] == 2026112401.0
        assert "probe_dns_serial" not in (await ask(server, "example", query_type="NS")).samples


async def test_a_truncated_answer_counts_as_it_is_and_is_not_asked_for_again() -> None:
    async with DNSServer({"long.example": Answer(("A 127.0.0.1",), truncated=True)}) as server:
        result = await ask(server, "long.example", query_type="A")
        assert result.ok, result.message
        assert result.samples["probe_dns_answer_rrs"] == 0.0
        assert len(server.queries) == 1


async def test_what_answers_another_question_is_passed_over() -> None:
    def spoofed(query: bytes) -> list[bytes]:
        other = dns.message.make_query("other.example", "A", id=int.from_bytes(query[:2], "big"))
        return [bytes([query[0] ^ 1]) + right(query)[1:], right(other.to_wire()), query, right(query)]

    async with datagrams(spoofed) as port:
        result = await ask(port, "a.example", query_type="A")
    assert result.ok, result.message
    assert result.facts["answer"] == ["a.example.\t60\tIN\tA\t127.0.0.1"]


async def test_only_wrong_answers_are_protocol_at_the_deadline() -> None:
    async with DNSServer({"a.example": Answer(("A 127.0.0.1",), wrong_id=True)}) as server:
        result = await ask(server, "a.example", within=0.3)
    assert result.reason is Reason.PROTOCOL
    assert result.message.endswith("which sent something else")


@pytest.mark.parametrize("tail", [b"", b"\x81", b"\x81\x80\0\1\0\1\0\0\0\0\xff\xff"])
async def test_garbage_with_the_right_identifier_is_protocol(tail: bytes) -> None:
    async with datagrams(lambda query: [query[:2] + tail]) as port:
        result = await ask(port, "a.example")
    assert result.reason is Reason.PROTOCOL
    assert "did not answer in DNS" in result.message


async def test_silence_is_timeout() -> None:
    async with DNSServer(ZONE) as server:
        for transport in ("udp", "tcp"):
            result = await ask(server, "silent.example", transport_protocol=transport, within=0.2)
            assert result.reason is Reason.TIMEOUT
            assert result.samples["probe_dns_query_succeeded"] == 0.0
            assert result.samples["probe_dns_duration_seconds", "request"] == pytest.approx(0.2, abs=0.1)


async def test_a_port_where_nobody_listens_is_connect() -> None:
    assert (await ask(free_port(), "a.example")).reason is Reason.CONNECT
    assert (await ask(free_port(), "a.example", transport_protocol="tcp")).reason is Reason.CONNECT


async def test_a_server_that_closes_without_an_answer_is_protocol() -> None:
    async with Torture(closes_at_once) as server:
        assert (await ask(server.port, "a.example", transport_protocol="tcp")).reason is Reason.PROTOCOL


async def test_a_server_whose_name_does_not_resolve_is_resolve() -> None:
    async with DNSServer({}) as resolver:
        network = NetworkOptions(nameservers=(f"127.0.0.1:{resolver.port}",))
        result = await probe("dns", "ns.example", query_name="a.example", network=network)
    assert result.reason is Reason.RESOLVE


async def test_a_handshake_that_never_ends_is_tls() -> None:
    async with Torture(never_answers) as server:
        result = await ask(server.port, "a.example", dns_over_tls=True, transport_protocol="tcp", within=0.2)
    assert result.reason is Reason.TLS


async def test_recursion_is_desired_unless_it_is_not() -> None:
    seen = []

    def note(query: bytes) -> list[bytes]:
        seen.append(bool(query[2] & 1))
        return [right(query)]

    async with datagrams(note) as port:
        assert (await ask(port, "a.example")).ok
        assert (await ask(port, "a.example", recursion_desired=False)).ok
    assert seen == [True, False]


async def test_records_that_are_sent_twice_are_counted_twice() -> None:
    async with DNSServer({"a.example": Answer(("A 127.0.0.1", "A 127.0.0.1", "A 127.0.0.2"))}) as server:
        result = await ask(server, "a.example", query_type="A")
    assert result.samples["probe_dns_answer_rrs"] == 3.0


@pytest.mark.parametrize("target", ["", "a b", "host:port", "host:0", "host:70000", "http://host", "[::1"])
def test_a_target_that_is_no_server_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(target))):
        kind.check_target(target)


@pytest.mark.parametrize(
    ("target", "server"),
    [
        ("host", ("host", 53)),
        ("host:5353", ("host", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
    ],
)
def test_a_target_is_a_server_with_or_without_a_port(target: str, server: tuple[str, int]) -> None:
    kind.check_target(target)
    assert kind.split_target(target, 53) == server


def test_dns_over_tls_needs_tcp() -> None:
    with pytest.raises(ValueError, match="transport_protocol: tcp"):
        kind.Options(query_name="a.example", dns_over_tls=True)


def rules(section: str, **patterns: list[str]) -> dict[str, Any]:
    return {f"validate_{section}_rrs": patterns}


ONE, TWO, NONE = "127.0.0.1$", r"\t127\.0\.0\.2$", "192.0.2"
RULES = {
    f"{rule} {patterns}": rules("answer", **{f"fail_if_{rule}_regexp": list(patterns)})
    for rule in ("matches", "all_match", "not_matches", "none_matches")
    for patterns in ((ONE,), (NONE,), (ONE, TWO), ("^a.example.\t300\tIN\tA\t127",), (NONE, TWO))
}
MODULES: dict[str, dict[str, Any]] = {
    "any": {"query_name": "a.example"},
    "a": {"query_name": "a.example", "query_type": "A"},
    "mx": {"query_name": "mail.example", "query_type": "MX"},
    "mx text": {
        "query_name": "mail.example",
        "query_type": "MX",
        **rules("answer", fail_if_not_matches_regexp=[r"^mail\.example\.\t60\tIN\tMX\t[12]0 mx[12]\.example\.$"]),
        **rules("authority", fail_if_not_matches_regexp=[r"^mail\.example\.\t60\tIN\tNS\tns\.example\.$"]),
        **rules("additional", fail_if_not_matches_regexp=[r"^mail\.example\.\t60\tIN\tA\t127\.0\.0\.9$"]),
    },
    "txt": {
        "query_name": "text.example",
        "query_type": "TXT",
        **rules(
            "answer",
            fail_if_not_matches_regexp=[
                r'^text\.example\.\t60\tIN\tTXT\t("v=spf1 -all" "second part"|"quo\\"te; semi")$'
            ],
        ),
    },
    "soa": {
        "query_name": "example",
        "query_type": "SOA",
        **rules(
            "answer",
            fail_if_not_matches_regexp=[
                r"^example\.\t60\tIN\tSOA\tns\.example\. admin\.example\. 2026112401 3600 600 86400 60$"
            ],
        ),
    },
    "srv": {
        "query_name": "srv.example",
        "query_type": "SRV",
        **rules("answer", fail_if_not_matches_regexp=[r"\tSRV\t0 5 5060 sip\.example\.$"]),
    },
    "caa": {
        "query_name": "caa.example",
        "query_type": "CAA",
        **rules("answer", fail_if_not_matches_regexp=[r'\tCAA\t0 issue "ca\.example"$']),
    },
    "aaaa": {
        "query_name": "a.example",
        "query_type": "AAAA",
        **rules("answer", fail_if_not_matches_regexp=[r"\tIN\tAAAA\t2001:db8::1$"]),
    },
    "tcp": {"query_name": "a.example", "transport_protocol": "tcp"},
    "nxdomain": {"query_name": "gone.example"},
    "nxdomain wanted": {"query_name": "gone.example", "valid_rcodes": ["NXDOMAIN", "NOERROR"]},
    "refused": {"query_name": "refused.example", "valid_rcodes": ["NXDOMAIN"]},
    "no soa": {"query_name": "a.example", "query_type": "SOA"},
    "silent": {"query_name": "silent.example"},
    "chaos": {"query_name": "a.example", "query_type": "TXT", "query_class": "CH"},
}
MODULES |= {f"{name} of two": {"query_name": "a.example", "query_type": "A", **block} for name, block in RULES.items()}
MODULES |= {f"{name} of none": {"query_name": "empty.example", **block} for name, block in RULES.items()}


def options_of(module: dict[str, Any]) -> dict[str, Any]:
    """As the configuration would make them of YAML."""
    made = dict(module)
    for name, value in module.items():
        if name.startswith("validate_"):
            made[name] = Records(**{rule: tuple(patterns) for rule, patterns in value.items()})
        if isinstance(value, list):
            made[name] = tuple(value)
    return made


async def test_the_same_module_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    modules = {name: {"prober": "dns", "timeout": "500ms", "dns": module} for name, module in MODULES.items()}
    async with blackbox(tmp_path, modules) as theirs, DNSServer(ZONE) as server:
        for name, module in MODULES.items():
            target = f"127.0.0.1:{server.port}"
            options = options_of(module)
            result = await probe("dns", target, within=0.5, **options)
            expected = await theirs(name, target)
            try:
                assert_same("dns", expected, result, kind.Options(**options))
            except AssertionError as error:
                error.add_note(f"module {name}: {result.message}")
                raise


def test_a_code_without_a_name_and_names_that_do_not_exist_are_refused() -> None:
    for parsed, found in ((kind.Type, "AB"), (kind.Class, "XX"), (kind.Code, "FINE"), (kind.Name, "a..b")):
        (parser,) = parsed.__metadata__
        with pytest.raises(ValueError, match="is not a"):
            parser.parse(found, Path())
