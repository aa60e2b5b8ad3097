"""HTTP/3 (RFC 9114): one request and its answer over a QUIC session, by the aioquic library.

Bounded as the other versions are: HEAD_LIMIT bytes of header fields, INFORMATIONAL_LIMIT answers of 1xx, a `Body`
that bounds itself. The server gets no table to fill (QPACK), with which a few bytes would stand for many, and no leave
to push.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pylsqpack
from aioquic.h3.connection import H3Connection, H3Stream
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.events import QuicEvent, StreamDataReceived, StreamReset

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import quic
from exporter.net.attempt import Attempt
from exporter.net.body import Body
from exporter.net.message import HEAD_LIMIT, INFORMATIONAL_LIMIT, Answer, Request, not_http
from exporter.net.quic import Session
from exporter.options import TLSConfig

_NO_CONTENT = 204
_WITHOUT_BODY = frozenset({_NO_CONTENT, 304})


@asynccontextmanager
async def connected(
    net: Attempt, config: TLSConfig, host: str, addresses: Sequence[str], port: int
) -> AsyncIterator[Conversation]:
    """A conversation with the first of `addresses` that lets us; leaving ends it. ProbeError as `Attempt.dial`."""
    if net.route is not None:
        raise ProbeError(Reason.VANTAGE, f"HTTP/3 goes by UDP, which {net.route} does not carry")
    session = await net.first_of(host, addresses, partial(quic.connect, net, config, host, port))
    try:
        yield Conversation(session, net)
    finally:
        session.close()


class _Connection(H3Connection):
    def _init_connection(self) -> None:
        # There is no public way to ask for less.
        self._max_table_capacity = self._blocked_streams = 0
        self._max_push_id = None
        self._decoder = pylsqpack.Decoder(0, 0)
        super()._init_connection()

    def _check_content_length(self, stream: H3Stream) -> None:
        """Left to the conversation, which knows that an answer to HEAD has none of what it announces."""


class Conversation:
    """One request on one connection: `ask` for the head of the answer, then perhaps `read` its body."""

    def __init__(self, session: Session, net: Attempt) -> None:
        self._session = session
        self._net = net
        self._answer = Answer()
        self._http = _Connection(session.connection)
        self._stream = 0
        self._early: list[bytes] = []
        self._body: Body | None = None
        self._size = 0
        self._without_body = False
        self._begun = False
        self._head = False
        self._whole = False
        self._dry = 0
        self._informational = 0

    async def ask(self, request: Request) -> Answer:
        """Send the request and return the head of its answer; ProbeError `protocol` when that is no HTTP/3."""
        self._net.enter("processing", f"waiting for {self._session.peer} to answer")
        self._without_body = request.method == "HEAD"
        self._stream = self._session.connection.get_next_available_stream_id()
        self._http.send_headers(self._stream, request.fields(), end_stream=not request.body)
        if request.body:
            self._http.send_data(self._stream, request.body, end_stream=True)
            self._session.sends(len(request.body))
        while not self._head:
            await self._more()
        return self._answer

    async def read(self, body: Body) -> float | None:
        """Read the body into `body`; return when its last byte came. ProbeError `protocol` or `body`."""
        self._body = body
        for piece in self._early:
            body.feed(piece)
        while not self._whole:
            await self._more()
        body.end()
        return self._session.arrived_at

    async def _more(self) -> None:
        for event in await self._session.more():
            self._measure(event)
            for found in self._http.handle_event(event):
                self._take(found)
            if self._dry > HEAD_LIMIT:
                raise not_http(self._session.peer, f"answered with more than {HEAD_LIMIT >> 10} KB of headers")

    def _measure(self, event: QuicEvent) -> None:
        if isinstance(event, StreamReset) and event.stream_id == self._stream and not self._whole:
            raise not_http(self._session.peer, f"reset the stream: error {event.error_code:#x} {self._progress()}")
        if isinstance(event, StreamDataReceived) and event.stream_id == self._stream:
            self._dry += len(event.data)
            if not self._begun:
                self._begun = True
                self._net.enter("transfer", f"reading the answer of {self._session.peer}", at=self._session.arrived_at)

    def _progress(self) -> str:
        if not self._head:
            return "without answering"
        return f"after {self._size} bytes of the body"

    def _take(self, event: H3Event) -> None:
        if self._whole or getattr(event, "stream_id", None) != self._stream:
            return
        if isinstance(event, HeadersReceived):
            self._take_head(event)
        elif isinstance(event, DataReceived):
            self._take_data(event.data)
        if isinstance(event, HeadersReceived | DataReceived) and event.stream_ended:
            self._take_end()

    def _take_head(self, event: HeadersReceived) -> None:
        status = int(dict(event.headers).get(b":status", b"0"))
        if self._head:
            return  # trailers
        if status < 200:
            self._informational += 1
            if self._informational > INFORMATIONAL_LIMIT:
                raise not_http(self._session.peer, f"sent more than {INFORMATIONAL_LIMIT} answers of 1xx")
            return
        answer = self._answer
        self._head = True
        self._session.progressed()
        answer.status = status
        answer.version = "HTTP/3.0"
        answer.headers = [(name, value) for name, value in event.headers if not name.startswith(b":")]
        length = answer.first(b"content-length")
        answer.content_length = int(length) if length and length.isdigit() else -1
        self._without_body = self._without_body or answer.status in _WITHOUT_BODY
        if answer.status == _NO_CONTENT and answer.content_length < 0:
            answer.content_length = 0  # as blackbox_exporter's library has it

    def _take_data(self, data: bytes) -> None:
        if not data:
            return
        self._dry = 0
        self._size += len(data)
        self._session.progressed()
        if self._body is None:
            self._early.append(data)
        else:
            self._body.feed(data)

    def _take_end(self) -> None:
        if not self._head:
            raise not_http(self._session.peer, "ended the stream without answering")
        length = self._answer.content_length
        if length >= 0 and self._size != length and not self._without_body:
            raise not_http(self._session.peer, f"ended the stream after {self._size} of {length} bytes of the body")
        self._whole = True
