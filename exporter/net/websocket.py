"""WebSocket (RFC 6455): the upgrade of a `Stream`, and messages over it, by the wsproto library.

What a server may cost us is bounded: 16 KB of head (h11's limit), MESSAGE_LIMIT bytes of a message, and frames that
bring no message nearer (pings, pongs, empty fragments) are counted. No extension is offered, so nothing comes
compressed. A redirect is an answer like another: it is not followed, as browsers follow none here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.attempt import Attempt
from exporter.net.message import Answer, not_http
from exporter.net.stream import Stream

MESSAGE_LIMIT = 65536
"""Bytes of a message after which the peer is not listened to any more."""

OF_THE_HANDSHAKE = frozenset(
    {"connection", "content-length", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key",
     "sec-websocket-version", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Names of headers, in lower case, that a request for an upgrade cannot have from anybody else."""

_IDLE_FRAMES_LIMIT = 1000
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})\b")
_STATUS_LINE_LIMIT = 32


class WebSocket:
    """One WebSocket: `upgrade` the stream, then `hear` messages and `say` some; `answer` is that to the upgrade."""

    def __init__(self, stream: Stream, net: Attempt) -> None:
        self.answer = Answer()
        self._stream = stream
        self._net = net
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._begun = b""
        self._idle = 0

    async def upgrade(self, authority: str, path: str, headers: Iterable[tuple[str, str]]) -> None:
        """Ask for the upgrade of `path`; ProbeError `status` when the answer is another one, `protocol` when it is
        none."""
        stream, peer = self._stream, self._stream.peer
        request = self._request(authority, path, headers)
        self._net.enter("processing", f"waiting for {peer} to upgrade the connection")
        await stream.send(request)
        event = None
        while event is None:
            data = await stream.receive()
            if not data:
                when = "within the head of its answer" if self._begun else "without answering"
                raise not_http(peer, f"closed the connection {when}")
            if not self._begun:
                self._net.enter("transfer", f"reading the answer of {peer}", at=stream.first_byte_at)
            event = self._take_head(data)
        if isinstance(event, RejectConnection):
            raise self._refusal()

    async def hear(self) -> bytes:
        """The next message, text or binary, its fragments joined.

        ProbeError `body` when the peer closes before it or it is longer than MESSAGE_LIMIT, `protocol` when that is no
        WebSocket or the connection ends without a Close.
        """
        message = bytearray()
        self._idle = 0
        while True:
            event = next(self._connection.events(), None)
            if event is None:
                await self._more()
            elif not isinstance(event, Message):
                await self._take_control(event)
            else:
                self._take_piece(event, message)
                if event.message_finished:
                    return bytes(message)

    async def say(self, text: bytes) -> None:
        """Send a text message; what is no UTF-8 is replaced, because text must be."""
        await self._send(TextMessage(data=text.decode("utf-8", "replace")))

    async def close(self) -> None:
        """Say good-bye, without waiting for the peer to say it too."""
        with suppress(ProbeError):
            await self._send(CloseConnection(code=CloseReason.NORMAL_CLOSURE))

    def _request(self, authority: str, path: str, headers: Iterable[tuple[str, str]]) -> bytes:
        offered: list[str] = []
        others: list[tuple[bytes, bytes]] = []
        try:
            for name, value in headers:
                if name.lower() == "sec-websocket-protocol":
                    offered += [protocol.strip() for protocol in value.split(",")]
                else:
                    others.append((name.encode(), value.encode()))
            return self._connection.send(
                Request(host=authority, target=path, extra_headers=others, subprotocols=offered)
            )
        except (h11.LocalProtocolError, UnicodeError):
            # What h11 says has the value in it, which may be a secret.
            said = "a header, or a part of the URL, has a character that HTTP does not allow"
            raise ProbeError(Reason.INTERNAL, f"the request cannot be made: {said}") from None

    def _take_head(self, data: bytes) -> Event | None:
        """The event that the head of the answer is, None until it is whole."""
        self._begun = (self._begun + data)[:_STATUS_LINE_LIMIT]
        status = _STATUS_LINE.match(self._begun)
        self.answer.status = int(status[1]) if status else 0
        try:
            self._connection.receive_data(data)
            event = next(self._connection.events(), None)
        except (ProtocolError, UnicodeError) as error:
            # wsproto says no more of a head that is no HTTP; h11 below it does.
            said = error.__context__ if isinstance(error.__context__, h11.ProtocolError) else error
            raise not_http(self._stream.peer, f"answered with no upgrade: {said}") from error
        if isinstance(event, RejectConnection):
            self.answer.headers = [(name.lower(), value) for name, value in event.headers]
        elif isinstance(event, AcceptConnection):
            self.answer.headers = list(event.extra_headers)
        return event

    def _refusal(self) -> ProbeError:
        location = self.answer.first(b"location")
        elsewhere = f"; it leads to {location[:200]!r}, which is not followed" if location else ""
        said = f"{self._stream.peer} answered the upgrade with status {self.answer.status}, wanted 101"
        return ProbeError(Reason.STATUS, said + elsewhere)

    async def _more(self) -> None:
        data = await self._stream.receive()
        if not data:
            raise not_http(self._stream.peer, "closed the connection without a Close of WebSocket")
        self._connection.receive_data(data)

    def _take_piece(self, event: Message[Any], message: bytearray) -> None:
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        message += data
        if len(message) > MESSAGE_LIMIT:
            limit = f"{MESSAGE_LIMIT >> 10} KB"
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent a message of more than {limit}")
        if not data and not event.message_finished:
            self._count_idle()

    async def _take_control(self, event: Event) -> None:
        if isinstance(event, CloseConnection):
            raise self._closed(event)
        self._count_idle()
        if isinstance(event, Ping):
            await self._send(event.response())

    def _closed(self, event: CloseConnection) -> ProbeError:
        if self._connection.state is ConnectionState.OPEN:  # wsproto closes when it cannot read on
            return not_http(self._stream.peer, f"broke WebSocket: {event.reason}")
        said = f" ({event.reason!r})" if event.reason else ""
        return ProbeError(
            Reason.BODY, f"{self._stream.peer} closed the WebSocket with code {int(event.code)}{said}, no message came"
        )

    def _count_idle(self) -> None:
        self._idle += 1
        if self._idle > _IDLE_FRAMES_LIMIT:
            raise not_http(self._stream.peer, f"sent {_IDLE_FRAMES_LIMIT} frames that bring no message")

    async def _send(self, event: Event) -> None:
        await self._stream.send(self._connection.send(event))
