"""A web server that answers what a test tells it to, also what no proper server would: by HTTP/1.1 or a WebSocket.

    async with Origin(lambda request: Reply(b"[]")) as origin:
        await fetch.get(f"{origin.url}/incidents.json")
        assert origin.requests[0].path == "/incidents.json"

Raw bytes on a raw connection, one request each: a cut in the middle, a length that is a lie, a drip are all just that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import ssl
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.listener import Listener, Listening, streams

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_TEXT, _FINAL = 0x1, 0x80
_BEAT = 0.02
"""Seconds between two rounds of a stream's messages."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; `path` is decoded and has no query, header names are in lower case."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered.

    `claimed` is the Content-Length that is told, if not the true one; 0 tells none and ends with the connection.
    `cut` bytes of the body are sent, then a RST. Each byte comes after `drip` seconds. A WebSocket gets what
    `messages()` returns, again and again, or once when there is a `cut`.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None
    cut: int | None = None
    drip: float = 0.0
    messages: Callable[[], Sequence[str | bytes]] | None = None


def as_json(value: object, **headers: str) -> Reply:
    """`value`, as JSON."""
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json", **headers})


class Origin(Listening):
    """Serves `answer(request)`, which may be replaced; None is answered with silence. Behind TLS when told."""

    def __init__(
        self,
        answer: Callable[[Request], Reply | None],
        *,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        host: str = "",
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._tls = tls
        self._host = host or address
        self._listener = Listener(self._serve, address)
        self._streams: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its own, without a path."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._listener.port}"

    @property
    def stream_url(self) -> str:
        """The same for a WebSocket."""
        return self.url.replace("http", "ws", 1)

    @property
    def connections(self) -> int:
        """How many there were."""
        return self._listener.connections

    def refuse(self) -> None:
        """Let nobody connect any more, and cut off who is."""
        self._listener.close()
        self.cut()

    def accept(self) -> None:
        """Take back `refuse`."""
        self._listener.open()

    def cut(self) -> None:
        """End every stream."""
        for writer in self._streams:
            writer.transport.abort()

    async def _serve(self, connection: socket.socket) -> None:
        async with streams(connection, self._tls) as (reader, writer):
            request = _parsed(await reader.readuntil(b"\r\n\r\n"))
            self.requests.append(request)
            reply = self.answer(request)
            if reply is None:
                await reader.read()  # until the client leaves
            elif reply.messages is not None and reply.status == 101:
                await self._stream(request, reply, reply.messages, writer)
            else:
                await _send(reply, writer)

    async def _stream(
        self,
        request: Request,
        reply: Reply,
        messages: Callable[[], Sequence[str | bytes]],
        writer: asyncio.StreamWriter,
    ) -> None:
        writer.write(_accepted(request.headers.get("sec-websocket-key", "")))
        self._streams.add(writer)
        try:
            while not writer.is_closing():
                for message in messages():
                    writer.write(_frame(message))
                await writer.drain()
                if reply.cut is not None:
                    return
                await asyncio.sleep(_BEAT)
        finally:
            self._streams.discard(writer)


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(reply))
    body = reply.body if reply.cut is None else reply.body[: reply.cut]
    for piece in [bytes((byte,)) for byte in body] if reply.drip else [body]:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(reply.drip)
    if reply.cut is not None:
        linger = struct.pack("ii", 1, 0)  # a RST instead of a FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()


def _head(reply: Reply) -> bytes:
    length = len(reply.body) if reply.claimed is None else reply.claimed
    told = {"Content-Length": str(length)} if length or reply.claimed is None else {}
    lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
    lines += [f"{name}: {value}" for name, value in {**told, "Connection": "close", **reply.headers}.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return "Unknown"


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    target = urlsplit(first.split(" ")[1])
    headers = dict(line.split(": ", 1) for line in lines if line)
    return Request(
        unquote(target.path),
        dict(parse_qsl(target.query, keep_blank_values=True)),
        {name.lower(): value for name, value in headers.items()},
    )


def _accepted(key: str) -> bytes:
    answer = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": answer}
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join((*lines, "", "")).encode()


def _frame(message: str | bytes) -> bytes:
    """One unmasked frame, as servers send them (RFC 6455, 5.2)."""
    data = message.encode() if isinstance(message, str) else message
    opcode = _TEXT if isinstance(message, str) else 0x2
    size = len(data)
    if size < 126:
        head = bytes((_FINAL | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, 127)) + size.to_bytes(8, "big")
    return head + data
