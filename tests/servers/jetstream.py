"""A Jetstream v1 server: its events, its replay from a cursor, and the ways in which it can go wrong.

What is said is kept and sent to everybody who listens, and to whoever comes later with a cursor: from the cursor on,
inclusive, after what is forgotten (`oldest`) silently clamped.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, web

COLLECTION = "app.bsky.feed.post"
DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


@dataclass(slots=True, eq=False)
class Listening:
    """Somebody who is connected; `query` is what was asked for."""

    query: dict[str, str]
    stream: web.WebSocketResponse
    queue: asyncio.Queue[str | bytes | None] = field(default_factory=asyncio.Queue)


class Jetstream:
    """Serves on loopback; `skew` microseconds are added to the times of what is said, as hosts differ."""

    def __init__(self, now: Callable[[], float] = time.time, skew: int = 0) -> None:
        self._now = now
        self._skew = skew
        self.events: list[tuple[int, str]] = []
        self.oldest = 0
        self.asked: list[dict[str, str]] = []
        self.listening: set[Listening] = set()
        self.status = 101
        self._count = 0
        self._last = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/subscribe", self._subscribe)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self.url = f"ws://127.0.0.1:{self.port}/subscribe"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()
        await self._runner.cleanup()

    async def listener(self) -> None:
        """Wait until somebody listens."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.listening)

    def post(self, text: Any, *, key: str = "", time_us: int | None = None, **others: Any) -> int:
        """Somebody writes; `others` replace what stands in the commit. Returns the event's time_us."""
        self._count += 1
        commit = {
            "rev": f"rev{self._count}",
            "operation": "create",
            "collection": COLLECTION,
            "rkey": key or f"key{self._count}",
            "record": {"$type": COLLECTION, "createdAt": "1970-01-01T00:00:00Z", "langs": ["en"], "text": text},
            "cid": f"cid-of-{key or self._count}",
        }
        return self._say({"kind": "commit", "commit": commit | others}, time_us)

    def account(self, time_us: int | None = None) -> int:
        """An account changes: comes whatever collections one wants."""
        return self._say({"kind": "account", "account": {"active": True, "did": DID, "seq": 1}}, time_us)

    def identity(self, time_us: int | None = None) -> int:
        return self._say({"kind": "identity", "identity": {"did": DID, "handle": "a.example", "seq": 1}}, time_us)

    def send(self, frame: str | bytes) -> None:
        """A message as it is to those who listen now, never replayed."""
        for one in self.listening:
            one.queue.put_nowait(frame)

    async def cut(self) -> None:
        """Close every connection."""
        for one in self.listening:
            one.queue.put_nowait(None)
        async with self._changed:
            await self._changed.wait_for(lambda: not self.listening)

    def _say(self, event: dict[str, Any], time_us: int | None) -> int:
        if time_us is None:
            # As the real one's: no two events have the same time.
            time_us = max(int(self._now() * 1e6) + self._skew, self._last + 1)
        self._last = time_us
        text = json.dumps({"did": DID, "time_us": time_us, **event}, separators=(",", ":"))
        self.events.append((time_us, text))
        self.send(text)
        return time_us

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if self.status != 101:
            return web.Response(status=self.status, text="<html>not today</html>", content_type="text/html")
        one = Listening(dict(request.query), web.WebSocketResponse(max_msg_size=0))
        await one.stream.prepare(request)
        if "cursor" in one.query:
            since = max(int(one.query["cursor"]), self.oldest)
            for time_us, text in self.events:
                if time_us >= since:
                    one.queue.put_nowait(text)
        self.listening.add(one)  # nothing is said between the replay and this
        await self._serve(one)
        return one.stream

    async def _serve(self, one: Listening) -> None:
        leaving = asyncio.create_task(one.stream.receive())
        leaving.add_done_callback(lambda _: one.queue.put_nowait(None))
        await self._tell()
        try:
            while (message := await one.queue.get()) is not None and not one.stream.closed:
                if isinstance(message, bytes):
                    await one.stream.send_bytes(message)
                else:
                    await one.stream.send_str(message)
            await one.stream.close(code=WSCloseCode.GOING_AWAY)
        except ConnectionError:
            pass
        finally:
            leaving.cancel()
            self.listening.discard(one)
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
