"""Servers that misbehave, each in one named way, and count what they were asked.

    async with Torture(endless_headers) as server:
        ...  # http://127.0.0.1:{server.port}/
        assert server.requests == 1

A behaviour is a coroutine over one accepted connection; those with settings are made by a call, such as
`answers_after(0.05)`. With `tls` the handshake comes first; a server without it that is asked for TLS is silent too.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.servers.listener import Listener, Listening, reset, streams


@dataclass(slots=True)
class Conversation:
    """One connection, after TLS if the server speaks it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Torture

    async def request(self) -> bytes:
        """The head of the next request, counted."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.server.requests += 1
        self.server.heads.append(head)
        return head

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, data: bytes) -> None:
        """Send `data` until the client has had enough."""
        while True:
            await self.send(data)
            self.server.sent += len(data)
            await asyncio.sleep(0)  # draining waits only where too much lies about: let the client run

    def reset(self) -> None:
        """End with a RST."""
        connection = self.writer.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()


Behaviour = Callable[[Conversation], Coroutine[Any, Any, None]]


class Torture(Listening):
    """One behaviour on one port; `connections`, `requests` and `sent` (bytes of a flood) only grow."""

    def __init__(
        self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._listener = Listener(self._serve, address, port)
        self.requests = 0
        self.heads: list[bytes] = []
        self.sent = 0

    @property
    def connections(self) -> int:
        return self._listener.connections

    @property
    def address(self) -> str:
        return self._listener.address

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}:{self.port}/"

    async def _serve(self, connection: socket.socket) -> None:
        if self._behaviour is resets_before_tls:
            reset(connection)
            return
        async with streams(connection, self._tls) as (reader, writer):
            await self._behaviour(Conversation(reader, writer, self))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


async def never_answers(client: Conversation) -> None:
    await client.request()
    await client.reader.read()


async def closes_at_once(client: Conversation) -> None:
    """FIN before anything is read."""


async def closes_without_answering(client: Conversation) -> None:
    await client.request()


async def resets_at_once(client: Conversation) -> None:
    client.reset()


async def resets_before_tls(client: Conversation) -> None:
    """RST as soon as the connection is accepted, even where TLS would follow."""


async def resets_mid_body(client: Conversation) -> None:
    await client.request()
    await client.send(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
    client.reset()


async def endless_headers(client: Conversation) -> None:
    await client.request()
    await client.send(HEAD)
    await client.flood(b"X-Filler: " + b"x" * 1000 + b"\r\n")


async def endless_body(client: Conversation) -> None:
    await client.request()
    await client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await client.flood(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


async def endless_informational(client: Conversation) -> None:
    """100 Continue without end, and never the answer."""
    await client.request()
    await client.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 40)


async def huge_header_line(client: Conversation) -> None:
    await client.request()
    await client.send(HEAD + b"X-Huge: ")
    await client.flood(b"x" * 0x10000)


async def redirect_loop(client: Conversation) -> None:
    while True:
        await client.request()
        await client.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")


async def invalid_chunked(client: Conversation) -> None:
    await client.request()
    await client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot a size\r\nbody\r\n0\r\n\r\n")


async def short_body(client: Conversation) -> None:
    """Content-Length promises 100 bytes, 10 come, then FIN."""
    await client.request()
    await client.send(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 10)


async def http2_garbage(client: Conversation) -> None:
    """Use with a context that offers h2: after the preface come bytes that are no frames of HTTP/2."""
    await client.reader.readuntil(b"SM\r\n\r\n")
    client.server.requests += 1
    await client.flood(b"\xff" * 1024)


async def not_http(client: Conversation) -> None:
    await client.request()
    await client.send(b"SSH-2.0-OpenSSH_9.2\r\n")


async def echo(client: Conversation) -> None:
    """A dialogue: a banner, then each line comes back behind `you said `, until `quit`."""
    await client.send(b"220 box ready\r\n")
    async for line in _lines(client):
        if line == b"quit":
            return
        await client.send(b"you said " + line + b"\r\n")


def drips(seconds: float = 1.0) -> Behaviour:
    """A correct answer, one byte per `seconds`."""

    async def behaviour(client: Conversation) -> None:
        await client.request()
        for byte in HEAD + b"Content-Length: 5\r\n\r\nhello":
            await client.send(bytes([byte]))
            await asyncio.sleep(seconds)

    return behaviour


def answers(body: bytes = b"hello", *, status: str = "200 OK", headers: bytes = b"", after: float = 0.0) -> Behaviour:
    """Any number of requests on a connection, each answered `after` seconds; `headers` end in CRLF each."""

    async def behaviour(client: Conversation) -> None:
        while True:
            await client.request()
            if after:
                await asyncio.sleep(after)
            length = f"Content-Length: {len(body)}\r\n\r\n".encode()
            await client.send(f"HTTP/1.1 {status}\r\n".encode() + headers + length + body)

    return behaviour


def answers_after(seconds: float = 0.05) -> Behaviour:
    """A known time to the first byte."""
    return answers(after=seconds)


def redirects_to(url: str, status: str = "302 Found") -> Behaviour:
    return answers(b"", status=status, headers=f"Location: {url}\r\n".encode())


def gzip_bomb(size: int = 1 << 30) -> Behaviour:
    """`size` bytes of zeros, a thousandth of that on the wire; it is compressed while it is sent."""

    async def behaviour(client: Conversation) -> None:
        await client.request()
        await client.send(HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n")
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        for _ in range(size >> 20):
            await client.send(packer.compress(bytes(1 << 20)))
            await asyncio.sleep(0)  # compressing takes the loop's time: let the client run
        await client.send(packer.flush())

    return behaviour


def garbage(size: int = 4096) -> Behaviour:
    """Random bytes at once, whatever was asked."""

    async def behaviour(client: Conversation) -> None:
        await client.send(os.urandom(size))

    return behaviour


def smtp(tls: ssl.SSLContext) -> Behaviour:
    """A mail server that offers STARTTLS (RFC 3207) and goes on in TLS."""

    async def behaviour(client: Conversation) -> None:
        await client.send(b"220 mail.example ESMTP\r\n")
        async for line in _lines(client):
            match line.upper().split()[:1]:
                case [b"EHLO"]:
                    await client.send(b"250-mail.example\r\n250 STARTTLS\r\n")
                case [b"STARTTLS"]:
                    await client.send(b"220 ready for TLS\r\n")
                    await client.writer.start_tls(tls)
                case [b"QUIT"]:
                    await client.send(b"221 bye\r\n")
                    return
                case _:
                    await client.send(b"502 unknown\r\n")

    return behaviour


async def _lines(client: Conversation) -> AsyncIterator[bytes]:
    while line := await client.reader.readline():
        client.server.requests += 1
        yield line.rstrip(b"\r\n")
