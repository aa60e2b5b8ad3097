"""The server that misbehaves does what its behaviours are named after, as plain sockets see it."""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from pathlib import Path

import pytest

from tests.servers import torture
from tests.servers.certificates import Authority, Leaf
from tests.servers.torture import Behaviour, Torture

REQUEST = b"GET / HTTP/1.1\r\nHost: box\r\n\r\n"


async def talk(server: Torture, enough: int = 1 << 20, patience: float = 5.0) -> bytes:
    """What comes back for one request: until the end, `enough` bytes, or `patience` seconds without any."""
    reader, writer = await asyncio.open_connection(server.address, server.port)
    received = b""
    try:
        writer.write(REQUEST)
        while len(received) < enough and (part := await asyncio.wait_for(reader.read(1 << 16), patience)):
            received += part
    except (TimeoutError, ConnectionResetError) as error:
        error.add_note(repr(received[:2000]))
        raise
    finally:
        writer.transport.abort()
    return received


async def test_a_server_that_never_answers_has_read_the_request() -> None:
    async with Torture(torture.never_answers) as server:
        with pytest.raises(TimeoutError):
            await talk(server, patience=0.1)
        assert (server.connections, server.requests) == (1, 1)


@pytest.mark.parametrize(
    ("behaviour", "requests"), [(torture.closes_without_answering, 1), (torture.closes_at_once, 0)]
)
async def test_a_server_that_closes_says_nothing(behaviour: Behaviour, requests: int) -> None:
    async with Torture(behaviour) as server:
        received = await asyncio.gather(talk(server), return_exceptions=True)
        assert received[0] == b"" or isinstance(received[0], ConnectionResetError)
        assert server.requests == requests


@pytest.mark.parametrize("behaviour", [torture.resets_at_once, torture.resets_before_tls, torture.resets_mid_body])
async def test_a_reset_is_a_reset(behaviour: Behaviour) -> None:
    async with Torture(behaviour) as server:
        with pytest.raises(ConnectionResetError):
            await talk(server)


@pytest.mark.parametrize(
    ("behaviour", "marker"),
    [
        (torture.endless_headers, b"X-Filler"),
        (torture.endless_body, b"\r\n4000\r\n"),
        (torture.endless_informational, b"100 Continue"),
        (torture.huge_header_line, b"X-Huge"),
    ],
)
async def test_a_flood_does_not_end_by_itself(behaviour: Behaviour, marker: bytes) -> None:
    async with Torture(behaviour) as server:
        received = await talk(server, enough=4 << 20)
        assert marker in received
        assert len(received) >= 4 << 20
        assert server.requests == 1


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (torture.invalid_chunked, b"\r\n\r\nnot a size\r\n"),
        (torture.short_body, b"Content-Length: 100\r\n\r\nxxxxxxxxxx"),
        (torture.not_http, b"SSH-2.0"),
    ],
)
async def test_a_malformed_answer_is_short_and_ends(behaviour: Behaviour, expected: bytes) -> None:
    async with Torture(behaviour) as server:
        assert expected in await talk(server)


async def test_redirects_lead_where_they_say() -> None:
    async with Torture(torture.redirect_loop) as loop, Torture(torture.redirects_to(loop.url)) as server:
        assert b"Location: /\r\n" in await talk(loop, enough=1)
        assert f"Location: {loop.url}\r\n".encode() in await talk(server, enough=1)


async def test_a_drip_comes_byte_by_byte() -> None:
    async with Torture(torture.drips(0.005)) as server:
        began = time.monotonic()
        assert (await talk(server)).endswith(b"hello")
        assert time.monotonic() - began > 0.3


async def test_a_known_delay_is_kept() -> None:
    async with Torture(torture.answers_after(0.05)) as server:
        began = time.monotonic()
        assert (await talk(server, enough=1)).startswith(b"HTTP/1.1 200")
        assert 0.05 <= time.monotonic() - began < 0.5


async def test_a_bomb_is_a_thousand_times_larger_than_it_looks() -> None:
    async with Torture(torture.gzip_bomb(16 << 20)) as server:
        body = (await talk(server)).partition(b"\r\n\r\n")[2]
        assert len(zlib.decompress(body, 31)) == 16 << 20
        assert len(body) < 20_000


async def test_http2_is_agreed_on_and_then_broken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.leaf("127.0.0.1").server_context(alpn=("h2", "http/1.1"))
    context = authority.client_context()
    context.set_alpn_protocols(["h2"])
    async with Torture(torture.http2_garbage, tls=tls) as server:
        reader, writer = await asyncio.open_connection(server.address, server.port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert await reader.readexactly(9) == b"\xff" * 9
        writer.transport.abort()


async def test_smtp_goes_on_in_tls_after_starttls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with Torture(torture.smtp(authority.leaf("127.0.0.1").server_context())) as server:
        reader, writer = await asyncio.open_connection(server.address, server.port)
        assert (await reader.readline()).startswith(b"220")
        writer.write(b"EHLO probe\r\n")
        assert b"STARTTLS" in await reader.readuntil(b"250 STARTTLS\r\n")
        writer.write(b"STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"220")
        await writer.start_tls(authority.client_context(), server_hostname="127.0.0.1")
        writer.write(b"QUIT\r\n")
        assert (await reader.readline()).startswith(b"221")
        writer.transport.abort()


async def test_an_echo_holds_a_dialogue() -> None:
    async with Torture(torture.echo) as server:
        reader, writer = await asyncio.open_connection(server.address, server.port)
        assert await reader.readline() == b"220 box ready\r\n"
        writer.write(b"ping\r\nquit\r\n")
        assert await reader.read() == b"you said ping\r\n"
        writer.close()
        await writer.wait_closed()


async def test_each_bad_certificate_is_refused_for_its_own_reason(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaves: dict[str, Leaf] = {
        "expired": authority.expired("127.0.0.1"),
        "not yet valid": authority.not_yet_valid("127.0.0.1"),
        "self-signed": authority.self_signed("127.0.0.1"),
        "IP address mismatch": authority.wrong_host(),
    }
    for reason, leaf in leaves.items():
        async with Torture(torture.answers(), tls=leaf.server_context()) as server:
            with pytest.raises(ssl.SSLCertVerificationError, match=reason):
                await asyncio.open_connection(server.address, server.port, ssl=authority.client_context())
            assert (server.connections, server.requests) == (1, 0)
