"""Pages that stay open, each a stream of its own; a process that prints when all listen, and what they heard as JSON.

`python -m bench.audience PORT PATH COUNT VERSION` waits for the answer `down`, and goes on until its input ends. Times
are unix seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass, field
from time import time

_ANSWER = re.compile(rb'"answer": "(\w+)"')
_APART = 0.001  # seconds between two that come


@dataclass(slots=True)
class Heard:
    """When each page heard it, and how many lost their stream before; `size` is bytes of all streams."""

    at: list[float] = field(default_factory=list)
    lost: int = 0
    size: int = 0


class Audience:
    """`count` pages of one service, which show `version`."""

    def __init__(self, port: int, path: str, count: int, version: str) -> None:
        self.heard = Heard()
        self.ready, self.told = asyncio.Event(), asyncio.Event()
        self._request = f"GET {path}/events?v={version} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._port, self._count, self._begun = port, count, 0

    async def listen(self) -> None:
        """One page, until the other side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._request)
        try:
            await reader.readuntil(b"\r\n\r\n")
            # When to come again, and that there is life.
            for _ in range(2):
                await self._message(reader)
            self._begun += 1
            if self._begun == self._count:
                self.ready.set()
            while (found := _ANSWER.search(await self._message(reader))) is None or found[1] != b"down":
                pass
            self.heard.at.append(time())
            self._look()
            while True:
                await self._message(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.heard.lost += 1
            self._look()
        finally:
            writer.close()

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        message = await reader.readuntil(b"\n\n")
        self.heard.size += len(message)
        return message

    def _look(self) -> None:
        if len(self.heard.at) + self.heard.lost >= self._count:
            self.told.set()


async def attend(port: int, path: str, count: int, version: str) -> None:
    audience = Audience(port, path, count, version)
    pages = []
    for _ in range(count):
        pages.append(asyncio.create_task(audience.listen()))
        await asyncio.sleep(_APART)
    await audience.ready.wait()
    print("ready", flush=True)
    await audience.told.wait()
    print(json.dumps(asdict(audience.heard)), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for page in pages:
        page.cancel()


if __name__ == "__main__":
    _port, _path, _count, _version = sys.argv[1:]
    asyncio.run(attend(int(_port), _path, int(_count), _version))
