"""A WebSocket server by wsproto, and frames that no library would send.

    async with Torture(upgraded(echoes)) as server:
        ...  # ws://127.0.0.1:{server.port}/

`upgraded` makes a behaviour of the torture server from one over an open WebSocket; those that never get so far are
behaviours themselves.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Iterable

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from tests.servers.torture import Behaviour, Conversation

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Peer:
    """An open WebSocket, as its server has it; `request` is what was asked for."""

    def __init__(self, client: Conversation, connection: WSConnection, request: Request) -> None:
        self.client = client
        self.request = request
        self._connection = connection

    async def hear(self) -> str | bytes | None:
        """The next message; None when the client has closed, properly or not."""
        parts: list[str | bytes] = []
        while data := await self.client.reader.read(65536):
            self._connection.receive_data(data)
            for event in self._connection.events():
                if isinstance(event, CloseConnection):
                    return None
                if isinstance(event, Message):
                    parts.append(event.data)
                    if event.message_finished:
                        return "".join(map(str, parts)) if isinstance(event, TextMessage) else b"".join(parts)  # type: ignore[arg-type]
        return None

    async def pong(self) -> bytes:
        """What the next pong says."""
        while data := await self.client.reader.read(65536):
            self._connection.receive_data(data)
            for event in self._connection.events():
                if isinstance(event, Pong):
                    return bytes(event.payload)
        return b""

    async def gone(self) -> int | None:
        """The code that the client closes with; None when it goes without a word."""
        while data := await self.client.reader.read(65536):
            self._connection.receive_data(data)
            for event in self._connection.events():
                if isinstance(event, CloseConnection):
                    return int(event.code)
        return None

    async def say(self, message: str | bytes, whole: bool = True) -> None:
        kind = TextMessage if isinstance(message, str) else BytesMessage
        await self.client.send(self._connection.send(kind(data=message, message_finished=whole)))

    async def ping(self, payload: bytes = b"") -> None:
        await self.client.send(self._connection.send(Ping(payload=payload)))

    async def close(self, code: int, reason: str = "") -> None:
        await self.client.send(self._connection.send(CloseConnection(code=code, reason=reason)))


Spoken = Callable[[Peer], Awaitable[None]]


def upgraded(spoken: Spoken, *, subprotocol: str | None = None) -> Behaviour:
    """Accepts the upgrade, then does what `spoken` does, until that returns."""

    async def behaviour(client: Conversation) -> None:
        connection, request = await _asked(client)
        await client.send(connection.send(AcceptConnection(subprotocol=subprotocol)))
        await spoken(Peer(client, connection, request))

    return behaviour


def refuses(status: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> Behaviour:
    """Answers the upgrade with another status."""

    async def behaviour(client: Conversation) -> None:
        connection, _ = await _asked(client)
        await client.send(connection.send(RejectConnection(status_code=status, headers=list(headers))))

    return behaviour


def answers_wrongly(wrong: Callable[[bytes], bytes]) -> Behaviour:
    """Accepts the upgrade with an answer that `wrong` has changed."""

    async def behaviour(client: Conversation) -> None:
        connection, _ = await _asked(client)
        await client.send(wrong(connection.send(AcceptConnection())))
        await client.reader.read()

    return behaviour


def sends(*pieces: bytes, stays: bool = True) -> Behaviour:
    """Sends bytes as they are over the open WebSocket, then stays or closes the connection."""

    async def spoken(peer: Peer) -> None:
        for piece in pieces:
            await peer.client.send(piece)
        if stays:
            await peer.client.reader.read()

    return upgraded(spoken)


def floods(piece: bytes, first: bytes = b"") -> Behaviour:
    """Sends the same bytes without end."""

    async def spoken(peer: Peer) -> None:
        await peer.client.send(first)
        await peer.client.flood(piece)

    return upgraded(spoken)


async def echoes(peer: Peer) -> None:
    """A greeting, then each message comes back behind `you said `; `quit` ends it with code 1000."""
    await peer.say("220 box ready")
    while (message := await peer.hear()) is not None:
        if message == "quit":
            await peer.close(1000, "bye")
            return
        await peer.say(f"you said {message}" if isinstance(message, str) else b"you said " + message)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    """One frame (RFC 6455, 5.2) with whatever bits."""
    first = fin << 7 | rsv << 4 | opcode
    mask = b"\1\2\3\4" if masked else b""
    if masked:
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([first]) + _length(len(payload), masked) + mask + payload


def _length(length: int, masked: bool) -> bytes:
    bit = 0x80 if masked else 0
    if length < 126:
        return bytes([bit | length])
    return struct.pack("!BH", bit | 126, length) if length < 1 << 16 else struct.pack("!BQ", bit | 127, length)


async def _asked(client: Conversation) -> tuple[WSConnection, Request]:
    connection = WSConnection(ConnectionType.SERVER)
    connection.receive_data(await client.request())
    (event,) = connection.events()
    assert isinstance(event, Request)
    return connection, event
