"""gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): one unary call, one message each way, and the status it ends with.

What comes instead of a status has one all the same, the one that gRPC's own clients report (grpc-go): an HTTP status,
a reset stream, a message that is too long. An answer is read to LARGEST bytes; we offer no compression, so none is
taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from urllib.parse import unquote

from h2.errors import ErrorCodes

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import http2
from exporter.net.attempt import Attempt
from exporter.net.body import Body, size_text
from exporter.net.message import Answer, Request
from exporter.net.stream import Stream

LARGEST = 4 << 20
"""Bytes of a message, the limit of grpc-go."""

_HEAD = 5  # a flag and four bytes of length
_SAID = 200  # characters of a grpc-message that are told
_CONTENT_TYPE = re.compile(r"application/grpc([+;].*)?")


class Code(IntEnum):
    """The statuses of gRPC (grpc/doc/statuscodes.md)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_OF_HTTP: dict[int, Code] = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}
"""Of an HTTP status (grpc/doc/http-grpc-status-mapping.md); any other is UNKNOWN."""

_OF_RESET: dict[int, Code] = {code.value: Code.INTERNAL for code in ErrorCodes} | {
    ErrorCodes.FLOW_CONTROL_ERROR: Code.RESOURCE_EXHAUSTED,
    ErrorCodes.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCodes.CANCEL: Code.CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCodes.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}
"""Of a reset stream; what HTTP/2 does not know is UNKNOWN."""


class CallError(ProbeError):
    """A call that failed; `code` is its gRPC status, a number that need not be one of `Code`."""

    def __init__(self, reason: Reason, code: int, message: str) -> None:
        super().__init__(reason, message)
        self.code = code


def framed(payload: bytes) -> bytes:
    """A message as it travels, uncompressed."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


async def call(stream: Stream, net: Attempt, request: Request) -> bytes:
    """The message that answers `request`; CallError, or ProbeError when there is no HTTP/2.

    A status that is not OK is `status`, but DEADLINE_EXCEEDED is `timeout`: it is ours that passed there.
    """
    conversation = http2.Conversation(stream, net)
    try:
        answer = await conversation.ask(request)
        _check_head(stream.peer, answer)
        message = _Message(stream.peer, answer.first(b"grpc-encoding") or "identity")
        net.end(await conversation.read(message))
    except http2.ResetError as reset:
        raise CallError(reset.reason, _OF_RESET.get(reset.code, Code.UNKNOWN), str(reset)) from reset
    if conversation.trailers is None and message.size:
        raise CallError(Reason.PROTOCOL, Code.INTERNAL, f"{stream.peer} ended its answer without a grpc-status")
    _check_status(stream.peer, answer.headers if conversation.trailers is None else conversation.trailers)
    return message.payload()


def _check_head(peer: str, answer: Answer) -> None:
    if answer.status != 200:
        code = _OF_HTTP.get(answer.status, Code.UNKNOWN)
        raise CallError(Reason.STATUS, code, f"{peer} answered HTTP status {answer.status}")
    kind = answer.first(b"content-type") or ""
    if not _CONTENT_TYPE.fullmatch(kind):
        found = f"content-type {kind[:_SAID]!r}" if kind else "no content-type"
        raise CallError(Reason.PROTOCOL, Code.UNKNOWN, f"{peer} answered with {found}, not application/grpc")


def _check_status(peer: str, fields: Iterable[tuple[bytes, bytes]]) -> None:
    found = dict(fields)
    status = found.get(b"grpc-status")
    if status is None:
        raise CallError(Reason.PROTOCOL, Code.UNKNOWN, f"{peer} ended its answer without a grpc-status")
    if not status.isdigit() or len(status) > 9:
        said = status[:_SAID].decode("utf-8", "replace")
        raise CallError(Reason.PROTOCOL, Code.INTERNAL, f"{peer} answered grpc-status {said!r}, which is no number")
    code = int(status)
    if code != Code.OK:
        said = unquote(found.get(b"grpc-message", b"").decode("utf-8", "replace"))[:_SAID]
        reason = Reason.TIMEOUT if code == Code.DEADLINE_EXCEEDED else Reason.STATUS
        raise CallError(reason, code, f"{peer} answered {_name(code)}{f': {said!r}' if said else ''}")


def _name(code: int) -> str:
    try:
        return f"{Code(code).name} ({code})"
    except ValueError:
        return f"gRPC status {code}"


class _Message(Body):
    """The one message of an answer as it comes; `size` is 0 when there is none."""

    def __init__(self, peer: str, encoding: str) -> None:
        super().__init__(limit=2 * LARGEST, whole=True)  # what it says of its length ends it before
        self._peer = peer
        self._encoding = encoding

    def feed(self, data: bytes) -> None:
        """CallError `protocol` as soon as it cannot be a message."""
        super().feed(data)
        if self.size >= _HEAD:
            self._check_prefix()

    def payload(self) -> bytes:
        """What it holds, once the answer has ended well; CallError `protocol` when it is cut short."""
        if not self.size:
            raise self._broken(Code.INTERNAL, "OK and no message")
        if self.size < self._expected:
            raise self._broken(Code.INTERNAL, f"a message that ends after {self.size} of {self._expected} bytes")
        return bytes(self.kept[_HEAD:])

    @property
    def _expected(self) -> int:
        return _HEAD + int.from_bytes(self.kept[1:_HEAD], "big")

    def _check_prefix(self) -> None:
        flag = self.kept[0]
        if flag == 1 and self._encoding != "identity":
            raise self._broken(Code.INTERNAL, f"a message in {self._encoding[:_SAID]!r}, which we did not offer")
        if flag:
            raise self._broken(Code.INTERNAL, "a message that is compressed in no known way")
        if self._expected > _HEAD + LARGEST:
            raise self._broken(Code.RESOURCE_EXHAUSTED, f"a message of more than {size_text(LARGEST)}")
        if self.size > self._expected:
            raise self._broken(Code.INTERNAL, "more than one message")

    def _broken(self, code: Code, what: str) -> CallError:
        return CallError(Reason.PROTOCOL, code, f"{self._peer} answered with {what}")
