"""Servers that misbehave by QUIC: each ends by the deadline, with the right reason, bounded memory and one request."""

from __future__ import annotations

import asyncio
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from aioquic.buffer import Buffer, encode_uint_var
from aioquic.h3.connection import ErrorCode, FrameType, encode_frame
from aioquic.quic.packet import QuicErrorCode, QuicFrameType, encode_quic_version_negotiation, pull_quic_header

from exporter.model import Reason, Result
from tests.blackbox.asking import ask
from tests.servers.certificates import Authority, Leaf
from tests.servers.ports import free_port
from tests.servers.quic import Behaviour, QuicServer, Request, UDPServer, answers

MEGABYTE = 1 << 20
ALERT = QuicErrorCode.CRYPTO_ERROR


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> Leaf:
    return authority.leaf("127.0.0.1")


async def silent(request: Request) -> None:
    pass


async def half_a_body(request: Request) -> None:
    request.head(200, (b"content-length", b"9"))
    request.data(b"abc")


async def short_body(request: Request) -> None:
    request.head(200, (b"content-length", b"9"))
    request.data(b"abc", end=True)


async def long_body(request: Request) -> None:
    request.head(200, (b"content-length", b"2"))
    request.data(b"abc", end=True)


async def no_answer(request: Request) -> None:
    request.raw(b"", end=True)


async def only_a_hint(request: Request) -> None:
    request.head(103)
    request.raw(b"", end=True)


async def hints(request: Request) -> None:
    for _ in range(20):
        request.head(103)


async def endless_head(request: Request) -> None:
    request.raw(encode_uint_var(FrameType.HEADERS) + encode_uint_var(1 << 30) + b"x" * (1 << 18))


async def endless_fields(request: Request) -> None:
    request.head(200, *((b"x-%d" % number, b"y" * 1000) for number in range(100)), end=True)


async def unknown_frames(request: Request) -> None:
    for _ in range(100):
        request.raw(encode_frame(0x21, b"x" * 10_000))


async def body_before_head(request: Request) -> None:
    request.raw(encode_frame(FrameType.DATA, b"hello"), end=True)


async def cut_frame(request: Request) -> None:
    request.head(200)
    request.raw(encode_uint_var(FrameType.DATA) + encode_uint_var(9) + b"abc", end=True)


async def push(request: Request) -> None:
    request.raw(encode_frame(FrameType.PUSH_PROMISE, b"\0\0\0"))


async def two_settings(request: Request) -> None:
    request.raw(encode_frame(FrameType.SETTINGS, b""), stream=3)


async def bomb(request: Request) -> None:
    """A field of 4 KB in the table of QPACK, and a head that names it without end."""
    name = b"x" * 4000
    insert = b"\x3f" + encode_prefixed(4096 - 31) + b"\x5f" + encode_prefixed(len(name) - 31) + name + b"\0"
    request.raw(insert, stream=7)
    request.raw(encode_frame(FrameType.HEADERS, b"\x02\0" + b"\x80" * 60_000), end=True)


def encode_prefixed(rest: int) -> bytes:
    """What follows a full prefix in QPACK's integers (RFC 7541, 5.1)."""
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes((*out, rest))


def resets(code: int, head: bool) -> Behaviour:
    async def behaviour(request: Request) -> None:
        if head:
            request.head(200)
            request.data(b"abc")
        request.reset(code)

    return behaviour


def closes(code: int, frame: int | None = None, said: str = "") -> Behaviour:
    async def behaviour(request: Request) -> None:
        request.close(code, frame, said)

    return behaviour


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "no answer": (no_answer, "ended the stream without answering"),
    "only a hint": (only_a_hint, "broke HTTP/3: H3_MESSAGE_ERROR"),
    "hints without end": (hints, "more than 10 answers of 1xx"),
    "a head without end": (endless_head, "more than 64 KB of headers"),
    "fields without end": (endless_fields, "more than 64 KB of headers"),
    "frames that are not known": (unknown_frames, "more than 64 KB of headers"),
    "a body before its head": (body_before_head, "broke HTTP/3: H3_FRAME_UNEXPECTED"),
    "a frame that is cut": (cut_frame, "broke HTTP/3: H3_FRAME_ERROR"),
    "a body too short": (short_body, "ended the stream after 3 of 9 bytes"),
    "a body too long": (long_body, "ended the stream after 3 of 2 bytes"),
    "a push": (push, "broke HTTP/3: H3_ID_ERROR"),
    "two settings": (two_settings, "broke HTTP/3: H3_FRAME_UNEXPECTED"),
    "a bomb of fields": (bomb, "broke HTTP/3: QPACK"),
    "a reset": (resets(ErrorCode.H3_INTERNAL_ERROR, head=False), "reset the stream: error 0x102 without answering"),
    "a reset within": (resets(ErrorCode.H3_INTERNAL_ERROR, head=True), "reset the stream: error 0x102"),
    "a close": (closes(ErrorCode.H3_INTERNAL_ERROR, None, "busy"), "ended HTTP/3: H3_INTERNAL_ERROR (busy)"),
    "a close by QUIC": (
        closes(QuicErrorCode.INTERNAL_ERROR, QuicFrameType.STREAM_BASE), "ended QUIC: INTERNAL_ERROR",
    ),
    "a close for no reason": (closes(0x7777), "ended HTTP/3: error 0x7777"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_a_server_that_breaks_http3_is_a_protocol_failure_after_one_request(
    name: str, authority: Authority, leaf: Leaf
) -> None:
    behaviour, said = BROKEN[name]
    async with QuicServer(leaf, behaviour) as server:
        before = time.monotonic()
        result = await ask(server.url, authority)
        assert time.monotonic() - before < 4.0
        assert len(server.asked) == server.sessions == 1
    assert result.reason is Reason.PROTOCOL, result.message
    assert said in result.message
    assert f"127.0.0.1:{server.port}" in result.message


@pytest.mark.parametrize("behaviour", [silent, half_a_body])
async def test_silence_is_a_timeout_of_its_phase(behaviour: Behaviour, authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, behaviour) as server:
        result = await ask(server.url, authority, within=0.7)
    assert result.reason is Reason.TIMEOUT
    phase = "processing" if behaviour is silent else "transfer"
    assert result.samples["probe_http_duration_seconds", phase] > 0.2


async def test_a_server_that_gives_up_in_silence_is_a_timeout_too(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, silent, patience=0.3) as server:
        result = await ask(server.url, authority, within=10.0)
    assert result.reason is Reason.TIMEOUT
    assert "fell silent until the connection ended" in result.message
    assert result.duration < 5.0


async def test_a_server_that_ends_the_handshake_is_tls(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers(), protocols=("hq-interop",)) as server:
        other = await ask(server.url, authority)
    async with QuicServer(leaf, answers(), refuses=ALERT + 116) as server:
        wanting = await ask(server.url, authority)
    assert other.reason is wanting.reason is Reason.TLS
    assert f"no TLS with 127.0.0.1:{server.port}: certificate required" in wanting.message


async def test_a_server_that_refuses_is_connect(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers(), refuses=QuicErrorCode.CONNECTION_REFUSED) as server:
        refused = await ask(server.url, authority)
    nobody = await ask(f"https://127.0.0.1:{free_port()}/", authority)
    assert refused.reason is nobody.reason is Reason.CONNECT
    assert "ended QUIC: CONNECTION_REFUSED" in refused.message
    assert "connection refused" in nobody.message


async def test_who_never_answers_is_connect_and_who_answers_nonsense_is_tls() -> None:
    async with UDPServer(lambda _: []) as server:
        mute = await ask(server.url, within=0.4)
        assert len(server.heard) > 1  # datagrams get lost
    async with UDPServer(lambda _: [os.urandom(1200)]) as server:
        garbage = await ask(server.url, within=0.4)
    assert mute.reason is Reason.CONNECT
    assert "to answer by QUIC" in mute.message
    assert garbage.reason is Reason.TLS
    for result in (mute, garbage):
        assert result.duration == pytest.approx(0.4, abs=0.2)
        assert result.samples["probe_http_duration_seconds", "tls"] > 0.3


def negotiates(datagram: bytes) -> list[bytes]:
    """Knows other versions only."""
    header = pull_quic_header(Buffer(data=datagram))
    return [encode_quic_version_negotiation(header.destination_cid, header.source_cid, [0x0A0A0A0A, 0xFF00001D])]


async def test_a_server_of_another_version_is_told() -> None:
    async with UDPServer(negotiates) as server:
        result = await ask(server.url)
    assert result.reason is Reason.PROTOCOL
    assert "Could not find a common protocol version" in result.message


async def test_nonsense_in_crowds_is_bounded() -> None:
    async with UDPServer(lambda _: [os.urandom(1200) for _ in range(100)]) as server:
        result, peak = await peak_of(server.url)
    assert result.reason is Reason.TLS
    assert peak < 8 * MEGABYTE


async def test_pings_without_end_end_early(authority: Authority, leaf: Leaf) -> None:
    async def pings(request: Request) -> None:
        while True:
            for number in range(20):
                request.client.quic.send_ping(number)
                request.client.transmit()
            await asyncio.sleep(0.001)  # what the socket cannot hold would be lost

    async with QuicServer(leaf, pings) as server:
        result = await ask(server.url, authority, within=20.0)
    assert result.reason is Reason.PROTOCOL
    assert "2 MB that bring no answer" in result.message


async def peak_of(url: str, authority: Authority | None = None) -> tuple[Result, int]:
    tracemalloc.start()
    try:
        return await ask(url, authority, within=0.5), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_reset_without_state_ends_by_the_deadline(authority: Authority, leaf: Leaf, tmp_path: Path) -> None:
    async def forgets(request: Request) -> None:
        quic = request.client.quic
        token = quic._host_cids[0].stateless_reset_token
        assert token is not None
        transport, [path] = request.client._transport, quic._network_paths
        transport.sendto(b"\x40" + os.urandom(30) + token, path.addr)

    async with QuicServer(leaf, forgets) as server:
        result = await ask(server.url, authority, within=0.7)
    assert result.reason is Reason.TIMEOUT
