"""Servers that misbehave: each ends by the deadline, with the right reason, bounded memory and one request."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import h2.config
import h2.connection
import h2.events
import pytest

from exporter.assertions import HeaderMatch
from exporter.model import NetworkOptions, Reason, Result
from tests.probes.http_probing import PHASES, phase, run
from tests.servers import torture
from tests.servers.certificates import Authority
from tests.servers.torture import HEAD, Behaviour, Conversation, Torture

MEGABYTE = 1 << 20


def check_phases(result: Result) -> None:
    assert sum(phase(result, name) for name in PHASES) == pytest.approx(result.duration)


def sends(*pieces: bytes) -> Behaviour:
    """Answers one request with these bytes and closes."""

    async def behaviour(client: Conversation) -> None:
        await client.request()
        for piece in pieces:
            await client.send(piece)

    return behaviour


def floods(head: bytes, piece: bytes) -> Behaviour:
    async def behaviour(client: Conversation) -> None:
        await client.request()
        await client.send(head)
        await client.flood(piece)

    return behaviour


BROKEN = {
    "closes at once": (torture.closes_at_once, "closed the connection without answering|reset"),
    "closes without answering": (torture.closes_without_answering, "closed the connection without answering"),
    "resets at once": (torture.resets_at_once, "reset"),
    "resets mid-body": (torture.resets_mid_body, "reset"),
    "short body": (torture.short_body, "after 10 of 100 bytes"),
    "half a head": (sends(HEAD), "within the head"),
    "not http": (torture.not_http, "broke HTTP"),
    "random bytes": (torture.garbage(), "broke HTTP|closed|reset"),
    "a wrong chunk": (torture.invalid_chunked, "broke HTTP"),
    "chunks without an end": (sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "after 5 bytes"),
    "two lengths": (sends(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), "broke HTTP"),
    "a transfer coding": (sends(HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello"), "was not asked for: 'gzip'"),
    "endless headers": (torture.endless_headers, "more than 64 KB of headers"),
    "a huge header line": (torture.huge_header_line, "more than 64 KB of headers"),
    "endless 100 continue": (torture.endless_informational, "more than 10 answers of 1xx"),
    "endless trailers": (
        floods(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"x" * 4096),
        "more than 64 KB of headers",
    ),
    "an endless chunk extension": (
        floods(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 4096),
        "more than 64 KB of headers",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_server_that_breaks_http_is_a_protocol_failure_after_one_request(name: str) -> None:
    behaviour, said = BROKEN[name]
    async with Torture(behaviour) as server:
        result = await run(server.url)
        assert server.connections == 1
        assert server.requests <= 1
    assert result.reason is Reason.PROTOCOL
    assert re.search(said, result.message), result.message
    assert f"127.0.0.1:{server.port}" in result.message
    check_phases(result)


@pytest.mark.parametrize("name", ["never answers", "drips"])
async def test_a_server_that_takes_too_long_is_a_timeout(name: str) -> None:
    behaviour = torture.never_answers if name == "never answers" else torture.drips(0.05)
    async with Torture(behaviour) as server:
        before = time.monotonic()
        result = await run(server.url, timeout=0.3)
        assert time.monotonic() - before < 1.0
        assert server.requests == 1
    assert result.reason is Reason.TIMEOUT
    assert "no answer within 0.3 s while" in result.message
    assert result.duration == pytest.approx(0.3, abs=0.1)
    check_phases(result)


async def test_a_drip_spends_its_time_in_transfer_and_silence_in_processing() -> None:
    async with Torture(torture.drips(0.05)) as server:
        dripping = await run(server.url, timeout=0.3)
    async with Torture(torture.never_answers) as server:
        silent = await run(server.url, timeout=0.3)
    assert phase(dripping, "transfer") > 0.2
    assert phase(dripping, "processing") < 0.1
    assert phase(silent, "processing") > 0.2
    assert phase(silent, "transfer") == 0


async def test_bytes_after_the_end_of_the_answer_do_no_harm() -> None:
    async with Torture(sends(HEAD + b"Content-Length: 5\r\n\r\nhello" + b"\x00garbage" * 10)) as server:
        result = await run(server.url, fail_if_body_not_matches_regexp=("^hello$",))
    assert result.ok, result.message


async def test_an_early_hint_is_skipped() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    async with Torture(sends(hint, HEAD + b"Content-Length: 5\r\n\r\nhello")) as server:
        result = await run(server.url)
    assert result.ok, result.message
    assert result.samples["probe_http_status_code"] == 200


async def peak_of(probe: Callable[[], Any]) -> tuple[Result, int]:
    tracemalloc.start()
    try:
        return await probe(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_an_endless_body_that_must_be_judged_ends_at_ten_megabytes() -> None:
    async with Torture(torture.endless_body) as server:
        result, peak = await peak_of(lambda: run(server.url, timeout=20, fail_if_body_matches_regexp=("nothing",)))
    assert (result.reason, result.message) == (Reason.BODY, "the body has more than 10 MB")
    assert result.samples["probe_http_uncompressed_body_length"] == 10 * MEGABYTE
    assert peak < 40 * MEGABYTE


async def test_an_endless_body_that_nothing_judges_is_counted_until_the_deadline() -> None:
    async with Torture(torture.endless_body) as server:
        result, peak = await peak_of(lambda: run(server.url, timeout=1))
    assert result.reason is Reason.TIMEOUT
    assert result.samples["probe_http_uncompressed_body_length"] > MEGABYTE
    assert peak < 4 * MEGABYTE


BOMBS = {"gzip": gzip.compress, "br": lambda data: brotli.compress(data, quality=5)}


@pytest.mark.parametrize("form", BOMBS)
@pytest.mark.parametrize("judged", [False, True])
async def test_a_bomb_is_unpacked_no_further_than_its_limit(form: str, judged: bool) -> None:
    bomb = BOMBS[form](bytes(100 * MEGABYTE))
    patterns = ("nothing",) if judged else ()
    head = HEAD + f"Content-Length: {len(bomb)}\r\n\r\n".encode()
    async with Torture(sends(head, bomb)) as server:
        result, peak = await peak_of(
            lambda: run(server.url, timeout=20, compression=form, fail_if_body_matches_regexp=patterns)
        )
    assert (result.reason, result.message) == (Reason.BODY, "the body has more than 10 MB")
    assert peak < 40 * MEGABYTE


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 5\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\ncontent-length:5 \r\n\r\n", 200),
        (b"HTTP/1.2 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 5\r\n\r\n", 200),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\nX-A: b\r\n\r\n", 101),
    ],
    ids=["space before a colon", "a length said twice", "a header over two lines", "another protocol"],
)
async def test_what_browsers_take_is_taken(head: bytes, status: int) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "x"}
    wanted = (HeaderMatch(header="X-A", regexp="b$"),)
    async with Torture(sends(head, b"hello")) as server:
        result = await run(
            server.url, valid_status_codes=(range(status, status + 1),), fail_if_header_not_matches=wanted,
            headers=headers,
        )  # fmt: skip
    assert result.ok, result.message
    assert b"Connection: Upgrade\r\n" in server.heads[0]
    assert b"Connection: close" not in server.heads[0]


class Server2:
    """The server's side of HTTP/2, to be broken."""

    def __init__(self, client: Conversation) -> None:
        self.client = client
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    async def request(self) -> None:
        """Read on until a request is whole."""
        self.h2.initiate_connection()
        await self.flush()
        while True:
            for event in self.h2.receive_data(await self.client.reader.read(65536)):
                if isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                if isinstance(event, h2.events.StreamEnded):
                    self.client.server.requests += 1
                    return
            await self.flush()

    async def flush(self) -> None:
        await self.client.send(self.h2.data_to_send())

    async def answer(self, body: bytes = b"", length: int | None = None, end: bool = True) -> None:
        headers = [(":status", "200"), *([("content-length", str(length))] if length is not None else [])]
        self.h2.send_headers(1, headers)
        self.h2.send_data(1, body, end_stream=end)
        await self.flush()


Broken2 = Callable[[Server2], Any]


def speaks_http2(act: Broken2) -> Behaviour:
    async def behaviour(client: Conversation) -> None:
        server = Server2(client)
        await server.request()
        await act(server)
        await client.reader.read()

    return behaviour


async def resets_the_stream(server: Server2) -> None:
    server.h2.reset_stream(1, 7)
    await server.flush()


async def resets_the_stream_mid_body(server: Server2) -> None:
    await server.answer(b"half", 8, end=False)
    server.h2.reset_stream(1, 2)
    await server.flush()


async def goes_away(server: Server2) -> None:
    server.h2.close_connection(11, b"too many", 0)
    await server.flush()


async def closes(server: Server2) -> None:
    server.client.writer.transport.abort()


async def answers_too_short(server: Server2) -> None:
    await server.answer(b"half", 8)


async def floods_with_pings(server: Server2) -> None:
    await server.client.flood(b"\0\0\x08\x06\0\0\0\0\0" + bytes(8))


async def floods_with_settings(server: Server2) -> None:
    await server.client.flood(b"\0\0\0\x04\0\0\0\0\0")


async def floods_with_empty_data(server: Server2) -> None:
    server.h2.send_headers(1, [(":status", "200")])
    await server.flush()
    await server.client.flood(b"\0\0\0\0\0\0\0\0\x01")


async def floods_with_continuation(server: Server2) -> None:
    await server.client.send(b"\0\0\x01\x01\0\0\0\0\x01\x88")
    await server.client.flood(b"\0\0\x01\x09\0\0\0\0\x01\x88")


async def floods_with_100_continue(server: Server2) -> None:
    for _ in range(20):
        server.h2.send_headers(1, [(":status", "100")])
    await server.flush()


BROKEN2: dict[str, tuple[Broken2, str]] = {
    "resets the stream": (resets_the_stream, "REFUSED_STREAM without answering"),
    "resets the stream mid-body": (resets_the_stream_mid_body, "INTERNAL_ERROR after 4 bytes of the body"),
    "goes away": (goes_away, r"ENHANCE_YOUR_CALM \(too many\)"),
    "closes": (closes, "closed the connection|reset the connection"),
    "answers too short": (answers_too_short, "broke HTTP/2"),
    "floods with pings": (floods_with_pings, "1000 frames"),
    "floods with settings": (floods_with_settings, "1000 frames"),
    "floods with empty data": (floods_with_empty_data, "1000 frames"),
    "floods with continuation": (floods_with_continuation, "broke HTTP/2"),
    "floods with 100 continue": (floods_with_100_continue, "more than 10 answers of 1xx"),
}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("name", BROKEN2)
async def test_a_server_that_breaks_http_2_is_a_protocol_failure_after_one_request(
    name: str, authority: Authority
) -> None:
    act, said = BROKEN2[name]
    tls = authority.leaf("127.0.0.1").server_context(alpn=("h2",))
    async with Torture(speaks_http2(act), tls=tls) as server:
        result = await run(server.url, NetworkOptions(ca_file=str(authority.file)), timeout=10)
        assert (server.connections, server.requests) == (1, 1)
    assert result.reason is Reason.PROTOCOL
    assert re.search(said, result.message), result.message
    check_phases(result)


async def test_garbage_after_agreeing_on_http_2_is_a_protocol_failure(authority: Authority) -> None:
    tls = authority.leaf("127.0.0.1").server_context(alpn=("h2",))
    async with Torture(torture.http2_garbage, tls=tls) as server:
        result = await run(server.url, NetworkOptions(ca_file=str(authority.file)))
        assert server.connections == 1
    assert result.reason is Reason.PROTOCOL
    assert "broke HTTP/2" in result.message


async def test_a_stream_that_ends_after_goaway_is_an_answer(authority: Authority) -> None:
    async def act(server: Server2) -> None:
        goaway = (1).to_bytes(4, "big")
        await server.client.send(b"\0\0\x08\x07\0\0\0\0\0" + goaway + bytes(4))
        await server.answer(b"hello", 5)

    tls = authority.leaf("127.0.0.1").server_context(alpn=("h2",))
    async with Torture(speaks_http2(act), tls=tls) as server:
        result = await run(server.url, NetworkOptions(ca_file=str(authority.file)))
    assert result.ok, result.message
    assert result.samples["probe_http_uncompressed_body_length"] == 5


async def test_a_large_body_is_posted_within_the_window_of_http_2(authority: Authority) -> None:
    async def act(server: Server2) -> None:
        await server.answer(b"")

    tls = authority.leaf("127.0.0.1").server_context(alpn=("h2",))
    async with Torture(speaks_http2(act), tls=tls) as server:
        network = NetworkOptions(ca_file=str(authority.file))
        result = await run(server.url, network, method="POST", body="x" * 300_000)
        assert server.requests == 1
    assert result.ok, result.message


async def test_probes_that_are_cancelled_leave_no_descriptor_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        await run(url, timeout=0.05)
        before = len(os.listdir("/proc/self/fd"))
        results = await asyncio.gather(*(run(url, timeout=0.05) for _ in range(20)))
        assert len(os.listdir("/proc/self/fd")) <= before
    assert {result.reason for result in results} == {Reason.TIMEOUT}
