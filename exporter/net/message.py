"""An HTTP request and the head of its answer, the same for every version."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Protocol

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.body import Body
from exporter.net.remembering import remembered

HEAD_LIMIT = 65536
"""Bytes of header fields, of all answers together, that are read before giving up."""

INFORMATIONAL_LIMIT = 10
"""Answers with a status of 1xx that are skipped before giving up."""

FORBIDDEN_IN_HTTP2 = frozenset({"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


@dataclass(slots=True)
class Request:
    """One request. `target` is what the request line of HTTP/1.1 carries, `headers` all fields but Host."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    rendered: bytes = field(init=False)
    """The request as HTTP/1.1 has it, ready to send."""

    def __post_init__(self) -> None:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.authority}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        if not any(name.lower() == "connection" for name, _ in self.headers):
            lines.append("Connection: close")
        self.rendered = "\r\n".join((*lines, "", "")).encode("utf-8") + self.body

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header block of HTTP/2 (RFC 9113, 8.3)."""
        block = [(":method", self.method), (":scheme", self.scheme)]
        block += [(":authority", self.authority), (":path", self.target)]
        block += [(name.lower(), value) for name, value in self.headers if name.lower() not in FORBIDDEN_IN_HTTP2]
        if self.body:
            block.append(("content-length", str(len(self.body))))
        return [(name.encode(), value.encode()) for name, value in block]


class Conversation(Protocol):
    """One request on one connection, the same for every version of HTTP; ProbeError says what the peer did wrong."""

    async def ask(self, request: Request) -> Answer:
        """Send the request and return the head of its answer."""

    async def read(self, body: Body) -> float | None:
        """Read the body into `body`; return when its last byte came, None when only the closing told that it ended."""


class Answer:
    """The head of an answer; header names are in lower case, `content_length` is -1 when the server does not say."""

    __slots__ = ("content_length", "headers", "status", "version")

    def __init__(self) -> None:
        self.status = 0
        self.version = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.content_length = -1

    def first(self, name: bytes) -> str | None:
        """The value of the first field called `name`, or None."""
        for known, value in self.headers:
            if known == name:
                return value.decode("utf-8", "replace")
        return None

    def every(self, name: bytes) -> list[str]:
        """The values of all fields called `name`."""
        return [value.decode("utf-8", "replace") for known, value in self.headers if known == name]

    def last_modified(self) -> float | None:
        """Last-Modified in unix seconds; None when it is missing or no date."""
        text = self.first(b"last-modified")
        return _unix_seconds(text) if text else None

    def text(self) -> str:
        """The header fields for a person to read."""
        return "\n".join(
            f"{name.decode('latin-1')}: {value.decode('utf-8', 'replace')}" for name, value in self.headers
        )


@remembered(longest=64, size=1024)
def _unix_seconds(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def not_http(peer: str, what: str) -> ProbeError:
    """What is said of a peer that breaks the protocol."""
    return ProbeError(Reason.PROTOCOL, f"{peer} {what}")
