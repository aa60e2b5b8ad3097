"""What strangers send to the public address, over real sockets, and what each of them gets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import kinds
from exporter.model import Signal
from exporter.web import connections, reports, serving
from tests.servers.certificates import Authority
from tests.web.served import Served, sent, write_web_config

ASK = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
REPORT = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", b""))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        people = Signal("people", "reports", kinds.module("signals", "reports").Options(), 10.0, ("tiktok",))
        running.apply(replace(running.running.store.config, signals=(people,)))
        yield running


SENT: tuple[tuple[str, bytes, int, str], ...] = (
    # Paths that would lead out of the site, or to another.
    ("two slashes", get(b"//"), 308, "Location: /\r"),
    ("another site", get(b"//evil.example/"), 308, "Location: /evil.example\r"),
    ("another site, absolute", get(b"http://evil.example/nothing/"), 308, "Location: /nothing\r"),
    ("another site, backslash", get(b"/\\evil.example/"), 308, "Location: /%5Cevil.example\r"),
    ("a header in the path", get(b"/%0d%0aSet-Cookie:a=b/"), 308, "Location: /%0D%0ASet-Cookie:a=b\r"),
    ("up", get(b"/../../etc/passwd"), 404, "there is no such page"),
    ("up, in code", get(b"/..%2f..%2fetc%2fpasswd"), 404, "no such service"),
    ("up from static", get(b"/static/../site.py"), 404, "there is no such page"),
    ("up from static, in code", get(b"/static/..%2fsite.py"), 404, "there is no such file"),
    ("up from a language", get(b"/de/../config"), 404, "there is no such page"),
    ("operators' page, in code", get(b"/%63onfig"), 404, "no such service"),
    ("a zero byte", get(b"/%00"), 404, "no such service"),
    ("a zero byte in static", get(b"/static/style.css%00.png"), 404, "there is no such file"),
    ("no UTF-8", get(b"/%ff%fe"), 404, "no such service"),
    ("a code that is none", get(b"/%zz"), 404, "no such service"),
    ("an address too long", get(b"/" + b"a" * 20_000), 431, "longer than 16384 bytes"),
    ("a query too long", get(b"/?" + b"a" * 20_000), 431, "longer than 16384 bytes"),
    # Headers.
    ("a megabyte in a header", get(b"/", b"X: " + b"a" * 1_000_000), 431, "longer than 16384 bytes"),
    ("a thousand headers", get(b"/", *(b"X-%d: a" % n for n in range(1000))), 400, "no HTTP request"),
    ("two hosts", get(b"/", b"Host: evil.example"), 400, "no HTTP request"),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400, "no HTTP request"),
    ("a header without a colon", get(b"/", b"evil"), 400, "no HTTP request"),
    ("a control character", get(b"/", b"Accept-Language: \x01"), 400, "no HTTP request"),
    ("tags that are none", get(b"/", b'If-None-Match: """,,,W/'), 200, "<!doctype html>"),
    ("an expectation", get(b"/", b"Expect: tea"), 417, "Unknown Expect"),
    ("an upgrade", get(b"/", b"Upgrade: websocket"), 200, "<!doctype html>"),
    # Methods and versions.
    ("a post to a page", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405, "takes GET and HEAD only"),
    ("a method of others", b"DELETE /tiktok HTTP/1.1\r\nHost: x\r\n\r\n", 405, "takes GET and HEAD only"),
    ("a trace", b"TRACE / HTTP/1.1\r\nHost: x\r\nX: secret\r\n\r\n", 405, "takes GET and HEAD only"),
    ("a tunnel", b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no such page"),
    ("a method that is none", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "no HTTP request"),
    ("all options", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no such page"),
    ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", 200, "<!doctype html>"),
    ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "no HTTP request"),
    ("TLS where there is none", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "no HTTP request"),
    ("zeros", b"\0" * 100, 400, "no HTTP request"),
    # Bodies.
    (
        "two lengths",
        REPORT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "no HTTP request",
    ),
    ("a negative length", REPORT + b"Content-Length: -5\r\n\r\n", 400, "no HTTP request"),
    ("a chunk too large to count", REPORT + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n", 400, "HTTP"),
    ("a length of 100 GB", REPORT + b"Content-Length: 99999999999\r\n\r\n", 413, "at most 4096 bytes"),
    ("a packed bomb", REPORT + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 400, "not applic"),
)


@pytest.mark.parametrize(("request_", "status", "told"), [one[1:] for one in SENT], ids=[one[0] for one in SENT])
async def test_whatever_is_sent_gets_a_sentence_and_the_security_headers(
    served: Served, caplog: pytest.LogCaptureFixture, request_: bytes, status: int, told: str
) -> None:
    head, _, body = (await sent(served.public_port, request_, enough=told.encode())).decode().partition("\r\n\r\n")
    assert head.split()[1] == str(status)
    assert told in head + "\r" + body
    assert "default-src 'none'" in head
    assert "X-Content-Type-Options: nosniff" in head
    assert "Set-Cookie" not in head.replace("Location: /%0D%0ASet-Cookie", "")
    assert "Traceback" not in body
    assert not caplog.records


async def test_requests_that_come_all_at_once_are_answered_one_after_the_other(served: Served) -> None:
    answered = await sent(served.public_port, ASK * 99 + get(b"/-/healthy"))
    assert answered.count(b"HTTP/1.1 200 OK") == 100


async def test_who_begins_a_second_request_and_goes_no_further_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_IDLE_FOR", 0.3)
    answered = await sent(served.public_port, ASK + b"GET / HTTP/1.1\r\nHo")
    assert answered.count(b"200 OK") == 1


async def test_a_report_that_never_ends_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_SLOWEST", 0.2)
    monkeypatch.setattr(connections, "_LINGERING", 0.2)
    answered = await sent(served.public_port, REPORT + b'Content-Length: 100\r\n\r\n{"service"')
    assert answered.startswith(b"HTTP/1.1 408")


async def test_a_body_that_nobody_wants_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGERING", 0.2)
    answered = await sent(served.public_port, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na")
    assert answered.startswith(b"HTTP/1.1 200")


async def test_who_takes_nothing_of_an_answer_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_STALLED_FOR", 0.5)
    async with Served(tmp_path) as served:
        with pytest.raises(ConnectionError):
            await ask_without_end(served.public_port)


async def ask_without_end(port: int) -> None:
    """And take nothing: what is answered fills all there is, and then the sender is stuck as well."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        async with asyncio.timeout(20):
            while True:
                await loop.sock_sendall(client, ASK * 1000)


async def test_who_says_nothing_where_tls_is_spoken_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SILENT_FOR", 0.3)
    leaf = Authority(tmp_path / "ca").leaf("localhost")
    path = write_web_config(tmp_path, f"tls_server_config: {{cert_file: {leaf.certificate}, key_file: {leaf.key}}}")
    async with Served(tmp_path, path) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.public_port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


class Crowd:
    """Connections that say nothing, from one machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sockets: list[socket.socket] = []

    async def grow(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            one = socket.socket()
            one.setblocking(False)
            self.sockets.append(one)
            await loop.sock_connect(one, ("127.0.0.1", self._port))

    def closed(self) -> int:
        """How many have been closed from the other side."""
        return sum(_is_closed(one) for one in self.sockets)

    def leave(self) -> None:
        for one in self.sockets:
            one.close()


def _is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_a_crowd_that_says_nothing_makes_room_for_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "most", lambda: 100)  # half of it for each address
    async with Served(tmp_path) as served:
        crowd = Crowd(served.public_port)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.public_port)
        writer.write(ASK)
        await reader.readuntil(b"answers.\n")
        await crowd.grow(200)
        assert (await served.get_public("/"))[0] == 200
        assert 150 <= crowd.closed() <= 152
        # Who has asked before is not put out by who never does, and the other address has its own room.
        writer.write(ASK)
        assert b"200 OK" in await reader.readuntil(b"answers.\n")
        assert (await served.get("/"))[0] == 200
        writer.close()
        crowd.leave()


async def test_when_all_have_asked_who_waits_longest_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "most", lambda: 6)
    async with Served(tmp_path) as served:
        crowd = Crowd(served.public_port)
        for _ in range(5):
            await crowd.grow(1)
            crowd.sockets[-1].send(ASK)
            assert b"200 OK" in await asyncio.get_running_loop().sock_recv(crowd.sockets[-1], 4096)
        assert [_is_closed(one) for one in crowd.sockets] == [True, True, False, False, False]
        crowd.leave()
