"""A stream knows when bytes arrived, not when this program came round to reading them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from exporter.dialogue import Step
from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from exporter.options import TLSConfig
from tests.probing import probe, unanswering_port
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.torture import Conversation, Torture, echo, resets_at_once, resets_before_tls

ANSWERS_IN_50_MS = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    connection, _ = listening.accept()
    connection.recv(100)
    time.sleep(0.05)
    connection.sendall(b"first")
    connection.recv(100)
"""


@pytest.fixture
async def slow_port() -> AsyncIterator[int]:
    """Of another process, so that a blocked loop here does not delay it."""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", ANSWERS_IN_50_MS, stdout=subprocess.PIPE)
    assert server.stdout is not None
    yield int(await server.stdout.readline())
    await server.wait()
    server._transport.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")
async def test_a_blocked_loop_does_not_distort_the_first_byte(slow_port: int) -> None:
    net = Network(NetworkOptions()).attempt(5.0)
    async with await net.dial("127.0.0.1", slow_port, ("127.0.0.1",)) as stream:
        sent = time.monotonic()
        await stream.send(b"hello")
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is busy with something else
        assert await stream.receive() == b"first"
        assert stream.first_byte_at is not None
        assert stream.last_byte_at == pytest.approx(stream.first_byte_at, abs=1e-3)
        assert 0.049 < stream.first_byte_at - sent < 0.09
        net.note_stream(stream)
    assert net.samples["probe_clock_info", "kernel"] == 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has TCP_INFO")
async def test_round_trip_and_retransmits_come_from_the_kernel() -> None:
    async with Torture(echo) as server:
        result = await probe("tcp", f"127.0.0.1:{server.port}", query_response=())
    assert 0.0 < result.samples["probe_tcp_round_trip_seconds"] < 0.1
    assert result.samples["probe_tcp_retransmits"] == 0.0


async def test_a_refused_connection_is_connect_and_says_where() -> None:
    port = free_port()
    result = await probe("tcp", f"127.0.0.1:{port}")
    assert (result.reason, result.message) == (
        Reason.CONNECT,
        f"no connection to 127.0.0.1:{port}: connection refused",
    )


async def test_an_unanswered_connection_is_connect_at_the_deadline() -> None:
    with unanswering_port() as port:
        result = await probe("tcp", f"127.0.0.1:{port}", within=0.3)
    assert result.reason is Reason.CONNECT
    assert result.phases["connect"] == pytest.approx(0.3, abs=0.1)


async def test_a_reset_is_protocol_however_early_it_comes() -> None:
    for behaviour in (resets_at_once, resets_before_tls):
        async with Torture(behaviour) as server:
            step = Step(expect="never", send="hello")
            result = await probe("tcp", f"127.0.0.1:{server.port}", query_response=(step,))
        assert result.reason is Reason.PROTOCOL, result.message


async def test_much_data_both_ways_arrives_whole() -> None:
    async def mirror(client: Conversation) -> None:
        while data := await client.reader.read(1 << 16):
            await client.send(data)

    sent = bytes(range(256)) * 8192
    net = Network(NetworkOptions()).attempt(5.0)
    async with Torture(mirror) as server, await net.dial("localhost", server.port, ("127.0.0.1",)) as stream:
        sending = asyncio.ensure_future(stream.send(sent[: 1 << 20]))
        received = b""
        await sending
        while len(received) < 1 << 20:
            received += await stream.receive()
    assert received == sent[: 1 << 20]


async def test_a_finished_peer_reads_as_empty_with_and_without_tls(tmp_path_factory: pytest.TempPathFactory) -> None:
    async def says_one_word(client: Conversation) -> None:
        await client.send(b"word")

    authority = Authority(tmp_path_factory.mktemp("ca"))
    for tls in (None, authority.leaf("localhost").server_context()):
        net = Network(NetworkOptions(ca_file=str(authority.file))).attempt(5.0)
        async with (
            Torture(says_one_word, tls=tls) as server,
            await net.dial("localhost", server.port, ("127.0.0.1",)) as stream,
        ):
            if tls:
                await net.secure(stream, TLSConfig(), "localhost")
            assert await stream.receive() == b"word"
            assert await stream.receive() == b""
