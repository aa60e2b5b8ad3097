"""What may be reached is decided by address, after resolution, whatever the address wears."""

from __future__ import annotations

import pytest

from exporter.errors import ProbeError
from exporter.model import NetworkOptions, Reason
from exporter.net.guard import Guard
from tests.probing import probe
from tests.servers.dns import DNSServer, addresses
from tests.servers.ports import free_port
from tests.servers.torture import Torture, echo

LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0.0.0.0", "::", "::ffff:0.0.0.0"]
)
def test_a_denied_address_is_denied_in_every_spelling(address: str) -> None:
    with pytest.raises(ProbeError) as caught:
        Guard(deny=LOOPBACK).check(address)
    assert caught.value.reason is Reason.INTERNAL
    assert address in str(caught.value)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::1", "fe80::1%eth0"])
def test_what_is_not_denied_is_allowed(address: str) -> None:
    Guard(deny=LOOPBACK).check(address)
    Guard().check(address)


def test_an_allow_list_allows_nothing_else() -> None:
    guard = Guard(allow=("192.0.2.0/24", "2001:db8::/32"))
    guard.check("192.0.2.200")
    guard.check("2001:db8::9")
    for address in ("198.51.100.1", "2001:db9::1"):
        with pytest.raises(ProbeError):
            guard.check(address)


def test_deny_wins_over_allow() -> None:
    with pytest.raises(ProbeError):
        Guard(allow=("10.0.0.0/8",), deny=("10.1.0.0/16",)).check("10.1.2.3")


async def test_a_name_that_resolves_to_a_denied_address_is_not_contacted() -> None:
    async with Torture(echo) as server, DNSServer({"sly.example": addresses("127.0.0.1")}) as dns:
        options = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",), deny=LOOPBACK)
        result = await probe("tcp", f"sly.example:{server.port}", network=options)
        assert result.reason is Reason.INTERNAL
        assert server.connections == 0


@pytest.mark.parametrize(("kind", "target"), [("dns", "127.0.0.1"), ("icmp", "127.0.0.1"), ("tcp", "[::1]:1")])
async def test_every_kind_is_guarded(kind: str, target: str) -> None:
    options = {"query_name": "example.org"} if kind == "dns" else {}
    result = await probe(kind, target, network=NetworkOptions(deny=LOOPBACK), **options)
    assert result.reason is Reason.INTERNAL
    assert "network.deny" in result.message


async def test_a_denied_address_is_not_asked_of_a_proxy_either() -> None:
    async with Torture(echo) as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        result = await probe(
            "tcp", f"127.0.0.1:{free_port()}", through=through, network=NetworkOptions(deny=("127.0.0.0/8",))
        )
        assert result.reason is Reason.INTERNAL
        assert proxy.connections == 0
