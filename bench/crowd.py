"""People who read a page, each at a time of their own: a process of its own that prints what came of it as JSON.

`python -m bench.crowd URL SECONDS RATE TAGGED` reads it RATE times a second over kept-alive connections, compressed as
browsers want it, and with its newest tag when TAGGED is 1. Times count from when a request was due, so that a server
that stalls is not asked less.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.report import percentile

_STATUS, _LENGTH = re.compile(rb"HTTP/1\.1 (\d+)"), re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_CHUNKED, _TAG = re.compile(rb"transfer-encoding: chunked", re.IGNORECASE), re.compile(rb"etag: (.+)\r", re.IGNORECASE)


@dataclass(slots=True)
class Came:
    """Answers by status, bytes of the last body, requests without an answer; seconds from due to answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    size: int = 0
    lost: int = 0
    p50: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class _Crowd:
    def __init__(self, url: str, tagged: bool) -> None:
        parts = urlsplit(url)
        self.host, self.port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._tagged, self._tag = tagged, b""
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.came, self.took = Came(), list[float]()

    async def read(self, due: float) -> None:
        """One request, over a connection that is free."""
        try:
            connection = self._idle.pop() if self._idle else await asyncio.open_connection(self.host, self.port)
            connection[1].write(self._request())
            await self._answered(connection[0])
        except (OSError, asyncio.IncompleteReadError):
            self.came.lost += 1
            return
        self._idle.append(connection)
        self.took.append(time.monotonic() - due)

    def _request(self) -> bytes:
        known = b"If-None-Match: %s\r\n" % self._tag if self._tagged and self._tag else b""
        head = f"GET {self._path} HTTP/1.1\r\nHost: {self.host}\r\nAccept-Encoding: gzip\r\n"
        return head.encode() + known + b"\r\n"

    async def _answered(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _STATUS.match(head)
        if tag := _TAG.search(head):
            self._tag = tag[1]
        self.came.statuses[found[1].decode() if found else "none"] += 1
        if length := _LENGTH.search(head):
            self.came.size = len(await reader.readexactly(int(length[1])))
        elif _CHUNKED.search(head):
            self.came.size = await _chunks(reader)


async def _chunks(reader: asyncio.StreamReader) -> int:
    whole = 0
    while size := int(await reader.readline(), 16):
        whole += len(await reader.readexactly(size + 2)) - 2
    await reader.readline()
    return whole


async def _read(url: str, seconds: float, rate: float, tagged: bool) -> Came:
    crowd, began = _Crowd(url, tagged), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(seconds * rate)):
            due = began + number / rate
            await asyncio.sleep(due - time.monotonic())
            group.create_task(crowd.read(due))
    for _, writer in crowd._idle:
        writer.close()
    came, took = crowd.came, crowd.took
    came.p50, came.p99, came.most = percentile(took, 50), percentile(took, 99), max(took)
    return came


def start(url: str, seconds: float, rate: float, tagged: bool) -> subprocess.Popen[bytes]:
    """A crowd that reads, as a process."""
    command = [sys.executable, "-m", "bench.crowd", url, f"{seconds}", f"{rate}", f"{int(tagged)}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def came_of(running: subprocess.Popen[bytes]) -> Came:
    """What it says when it has ended."""
    said, _ = running.communicate()
    found: dict[str, Any] = json.loads(said)
    return Came(**{**found, "statuses": Counter(found["statuses"])})


def main() -> None:
    url, seconds, rate, tagged = sys.argv[1:]
    came = asyncio.run(_read(url, float(seconds), float(rate), tagged == "1"))
    print(json.dumps({**asdict(came), "statuses": dict(came.statuses)}))


if __name__ == "__main__":
    main()
