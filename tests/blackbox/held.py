"""A web server that answers nobody until it is told to."""

from __future__ import annotations

import asyncio
import socket

from tests.servers.listener import Listener, Listening, streams


class Held(Listening):
    """`came` and `left` count those who connected and those who went away unanswered."""

    def __init__(self) -> None:
        self.came = 0
        self.left = 0
        self._changed = asyncio.Condition()
        self._open = asyncio.Event()
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}/"

    def release(self) -> None:
        """Answer all, also those that come later."""
        self._open.set()

    async def until(self, came: int = 0, left: int = 0) -> None:
        """Until so many came and left."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: self.came >= came and self.left >= left)

    async def _serve(self, connection: socket.socket) -> None:
        async with streams(connection) as (reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            async with self._changed:
                self.came += 1
                self._changed.notify_all()
            gone, opened = asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._open.wait())
            await asyncio.wait((gone, opened), return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()
            if self._open.is_set():
                gone.cancel()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            async with self._changed:
                self.left += 1
                self._changed.notify_all()
