"""HTTP/1.1 (RFC 9112): one request and its answer over a `Stream`, parsed by llhttp.

What a server may cost us is bounded: HEAD_LIMIT bytes of head, INFORMATIONAL_LIMIT answers of 1xx,
and a `Body` that bounds itself. A server that closes without answering is ProbeError `protocol`,
never a second request.
"""

from __future__ import annotations

import re

import httptools

from exporter.errors import ProbeError
from exporter.net.attempt import Attempt
from exporter.net.body import Body
from exporter.net.message import HEAD_LIMIT, INFORMATIONAL_LIMIT, Answer, Request, not_http
from exporter.net.stream import Stream

_BLANK = re.compile(rb"\r?\n\r?\n")
_BEFORE_COLON = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+:")
_LENGTH = re.compile(rb"content-length:[ \t]*(\d+)[ \t]*", re.IGNORECASE)
_WITHOUT_BODY = frozenset({101, 204, 304})


def mend_head(data: bytes) -> bytes:
    """An answer's beginning without what the parser refuses and browsers and Go take: white space before a colon
    (RFC 9112, 5.1), and a length that is said again (RFC 9110, 8.6). As it is until the head has come."""
    end = _BLANK.search(data)
    if end is None:
        return data
    said: set[bytes] = set()
    kept = []
    for line in data[: end.start()].replace(b"\r\n", b"\n").split(b"\n"):
        length = _LENGTH.fullmatch(line)
        if length is None or length[1] not in said:
            kept.append(_BEFORE_COLON.sub(rb"\1:", line))
        if length is not None:
            said.add(length[1])
    return b"\r\n".join(kept) + data[end.start() :]


class Conversation:
    """One request on one connection: `ask` for the head of the answer, then perhaps `read` its body."""

    def __init__(self, stream: Stream, net: Attempt) -> None:
        self._stream = stream
        self._net = net
        self._answer = Answer()
        self._parser = self._new_parser()
        self._raw = b""
        self._early: list[bytes] = []
        self._body: Body | None = None
        self._broken: ProbeError | None = None
        self._without_body = False
        self._head = False
        self._whole = False
        self._dry = 0
        self._informational = 0
        self._to_close = False

    async def ask(self, request: Request) -> Answer:
        """Send the request and return the head of its answer; ProbeError `protocol` when that is no HTTP."""
        stream, peer = self._stream, self._stream.peer
        self._without_body = request.method == "HEAD"
        self._net.enter("processing", f"waiting for {peer} to answer")
        await stream.send(request.rendered)
        data = await stream.receive()
        if not data:
            raise not_http(peer, "closed the connection without answering")
        self._net.enter("transfer", f"reading the answer of {peer}", at=stream.first_byte_at)
        self._feed(data)
        while not self._head:
            data = await stream.receive()
            if not data:
                raise not_http(peer, "closed the connection within the head of its answer")
            self._feed(data)
        return self._answer

    async def read(self, body: Body) -> float | None:
        """Read the body into `body`; return when its last byte came, None when only the closing told that it ended.

        ProbeError `protocol` when it is cut short, `body` from the body itself.
        """
        self._body = body
        for piece in self._early:
            body.feed(piece)
        if self._broken is not None:
            raise self._broken
        while not self._whole:
            data = await self._stream.receive()
            if not data:
                self._ended_by_close(body)
                return None
            self._feed(data)
        body.end()
        return self._stream.last_byte_at

    def _new_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        # What browsers and Go accept as well: bytes after the end, a length beside chunks, bare line feeds, headers
        # over two lines or with control characters, any version.
        parser.set_dangerous_leniencies(
            lenient_chunked_length=True,
            lenient_data_after_close=True,
            lenient_optional_cr_before_lf=True,
            lenient_headers=True,
            lenient_version=True,
        )
        return parser

    def _begin_again(self, data: bytes) -> None:
        self._parser = self._new_parser()
        self._answer.headers.clear()
        self._raw = b""
        self._feed(data)

    def _ended_by_close(self, body: Body) -> None:
        if not self._to_close:
            expected = f" of {self._answer.content_length}" if self._answer.content_length >= 0 else ""
            raise not_http(self._stream.peer, f"closed the connection after {body.size}{expected} bytes of the body")
        body.end()

    def _feed(self, data: bytes) -> None:
        if not self._head:
            self._raw += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._whole = True  # what follows is no HTTP; the status has been read
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
            if cause is not None:
                raise cause from None
            if not self._head and (mended := mend_head(self._raw)) != self._raw:
                self._begin_again(mended)
            elif not self._whole:
                self._break(not_http(self._stream.peer, f"broke HTTP: {error}"))
        # Headers before the body and trailers after it are kept by the parser until they are whole.
        self._dry += len(data)
        if self._dry > HEAD_LIMIT:
            raise not_http(self._stream.peer, f"answered with more than {HEAD_LIMIT >> 10} KB of headers")

    def _break(self, error: ProbeError) -> None:
        # A body that is broken from its first byte on does not unsay the status.
        if not self._head or self._body is not None:
            raise error
        self._broken = error

    # What follows is called by the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head:
            self._answer.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._head:
            return
        answer, parser = self._answer, self._parser
        status = parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._skip_informational()
            return
        self._head = True
        answer.status = status
        answer.version = "HTTP/" + parser.get_http_version()
        self._measure(answer)

    def on_body(self, data: bytes) -> None:
        if self._whole:
            return
        self._dry = 0
        if self._body is None:
            self._early.append(data)
        else:
            self._body.feed(data)

    def on_message_complete(self) -> None:
        if self._head:
            self._whole = True

    def _skip_informational(self) -> None:
        self._informational += 1
        self._answer.headers.clear()
        if self._informational > INFORMATIONAL_LIMIT:
            raise not_http(self._stream.peer, f"sent more than {INFORMATIONAL_LIMIT} answers of 1xx")

    def _measure(self, answer: Answer) -> None:
        chunked, length = False, -1
        for name, value in answer.headers:
            if name == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    said = value[:60].decode("latin-1")
                    raise not_http(self._stream.peer, f"has a transfer coding that was not asked for: {said!r}")
                chunked = True
            elif name == b"content-length" and value.isdigit():
                length = int(value)
        if chunked:
            length = -1
        if self._without_body:
            self._whole = True
        elif answer.status in _WITHOUT_BODY:
            length = 0
        self._to_close = length < 0 and not chunked
        answer.content_length = length
