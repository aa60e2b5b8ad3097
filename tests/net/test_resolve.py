"""Names are asked for anew each time, within the attempt's deadline, and a failure to resolve says so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import pytest

from exporter.errors import ProbeError
from exporter.model import NetworkOptions, Reason
from exporter.net import resolve
from exporter.net.resolve import Resolver
from tests.probing import full_descriptor_table, open_descriptors, probe
from tests.servers.dns import SERVFAIL, SILENCE, Answer, DNSServer, addresses
from tests.servers.ports import free_port


def nameserver(server: DNSServer) -> str:
    return f"{server.address}:{server.port}"


async def test_an_answer_is_not_cached_whatever_its_ttl() -> None:
    zone = {"moving.example": Answer(("A 127.0.0.1",), ttl=300)}
    async with DNSServer(zone) as server:
        resolver = Resolver([nameserver(server)])
        assert await resolver.addresses("moving.example", "ip4", False) == ["127.0.0.1"]
        zone["moving.example"] = Answer(("A 127.0.0.2",), ttl=300)
        assert await resolver.addresses("moving.example", "ip4", False) == ["127.0.0.2"]
        assert len(server.queries) == 2


async def test_a_name_that_did_not_exist_is_asked_for_again() -> None:
    zone: dict[str, Answer] = {}
    async with DNSServer(zone) as server:
        resolver = Resolver([nameserver(server)])
        with pytest.raises(ProbeError, match=r"cannot resolve new\.example"):
            await resolver.addresses("new.example", "ip4", True)
        zone["new.example"] = addresses("127.0.0.9")
        assert await resolver.addresses("new.example", "ip4", True) == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("preferred", "fallback", "expected"),
    [
        ("ip4", True, ["127.0.0.1", "::1"]),
        ("ip6", True, ["::1", "127.0.0.1"]),
        ("ip4", False, ["127.0.0.1"]),
        ("ip6", False, ["::1"]),
    ],
)
async def test_the_preferred_family_comes_first_and_alone_without_fallback(
    preferred: str, fallback: bool, expected: list[str]
) -> None:
    async with DNSServer({"both.example": addresses("127.0.0.1", "::1")}) as server:
        assert await Resolver([nameserver(server)]).addresses("both.example", preferred, fallback) == expected


async def test_without_fallback_a_name_of_the_other_family_has_no_address() -> None:
    async with DNSServer({"four.example": addresses("127.0.0.1")}) as server:
        with pytest.raises(ProbeError) as caught:
            await Resolver([nameserver(server)]).addresses("four.example", "ip6", False)
        assert caught.value.reason is Reason.RESOLVE


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1", "fe80::1%eth0"])
async def test_an_address_asks_nobody(literal: str) -> None:
    assert await Resolver([f"127.0.0.1:{free_port()}"]).addresses(literal, "ip6", True) == [literal]


async def test_names_of_the_hosts_file_resolve_without_a_nameserver() -> None:
    resolver = Resolver([f"127.0.0.1:{free_port()}"])
    assert "127.0.0.1" in await resolver.addresses("localhost", "ip4", True)


@pytest.mark.parametrize("name", ["a..b", "x" * 70 + ".example", "bücher..example"])
async def test_what_is_no_host_name_is_a_failure_to_resolve(name: str) -> None:
    async with DNSServer({}) as server:
        with pytest.raises(ProbeError) as caught:
            await Resolver([nameserver(server)]).addresses(name, "ip4", True)
        assert caught.value.reason is Reason.RESOLVE


async def test_an_international_name_is_asked_for_in_its_ascii_form() -> None:
    async with DNSServer({"xn--bcher-kva.example": addresses("127.0.0.3")}) as server:
        assert await Resolver([nameserver(server)]).addresses("bücher.example", "ip4", True) == ["127.0.0.3"]


async def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    many = Answer(tuple(f"A 127.0.1.{last}" for last in range(20)), truncated=True)
    async with DNSServer({"many.example": many}) as server:
        assert len(await Resolver([nameserver(server)]).addresses("many.example", "ip4", False)) == 20
        assert [transport for _, _, transport in server.queries] == ["udp", "tcp"]


async def test_a_silent_first_nameserver_costs_about_a_second() -> None:
    async with DNSServer({"a.example": SILENCE}) as dead, DNSServer({"a.example": addresses("127.0.0.1")}) as alive:
        before = time.monotonic()
        found = await Resolver([nameserver(dead), nameserver(alive)]).addresses("a.example", "ip4", False)
        assert found == ["127.0.0.1"]
        assert 0.9 < time.monotonic() - before < 2.0


async def test_a_first_nameserver_where_nobody_listens_costs_nothing() -> None:
    async with DNSServer({"a.example": addresses("127.0.0.1")}) as alive:
        resolver = Resolver([f"127.0.0.1:{free_port()}", nameserver(alive)])
        async with asyncio.timeout(0.5):
            assert await resolver.addresses("a.example", "ip4", False) == ["127.0.0.1"]


async def test_a_nameserver_that_fails_is_a_failure_to_resolve_and_is_not_asked_without_end() -> None:
    async with DNSServer({"a.example": SERVFAIL}) as server:
        options = NetworkOptions(nameservers=(nameserver(server),))
        only = {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False}
        result = await probe("tcp", "a.example:1", network=options, **only)
    assert result.reason is Reason.RESOLVE
    assert result.duration < 1.0
    assert len(server.queries) <= 3


async def test_a_dead_nameserver_ends_by_the_deadline_with_reason_resolve() -> None:
    async with DNSServer({"a.example": SILENCE}) as server:
        result = await probe(
            "tcp", "a.example:1", network=NetworkOptions(nameservers=(nameserver(server),)), within=0.3
        )
    assert result.reason is Reason.RESOLVE
    assert result.message == "no answer within 0.3 s while resolving a.example"
    assert 0.3 <= result.duration < 0.5
    assert result.samples["probe_dns_lookup_time_seconds"] == pytest.approx(result.phases["resolve"], abs=0.05)


async def test_a_nameserver_may_listen_on_an_ipv6_address() -> None:
    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
            reply = dns.message.make_response(dns.message.from_wire(data))
            reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", "127.0.0.6"))
            self.transport.sendto(reply.to_wire(), sender)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("::1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        assert await Resolver([f"[::1]:{port}"]).addresses("a.example", "ip4", False) == ["127.0.0.6"]
    finally:
        transport.close()
        await asyncio.sleep(0)


async def test_cancelling_a_lookup_leaves_no_socket_open() -> None:
    async with DNSServer({"a.example": SILENCE}) as server:
        before = open_descriptors()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await Resolver([nameserver(server)]).addresses("a.example", "ip4", True)
        assert open_descriptors() == before


async def test_a_full_table_of_descriptors_is_our_own_fault() -> None:
    async with DNSServer({"a.example": addresses("127.0.0.1")}) as server:
        resolver = Resolver([nameserver(server)])
        with full_descriptor_table(), pytest.raises(ProbeError) as caught:
            await resolver.addresses("a.example", "ip4", False)
        assert caught.value.reason is Reason.INTERNAL


async def test_many_lookups_at_once_do_not_disturb_each_other() -> None:
    zone = {f"n{number}.example": addresses(f"127.0.2.{number}") for number in range(100)}
    async with DNSServer(zone) as server:
        resolver = Resolver([nameserver(server)])
        found = await asyncio.gather(*(resolver.addresses(f"n{number}.example", "ip4", True) for number in range(100)))
    assert found == [[f"127.0.2.{number}"] for number in range(100)]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("127.0.0.1 localhost\n::1 ip6-localhost\n", ["127.0.0.1"]),
        ("# 10.0.0.1 localhost\n127.0.0.1\tvm localhost # and more\n::1 localhost\n", ["::1", "127.0.0.1"]),
    ],
)
async def test_localhost_is_where_the_hosts_file_says(
    written: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hosts"
    file.write_text(written)
    monkeypatch.setattr(resolve, "HOSTS", file)
    assert sorted(await resolve.Resolver().addresses("LocalHost.", "ip6", True)) == sorted(found)
