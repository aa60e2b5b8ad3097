"""The DNS server, asked by dnspython."""

from __future__ import annotations

import ssl
from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.servers.certificates import Authority
from tests.servers.dns import REFUSED, SERVFAIL, SILENCE, Answer, DNSServer, addresses, by_subnet

ZONE = {
    "both.example": addresses("127.0.0.1", "::1"),
    "mail.example": Answer(("MX 10 mx.example.", "TXT hello", "SOA a. b. 2024 1 2 3 4"), authority=("NS ns.example.",)),
    "servfail.example": SERVFAIL,
    "refused.example": REFUSED,
    "silent.example": SILENCE,
    "large.example": Answer(("A 127.0.0.1",), truncated=True),
    "forged.example": Answer(("A 127.0.0.1",), wrong_id=True),
    "slow.example": Answer(("A 127.0.0.1",), delay=0.1),
}


async def ask(server: DNSServer, name: str, kind: str = "A") -> dns.message.Message:
    return await dns.asyncquery.udp(dns.message.make_query(name, kind), server.address, 2, server.port)


def texts(message: dns.message.Message) -> list[str]:
    return [record.to_text() for found in message.answer for record in found]


async def test_each_type_is_answered_with_its_records() -> None:
    async with DNSServer(ZONE) as server:
        assert texts(await ask(server, "Both.Example")) == ["127.0.0.1"]
        assert texts(await ask(server, "both.example", "AAAA")) == ["::1"]
        assert texts(await ask(server, "mail.example", "MX")) == ["10 mx.example."]
        assert texts(await ask(server, "mail.example", "TXT")) == ['"hello"']
        soa = await ask(server, "mail.example", "SOA")
        assert texts(soa) == ["a. b. 2024 1 2 3 4"]
        assert len(soa.authority) == 1
        assert server.queries[0] == ("both.example", "A", "udp")


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("nowhere.example", dns.rcode.NXDOMAIN),
        ("servfail.example", dns.rcode.SERVFAIL),
        ("refused.example", dns.rcode.REFUSED),
    ],
)
async def test_a_refusal_has_its_code(name: str, rcode: dns.rcode.Rcode) -> None:
    async with DNSServer(ZONE) as server:
        assert (await ask(server, name)).rcode() == rcode


async def test_a_truncated_answer_is_whole_over_tcp() -> None:
    async with DNSServer(ZONE) as server:
        query = dns.message.make_query("large.example", "A")
        first = await dns.asyncquery.udp(query, server.address, 2, server.port)
        assert first.flags & dns.flags.TC
        assert not first.answer
        assert texts(await dns.asyncquery.tcp(query, server.address, 2, server.port)) == ["127.0.0.1"]


async def test_silence_a_late_answer_and_a_wrong_id() -> None:
    async with DNSServer(ZONE) as server:
        query = dns.message.make_query("silent.example", "A")
        with pytest.raises(dns.exception.Timeout):
            await dns.asyncquery.udp(query, server.address, 0.1, server.port)
        assert (await ask(server, "slow.example")).time >= 0.1
        with pytest.raises(dns.query.BadResponse):
            await ask(server, "forged.example")


async def test_the_zone_can_change_while_it_runs() -> None:
    zone = dict(ZONE)
    async with DNSServer(zone) as server:
        zone["both.example"] = addresses("127.9.9.9")
        assert texts(await ask(server, "both.example")) == ["127.9.9.9"]


async def test_dns_over_tls_verifies(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with DNSServer(ZONE, tls=authority.leaf("127.0.0.1").server_context()) as server:
        query = dns.message.make_query("both.example", "A")
        context = authority.client_context()
        answer = await dns.asyncquery.tls(
            query, server.address, 2, server.port, ssl_context=context, server_hostname="127.0.0.1"
        )
        assert texts(answer) == ["127.0.0.1"]
        with pytest.raises(ssl.SSLCertVerificationError):
            await dns.asyncquery.tls(
                query, server.address, 2, server.port,
                ssl_context=ssl.create_default_context(), server_hostname="127.0.0.1",
            )  # fmt: skip


async def test_an_answer_may_depend_on_the_clients_subnet_and_says_its_scope_to_those_who_name_one() -> None:
    everywhere = Answer(("A 127.0.0.9",), scope=0)
    zone = {"www.example": by_subnet({"203.0.113.0/24": addresses("127.0.0.2")}, everywhere)}
    async with DNSServer(zone) as server:
        for subnet, address, scope in (("203.0.113.0", "127.0.0.2", 24), ("198.51.100.0", "127.0.0.9", 0)):
            option = dns.edns.ECSOption(subnet, 24)
            query = dns.message.make_query("www.example", "A", use_edns=0, options=[option])
            answer = await dns.asyncquery.udp(query, server.address, 2, server.port)
            assert texts(answer) == [address]
            assert [each.scopelen for each in answer.options] == [scope]
        assert (await ask(server, "www.example")).options == ()
    assert server.subnets == ["203.0.113.0/24", "198.51.100.0/24", ""]


async def test_records_may_be_those_of_the_last_name_of_a_chain() -> None:
    zone = {"www.example": Answer(("A 127.0.0.2",), chain=("a.example", "b.example"))}
    async with DNSServer(zone) as server:
        answer = await ask(server, "www.example")
    assert [rrset.to_text().split()[0::3] for rrset in answer.answer] == [
        ["www.example.", "CNAME"],
        ["a.example.", "CNAME"],
        ["b.example.", "A"],
    ]
