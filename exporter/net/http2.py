"""HTTP/2 (RFC 9113): one request and its answer over a `Stream` that has agreed on `h2`, by the h2 library.

Bounded as HTTP/1.1 is: h2 refuses more than 64 KB of headers and endless CONTINUATION; frames that
bring no answer nearer (PING, SETTINGS, empty DATA) are counted, and a flood of them is ProbeError `protocol`.
"""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.attempt import Attempt
from exporter.net.body import Body
from exporter.net.message import INFORMATIONAL_LIMIT, Answer, Request, not_http
from exporter.net.stream import Stream

_WINDOW = 1 << 20
"""Bytes that the server may send before we acknowledge."""

_IDLE_FRAMES_LIMIT = 1000
_FRAME_HEAD, _FRAME_LIMIT, _GOAWAY = 9, 16384, 7

_CONFIG = h2.config.H2Configuration(
    client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
)


class ResetError(ProbeError):
    """The server reset our stream; `code` is its reason (RFC 9113, 7)."""

    def __init__(self, peer: str, code: int, when: str) -> None:
        super().__init__(Reason.PROTOCOL, f"{peer} reset the stream: {_name(code)} {when}")
        self.code = code


class Conversation:
    """One request on one connection: `ask` for the head of the answer, then perhaps `read` its body.

    `trailers` are the fields behind the body, once it has been read; None when there were none.
    """

    def __init__(self, stream: Stream, net: Attempt) -> None:
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self._stream = stream
        self._net = net
        self._answer = Answer()
        self._connection = h2.connection.H2Connection(_CONFIG)
        self._buffer = b""
        self._unsent = b""
        self._early: list[bytes] = []
        self._body: Body | None = None
        self._without_body = False
        self._head = False
        self._whole = False
        self._informational = 0
        self._idle_frames = 0

    async def ask(self, request: Request) -> Answer:
        """Send the request and return the head of its answer; ProbeError `protocol` when that is no HTTP/2."""
        self._net.enter("processing", f"waiting for {self._stream.peer} to answer")
        self._without_body = request.method == "HEAD"
        self._unsent = request.body
        self._open()
        self._connection.send_headers(1, request.fields(), end_stream=not request.body)
        self._send_body()
        await self._flush()
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
        return self._stream.last_byte_at

    def _open(self) -> None:
        connection = self._connection
        connection.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: connection.DEFAULT_MAX_HEADER_LIST_SIZE,
            },
        )
        connection.initiate_connection()
        connection.increment_flow_control_window(_WINDOW)

    async def _more(self) -> None:
        data = await self._stream.receive()
        if not data:
            raise not_http(self._stream.peer, f"closed the connection {self._progress()}")
        try:
            for event in self._connection.receive_data(self._without_goaway(data)):
                self._take(event)
            self._send_body()
        except h2.exceptions.H2Error as error:
            raise not_http(self._stream.peer, f"broke HTTP/2: {error or type(error).__name__}") from error
        if not self._whole:
            await self._flush()

    def _progress(self) -> str:
        if not self._head:
            return "without answering"
        return f"after {self._body.size if self._body else 0} bytes of the body"

    def _without_goaway(self, data: bytes) -> bytes:
        """The whole frames that have come, for h2; what is left of the last one waits."""
        # h2 takes nothing after GOAWAY, yet a server may announce its end and still finish our stream.
        data = self._buffer + data
        start = taken = 0
        frames = []
        while len(data) - start >= _FRAME_HEAD:
            length = int.from_bytes(data[start : start + 3], "big")
            if length > _FRAME_LIMIT:
                raise not_http(self._stream.peer, "broke HTTP/2: what it sent is no frame, or one over the limit")
            end = start + _FRAME_HEAD + length
            if end > len(data):
                break
            if data[start + 3] == _GOAWAY:
                frames.append(data[taken:start])
                taken = end
                self._go_away(data[start + _FRAME_HEAD : end])
            start = end
            self._idle_frames += 1
        if self._idle_frames > _IDLE_FRAMES_LIMIT:
            raise not_http(self._stream.peer, f"sent {_IDLE_FRAMES_LIMIT} frames that bring no answer")
        self._buffer = data[start:]
        return b"".join((*frames, data[taken:start]))

    def _go_away(self, payload: bytes) -> None:
        last_stream, code = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF, int.from_bytes(payload[4:8], "big")
        if code or last_stream < 1:
            said = payload[8:200].decode("utf-8", "replace")
            raise not_http(self._stream.peer, f"ended HTTP/2: {_name(code)}{f' ({said})' if said else ''}")

    def _take(self, event: h2.events.Event) -> None:
        if self._whole:
            return
        if isinstance(event, h2.events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2.events.ResponseReceived):
            self._take_head(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._take_end()
        elif isinstance(event, h2.events.StreamReset):
            raise ResetError(self._stream.peer, event.error_code or 0, self._progress())
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers = list(event.headers or ())
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self._informational += 1
            if self._informational > INFORMATIONAL_LIMIT:
                raise not_http(self._stream.peer, f"sent more than {INFORMATIONAL_LIMIT} answers of 1xx")

    def _take_head(self, event: h2.events.ResponseReceived) -> None:
        answer = self._answer
        self._head = True
        answer.version = "HTTP/2.0"
        for name, value in event.headers or ():
            if name == b":status":
                answer.status = int(value) if value.isdigit() else 0
            elif not name.startswith(b":"):
                answer.headers.append((name, value))
        length = answer.first(b"content-length")
        answer.content_length = int(length) if length and length.isdigit() else -1
        self._net.enter("transfer", f"reading the answer of {self._stream.peer}", at=self._stream.last_byte_at)

    def _take_data(self, event: h2.events.DataReceived) -> None:
        data = bytes(event.data or b"")
        if data:
            self._idle_frames = 0
        if event.stream_ended is None:
            self._connection.acknowledge_received_data(event.flow_controlled_length or 0, 1)
        if self._body is None:
            self._early.append(data)
        else:
            self._body.feed(data)

    def _take_end(self) -> None:
        self._whole = True
        if self._answer.content_length < 0 and self._body is None and not self._early and not self._without_body:
            self._answer.content_length = 0

    def _send_body(self) -> None:
        connection = self._connection
        while self._unsent and not self._head:
            room = min(connection.local_flow_control_window(1), connection.max_outbound_frame_size)
            if room <= 0:
                return
            piece, self._unsent = self._unsent[:room], self._unsent[room:]
            connection.send_data(1, piece, end_stream=not self._unsent)

    async def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data:
            await self._stream.send(data)


def _name(code: int) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"
