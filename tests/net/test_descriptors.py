"""Whenever an attempt ends, it leaves nothing open; when nothing can be opened, that is our own fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from exporter.dialogue import Step
from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from tests.probing import full_descriptor_table, probe, unanswering_port
from tests.servers.dns import SILENCE, DNSServer
from tests.servers.torture import Torture, echo, never_answers

Stuck = dict[str, Any]


@asynccontextmanager
async def stuck_resolving() -> AsyncIterator[Stuck]:
    async with DNSServer({"a.example": SILENCE}) as dns:
        yield {"kind": "tcp", "target": "a.example:1", "network": NetworkOptions((f"127.0.0.1:{dns.port}",))}


@asynccontextmanager
async def stuck_connecting() -> AsyncIterator[Stuck]:
    with unanswering_port() as port:
        yield {"kind": "tcp", "target": f"127.0.0.1:{port}"}


@asynccontextmanager
async def stuck_shaking_hands() -> AsyncIterator[Stuck]:
    async with Torture(never_answers) as server:
        yield {"kind": "tcp", "target": f"127.0.0.1:{server.port}", "tls": True}


@asynccontextmanager
async def stuck_talking() -> AsyncIterator[Stuck]:
    async with Torture(echo) as server:
        yield {"kind": "tcp", "target": f"127.0.0.1:{server.port}", "query_response": (Step(expect="never"),)}


@asynccontextmanager
async def stuck_behind_socks() -> AsyncIterator[Stuck]:
    async with Torture(never_answers) as server:
        yield {"kind": "tcp", "target": "127.0.0.1:1", "through": f"socks5h://127.0.0.1:{server.port}"}


@asynccontextmanager
async def stuck_behind_connect() -> AsyncIterator[Stuck]:
    async with Torture(never_answers) as server:
        yield {"kind": "tcp", "target": "127.0.0.1:1", "through": f"http://127.0.0.1:{server.port}"}


@asynccontextmanager
async def stuck_asking_by_udp() -> AsyncIterator[Stuck]:
    async with DNSServer({"a.example": SILENCE}) as dns:
        yield {"kind": "dns", "target": f"127.0.0.1:{dns.port}", "query_name": "a.example"}


@asynccontextmanager
async def stuck_asking_by_tcp() -> AsyncIterator[Stuck]:
    async with DNSServer({"a.example": SILENCE}) as dns:
        target = f"127.0.0.1:{dns.port}"
        yield {"kind": "dns", "target": target, "query_name": "a.example", "transport_protocol": "tcp"}


STUCK = (
    stuck_resolving,
    stuck_connecting,
    stuck_shaking_hands,
    stuck_talking,
    stuck_behind_socks,
    stuck_behind_connect,
    stuck_asking_by_udp,
    stuck_asking_by_tcp,
)


@pytest.mark.parametrize("place", STUCK, ids=lambda place: place.__name__)
async def test_the_deadline_leaves_no_socket_open(place: Any) -> None:
    async with place() as arguments:
        before = ours()
        result = await probe(within=0.15, **arguments)
        assert not result.ok
        assert result.reason is not Reason.INTERNAL, result.message
        assert result.duration < 0.4
        assert ours() == before


@pytest.mark.parametrize("place", STUCK, ids=lambda place: place.__name__)
async def test_cancelling_leaves_no_socket_open_and_is_not_swallowed(place: Any) -> None:
    async with place() as arguments:
        before = ours()
        task = asyncio.ensure_future(probe(within=5.0, **arguments))
        while ours() == before:  # noqa: ASYNC110 - a probe tells nobody how far it is
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours() == before


@pytest.mark.parametrize("place", STUCK, ids=lambda place: place.__name__)
async def test_a_full_table_of_descriptors_is_our_own_fault(place: Any) -> None:
    async with place() as arguments:
        network = Network(arguments.pop("network", NetworkOptions()))
        with full_descriptor_table():
            result = await probe(within=1.0, network=network, **arguments)
        assert result.reason is Reason.INTERNAL, result.message


def ours() -> int:
    """Sockets open on the side of whoever probes: the servers of these tests accept within the same process."""
    accepted = {c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return sum(1 for c in psutil.Process().net_connections("inet") if c.laddr not in accepted)
