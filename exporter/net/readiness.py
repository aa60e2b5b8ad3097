"""Waiting until a socket is ready: one edge-triggered epoll for all the streams of a loop.

asyncio's own add_reader and remove_reader cost two epoll_ctl calls, a Handle and a SelectorKey for
every wait; here a socket is registered once and the loop watches the one epoll. Whoever waits must
have seen the operation refuse (EAGAIN) just before, because an edge is told only once, and must try
again after waking, because an edge may be about something else. Where there is no epoll, the loop's
readers and writers serve.
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import Protocol
from weakref import WeakKeyDictionary

READS_IN_A_ROW = 4
"""Reads that may find something at once before the rest of the loop has its turn: a peer that sends faster than we read
would keep the loop to itself, and no deadline would ever come."""


class Readiness(Protocol):
    """How a stream waits; one task at a time waits for a socket."""

    def register(self, descriptor: int) -> None:
        """Watch a socket until it is closed."""

    async def wait(self, descriptor: int, writing: bool) -> None:
        """Return when the socket may be read, or written; cancellation leaves nothing behind."""


def of_running_loop() -> Readiness:
    """The one of the running loop."""
    loop = asyncio.get_running_loop()
    found = _made.get(loop)
    if found is None:
        found = _made[loop] = _Edges(loop) if sys.platform == "linux" else _Levels()
    return found


def wake(waiter: asyncio.Future[None]) -> None:
    """Let the one who waits go on; harmless when it has been cancelled."""
    if not waiter.done():
        waiter.set_result(None)


class _Edges:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._events = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        self._waiters: dict[int, asyncio.Future[None]] = {}
        loop.add_reader(self._epoll.fileno(), self._tell)

    def register(self, descriptor: int) -> None:
        self._epoll.register(descriptor, self._events)  # closing the socket takes it out

    async def wait(self, descriptor: int, writing: bool) -> None:
        waiter = self._waiters[descriptor] = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            self._waiters.pop(descriptor, None)

    def _tell(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            waiter = self._waiters.get(descriptor)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)


class _Levels:
    def register(self, descriptor: int) -> None:
        pass

    async def wait(self, descriptor: int, writing: bool) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        add(descriptor, wake, waiter)
        try:
            await waiter
        finally:
            remove(descriptor)


_made: WeakKeyDictionary[asyncio.AbstractEventLoop, Readiness] = WeakKeyDictionary()
