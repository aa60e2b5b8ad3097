"""The edge kind: people of a subnet are sent somewhere, and that is where the probe goes, or nothing is claimed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.model import CONTROLS, NetworkOptions, Reason, Result
from exporter.net import subnet
from exporter.probes.tcp import Step
from exporter.regions import edge
from tests.probes.http_probing import Handler, site
from tests.probing import open_descriptors
from tests.regions.probing import endpoint, probe_from
from tests.servers.certificates import Authority
from tests.servers.dns import (
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    SILENCE,
    Answer,
    BySubnet,
    DNSServer,
    addresses,
    by_subnet,
)
from tests.servers.grpc import GRPCServer, serves
from tests.servers.listener import Listener, streams
from tests.servers.origin import Origin, Reply
from tests.servers.ports import free_port
from tests.servers.program import run_command

DE, US = "203.0.113.0/24", "198.51.100.0/24"
SOA = ("SOA ns.example. admin.example. 2026112401 3600 600 86400 60",)
Zone = Mapping[str, Answer | BySubnet]


def localised(address: str, subnet: str = DE, **about: Any) -> BySubnet:
    return by_subnet({subnet: Answer(addresses(address).records, **about)})


async def probe_edge(
    resolvers: DNSServer | tuple[DNSServer, ...],
    kind: str,
    target: str,
    subnet: str = DE,
    network: NetworkOptions | None = None,
    **about: Any,
) -> Result:
    several = resolvers if isinstance(resolvers, tuple) else (resolvers,)
    options = edge.Options(subnet=subnet, resolvers=tuple(f"{each.address}:{each.port}" for each in several))
    about.setdefault("preferred_ip_protocol", "ip4")
    return await probe_from("edge", options, endpoint(kind, target, **about), network)


@asynccontextmanager
async def edges(*hosts: str) -> AsyncIterator[list[Listener]]:
    """Servers at one port of several addresses, each of which says where it is as soon as somebody comes."""
    port, found = free_port(), []

    def saying(host: str) -> Any:
        async def greet(connection: Any) -> None:
            async with streams(connection) as (_, writer):
                writer.write(f"{host}\n".encode())

        return greet

    async with AsyncExitStack() as stack:
        for host in hosts:
            listener = Listener(saying(host), host, port)
            listener.open()
            stack.push_async_callback(listener.aclose)
            found.append(listener)
        yield found


async def greeting(
    resolvers: DNSServer | tuple[DNSServer, ...], port: int, expect: str = "^127", **about: Any
) -> Result:
    return await probe_edge(resolvers, "tcp", f"www.example:{port}", query_response=(Step(expect=expect),), **about)


async def test_people_of_each_subnet_are_sent_to_their_own_edge() -> None:
    zone = {"www.example": by_subnet({DE: addresses("127.0.0.2"), US: addresses("127.0.0.3")})}
    async with DNSServer(zone) as dns, edges("127.0.0.2", "127.0.0.3") as (german, american):
        for subnet, expected in ((DE, german), (US, american)):
            result = await greeting(dns, expected.port, expected.address, subnet=subnet)
            assert result.ok, result.message
            assert expected.connections == 1
            assert result.facts["address"] == expected.address
            resolver = f"{dns.address}:{dns.port}"
            assert result.samples["probe_edge_info", expected.address, resolver, "24"] == 1
            assert result.facts["edge"] == f"{expected.address} of www.example for {subnet}"
    assert set(dns.subnets) == {DE, US}


async def hello(request: web.Request) -> web.Response:
    assert request.transport is not None
    return web.Response(text=f"{request.host} at {request.transport.get_extra_info('sockname')[0]}")


async def test_the_edge_is_asked_by_the_services_name_and_its_certificate_holds(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.leaf("www.example").server_context()
    async with DNSServer({"www.example": localised("127.0.0.2")}) as dns, site(hello, tls, "127.0.0.2") as url:
        port = url.rpartition(":")[2]
        result = await probe_edge(
            dns, "http", f"https://www.example:{port}/", network=NetworkOptions(ca_file=str(authority.file)),
            fail_if_body_not_matches_regexp=(f"^www.example:{port} at 127.0.0.2$",),
        )  # fmt: skip
    assert result.ok, result.message
    assert "CN=www.example" in result.facts["certificate"]


async def test_an_echo_comes_from_the_edge() -> None:
    async with DNSServer({"www.example": localised("127.0.0.2")}) as dns:
        result = await probe_edge(dns, "icmp", "www.example")
    assert (result.ok, result.facts["address"]) == (True, "127.0.0.2"), result.message


async def test_a_call_and_a_web_socket_go_to_the_edge_by_the_services_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaf, network = authority.leaf("www.example"), NetworkOptions(ca_file=str(authority.file))
    zone = {"www.example": localised("127.0.0.1"), "chat.example": localised("127.0.0.2")}
    greeting = Reply(status=101, messages=lambda: ["hello"], cut=0)
    async with (
        DNSServer(zone) as dns,
        GRPCServer(serves("SERVING"), tls=leaf.server_context(alpn=("h2",))) as called,
        Origin(lambda request: greeting, address="127.0.0.2", host="chat.example") as origin,
    ):
        call = await probe_edge(dns, "grpc", f"www.example:{called.port}", tls=True, network=network)
        assert call.ok, call.message
        assert called.calls[0].field(":authority") == "www.example"
        expected = (Step(expect="^hello$"),)
        opened = await probe_edge(dns, "websocket", origin.stream_url, query_response=expected)
        assert opened.ok, opened.message
        assert origin.requests[0].headers["host"] == origin.url.removeprefix("http://")
        assert (call.facts["address"], opened.facts["address"]) == ("127.0.0.1", "127.0.0.2")


@pytest.mark.parametrize("local", ["203.0.113.0/24", "2001:db8:1::/56"])
@pytest.mark.parametrize(("preferred", "expected"), [("ip4", "127.0.0.2"), ("ip6", "::1")])
async def test_both_families_are_asked_for_whatever_that_of_the_subnet(
    local: str, preferred: str, expected: str
) -> None:
    zone = {"www.example": by_subnet({local: addresses("127.0.0.2", "::1")})}
    async with DNSServer(zone) as dns:
        result = await probe_edge(dns, "icmp", "www.example", subnet=local, preferred_ip_protocol=preferred)
    assert (result.ok, result.facts["address"]) == (True, expected), result.message


async def test_an_edge_of_the_other_family_is_tried_when_any_will_do() -> None:
    zone = {"www.example": by_subnet({DE: addresses("127.0.0.2", "::1")})}
    async with DNSServer(zone) as dns, site(hello, host="127.0.0.2") as url:
        target = f"http://www.example:{url.rpartition(':')[2]}/"
        result = await probe_edge(dns, "http", target, addresses="any", preferred_ip_protocol="ip6")
    assert (result.ok, result.facts["address"]) == (True, "127.0.0.2"), result.message


async def test_the_preferred_family_alone_is_asked_for_without_fallback() -> None:
    async with DNSServer({"www.example": localised("127.0.0.2")}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", ip_protocol_fallback=False)
        assert result.ok, result.message
        assert [kind for _, kind, _ in dns.queries] == ["A"]


async def test_a_family_that_is_localised_wins_over_a_preferred_one_that_is_not() -> None:
    def answer(subnet: str) -> Answer:
        return Answer(("A 127.0.0.2",), scope=24)

    def mixed(subnet: str) -> Answer:
        return Answer(("AAAA ::1",), scope=0)

    class ByType(DNSServer):
        async def _reply(self, wire: bytes, transport: str) -> bytes | None:
            self.zone = {"www.example": answer if b"\x00\x01\x00\x01" in wire[12:] else mixed}
            return await super()._reply(wire, transport)

    async with ByType({}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", preferred_ip_protocol="ip6")
    assert (result.ok, result.facts["address"]) == (True, "127.0.0.2"), result.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(("A 127.0.0.2",), scope=0), "is the same for every subnet"),
        (Answer(("A 127.0.0.2",)), "does not say for which subnet it is"),
        (Answer(("A 127.0.0.2",), scope=24, wrong_subnet=True), "is for another subnet"),
    ],
)
async def test_an_answer_that_is_not_for_the_subnet_claims_no_region(answer: Answer, said: str) -> None:
    async with DNSServer({"www.example": answer}) as dns, edges("127.0.0.2") as (anywhere,):
        result = await greeting(dns, anywhere.port)
        assert (result.ok, result.reason) == (False, Reason.VANTAGE)
        assert result.message == f"no edge of www.example is known: the resolver's answer {said}"
        assert not [key for key in result.samples if "probe_edge_info" in key]
        assert anywhere.connections == 0
        [word] = result.facts["resolvers"]
        assert word["answer"] == f"127.0.0.2, which {said}"
        # A control proves that this line sees the internet, and claims no edge.
        assert (await greeting(dns, anywhere.port, service=CONTROLS)).ok


async def test_a_chain_of_aliases_is_followed_within_the_answer() -> None:
    chain = ("www.example.cdn.example", "e7.cdn.example")
    async with DNSServer({"www.example": localised("127.0.0.2", chain=chain)}) as dns:
        result = await probe_edge(dns, "icmp", "www.example")
    assert result.ok, result.message
    assert result.facts["resolvers"][0]["answer"] == "127.0.0.2 (scope /24, by the name e7.cdn.example)"


async def test_of_many_addresses_a_person_is_shown_a_few() -> None:
    many = Answer(addresses(*(f"127.0.0.{last}" for last in range(1, 61))).records, scope=24)
    async with DNSServer({"www.example": many}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", ip_protocol_fallback=False)
    assert result.facts["resolvers"][0]["answer"].endswith("127.0.0.8 and 52 more (scope /24)"), result.message


async def test_aliases_in_a_circle_lead_nowhere() -> None:
    async with DNSServer({"www.example": Answer(chain=("a.example", "www.example"), scope=24)}) as dns:
        result = await probe_edge(dns, "icmp", "www.example")
    assert (result.reason, result.message) == (
        Reason.VANTAGE, "nobody says where www.example is: a resolver answers without an address",
    )  # fmt: skip


async def test_an_answer_that_is_truncated_is_asked_for_by_tcp() -> None:
    async with DNSServer({"www.example": localised("127.0.0.2", truncated=True)}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", ip_protocol_fallback=False)
        assert result.ok, result.message
        assert [transport for *_, transport in dns.queries] == ["udp", "tcp"]


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (SERVFAIL, Reason.VANTAGE, "nobody says where www.example is: a resolver answers SERVFAIL"),
        (REFUSED, Reason.VANTAGE, "nobody says where www.example is: a resolver answers REFUSED"),
        # The zone's own word, for all subnets alike.
        (Answer(rcode=NXDOMAIN.rcode, authority=SOA), Reason.RESOLVE, "www.example does not exist"),
        (Answer(authority=SOA), Reason.RESOLVE, "www.example has no address"),
        # The resolver's.
        (NXDOMAIN, Reason.VANTAGE, "a resolver says by itself that the name does not exist"),
        (Answer(), Reason.VANTAGE, "a resolver answers without an address"),
    ],
)
async def test_whose_fault_it_is_that_there_is_no_address(answer: Answer, reason: Reason, said: str) -> None:
    async with DNSServer({"www.example": answer}) as dns:
        result = await probe_edge(dns, "icmp", "www.example")
    assert result.reason is reason
    assert said in result.message


@pytest.mark.parametrize("answer", [SILENCE, Answer(("A 127.0.0.2",), wrong_id=True, scope=24)])
async def test_a_resolver_that_says_nothing_is_the_vantages_fault(answer: Answer) -> None:
    async with DNSServer({"www.example": answer}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", within=0.2)
    assert result.reason is Reason.VANTAGE
    assert result.message == "no answer within 0.2 s while waiting for a resolver to say where www.example is"


async def test_a_silent_resolver_is_asked_three_times_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subnet, "WAITS", (0.05, 0.05, 0.05))
    async with DNSServer({"www.example": SILENCE}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", ip_protocol_fallback=False)
        assert len(dns.queries) == 3
    assert (result.reason, result.message) == (
        Reason.VANTAGE, "nobody says where www.example is: a resolver does not answer",
    )  # fmt: skip


async def test_a_resolver_that_does_not_listen_is_the_vantages_fault_at_once() -> None:
    dead = DNSServer({}, port=free_port())
    result = await probe_edge(dead, "icmp", "www.example")
    assert (result.reason, result.message) == (
        Reason.VANTAGE, "nobody says where www.example is: a resolver refuses to be asked",
    )  # fmt: skip
    assert str(dead.port) in result.facts["resolvers"][0]["answer"]


async def test_the_first_of_several_resolvers_that_knows_the_subnet_counts() -> None:
    anywhere, here = Answer(("A 127.0.0.3",), scope=0), localised("127.0.0.2")
    async with (
        DNSServer({"www.example": SERVFAIL}) as broken,
        DNSServer({"www.example": anywhere}) as blind,
        DNSServer({"www.example": here}) as knowing,
        DNSServer({"www.example": localised("127.0.0.4")}) as last,
    ):
        result = await probe_edge((broken, blind, knowing, last), "icmp", "www.example")
    assert (result.ok, result.facts["address"]) == (True, "127.0.0.2"), result.message


async def test_a_slower_resolver_that_is_named_first_is_preferred_while_it_is_prompt() -> None:
    async with (
        DNSServer({"www.example": localised("127.0.0.2", delay=0.1)}) as first,
        DNSServer({"www.example": localised("127.0.0.3")}) as second,
    ):
        result = await probe_edge((first, second), "icmp", "www.example")
    assert result.facts["address"] == "127.0.0.2"


@pytest.mark.parametrize("scope", [24, 0])
async def test_a_silent_resolver_does_not_keep_the_others_from_being_heard(scope: int) -> None:
    async with (
        DNSServer({"www.example": SILENCE}) as silent,
        DNSServer({"www.example": Answer(("A 127.0.0.2",), scope=scope)}) as second,
    ):
        result = await probe_edge((silent, second), "icmp", "www.example")
    assert result.ok is (scope == 24), result.message
    assert result.phases["resolve"] < 2.5  # a second of patience, not the seconds until the silent one is given up


async def test_resolvers_that_disagree_are_seen_to() -> None:
    async with (
        DNSServer({"www.example": localised("127.0.0.2", delay=0.1)}) as first,
        DNSServer({"www.example": localised("127.0.0.3")}) as second,
    ):
        result = await probe_edge((first, second), "icmp", "www.example")
        ours, theirs = (f"{each.address}:{each.port}" for each in (first, second))
        assert result.facts["disagreement"] == [f"www.example is 127.0.0.2 by {ours}, 127.0.0.3 by {theirs}"]
        second.zone = first.zone
        assert "disagreement" not in (await probe_edge((first, second), "icmp", "www.example")).facts


def redirecting_to(location: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/":
            raise web.HTTPFound(location)
        return await hello(request)

    return handler


@pytest.mark.parametrize(
    ("where", "reason", "said"),
    [
        ("elsewhere.example", None, ""),
        ("everywhere.example", Reason.VANTAGE, "no edge of everywhere.example is known"),
        ("127.0.0.3", Reason.VANTAGE, "127.0.0.3 is an address, which is the same for every subnet"),
    ],
)
async def test_a_redirect_leads_to_an_edge_too_or_nothing_is_claimed(
    where: str, reason: Reason | None, said: str
) -> None:
    zone: Zone = {
        "www.example": localised("127.0.0.2"),
        "elsewhere.example": localised("127.0.0.3"),
        "everywhere.example": Answer(("A 127.0.0.3",), scope=0),
    }
    async with DNSServer(zone) as dns, site(hello, host="127.0.0.3") as there:
        location = f"http://{where}:{there.rpartition(':')[2]}/there"
        async with site(redirecting_to(location), host="127.0.0.2") as url:
            result = await probe_edge(dns, "http", f"http://www.example:{url.rpartition(':')[2]}/")
    assert result.reason is reason, result.message
    assert said in result.message
    assert [key[1] for key in result.samples if key[0] == "probe_edge_info"] == ["127.0.0.2"]


async def test_the_guard_holds_for_an_edge() -> None:
    async with DNSServer({"www.example": localised("127.0.0.2")}) as dns, edges("127.0.0.2") as (denied,):
        result = await greeting(dns, denied.port, network=NetworkOptions(deny=("127.0.0.2/32",)))
        assert denied.connections == 0
    assert (result.reason, result.message) == (
        Reason.INTERNAL, "127.0.0.2 is in network.deny, so it was not contacted",
    )  # fmt: skip


async def test_the_guard_holds_for_a_resolver() -> None:
    async with DNSServer({"www.example": localised("127.0.0.2")}) as dns:
        result = await probe_edge(dns, "icmp", "www.example", network=NetworkOptions(deny=("127.0.0.1/32",)))
        assert dns.queries == []
    assert (result.reason, result.message) == (
        Reason.VANTAGE, "nobody says where www.example is: a resolver cannot be asked",
    )  # fmt: skip
    assert "network.deny" in result.facts["resolvers"][0]["answer"]


async def test_an_address_as_a_controls_target_is_simply_used() -> None:
    async with DNSServer({}) as dns, edges("127.0.0.2") as (there,):
        target = f"127.0.0.2:{there.port}"
        assert (await probe_edge(dns, "tcp", target, service=CONTROLS)).ok
        assert (await probe_edge(dns, "tcp", target)).reason is Reason.VANTAGE
    assert dns.queries == []


async def test_nothing_is_left_open_when_the_time_is_over() -> None:
    async with DNSServer({"www.example": SILENCE}) as dns:
        await probe_edge(dns, "icmp", "www.example", within=0.1)
        before = open_descriptors()
        await probe_edge((dns, dns), "icmp", "www.example", within=0.1)
        assert open_descriptors() == before


SHOP = """
defaults: {{timeout: 3s}}
regions:
  here: {{kind: local}}
  de: {{kind: edge, subnet: 203.0.113.0/24, resolvers: ["{resolver}"]}}
  us: {{kind: edge, subnet: 198.51.100.0/24, resolvers: ["{resolver}"]}}
controls:
  nearby: {{kind: tcp, target: "127.0.0.1:{port}"}}
services:
  shop:
    features:
      page:
        core: true
        endpoints: {{home: {{kind: tcp, target: "localhost:{port}", tcp: {{preferred_ip_protocol: ip4}}}}}}
"""


async def test_the_state_in_a_region_of_which_nothing_is_known_is_unknown(tmp_path: Path) -> None:
    everywhere = Answer(("A 127.0.0.2",), scope=0)
    zone = {"localhost": by_subnet({DE: addresses("127.0.0.2")}, everywhere)}
    async with DNSServer(zone) as dns, edges("127.0.0.1", "127.0.0.2") as (near, _):
        file = tmp_path / "outage.yaml"
        file.write_text(SHOP.format(resolver=f"{dns.address}:{dns.port}", port=near.port))
        checked = await run_command("check", "--config.file", file)
    header, row = (line.split() for line in checked.output.splitlines()[-2:])
    states = dict(zip(header, row, strict=True))
    assert states == {"feature": "page", "here": "up", "de": "up", "us": "unknown"}, checked.output
    assert checked.status == 0
