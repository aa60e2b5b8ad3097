"""Who keeps a page open and is told of changes: an event is made once, however many listen to it.

A listener is sent the newest event when it has taken what it was sent before. So who is slow holds nobody up, is
kept nothing for, and never hears what is over already.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)

MOST = 4000
"""Listeners at once; whoever comes beyond them is told so, and looks at the page now and then instead."""

BEAT = 15.0
"""Seconds between two signs of life: they say that verdicts are still judged, not only that a connection stands."""

ALIVE = b"event: alive\ndata: judging\n\n"

PAUSE = 5.0
"""Seconds until an event is made anew while the answer stays; another answer is told at once."""

Key = tuple[str, str]
"""What is listened to: a service, and the code of the language."""


@dataclass(frozen=True, slots=True)
class Event:
    """`version` is that of what the page shows; `body` is as it goes out."""

    version: str
    answer: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from; `answer` is quick, and None when nothing will come again."""

    answer: Callable[[], str | None]
    make: Callable[[], Event]


def version_of(content: str) -> str:
    """What tells this content from any other, for ever and on every machine."""
    return hashlib.blake2b(content.encode(), digest_size=9).hexdigest()


class Channel:
    """One thing that is listened to, and its newest event."""

    def __init__(self, source: Source, now: float) -> None:
        self.ended = False
        self.listeners = 0
        self.newest = source.make()
        self._source = source
        self._made_at = now
        self._doubted = False
        self._turn = asyncio.Event()

    async def turn(self) -> None:
        """Return when there may be something to be told."""
        await self._turn.wait()

    def doubt(self) -> None:
        """Somebody shows another version than the newest, and theirs may be newer: they wait for the next look."""
        self._doubted = True

    def look(self, now: float, beats: bool) -> None:
        """Make an event anew if it is time, and give all their turn if there is something to be told."""
        answer, before = self._source.answer(), self.newest.version
        if answer is None:
            self.end()
            return
        told, self._doubted = beats or self._doubted, False
        if told or answer != self.newest.answer or now - self._made_at >= PAUSE:
            self.newest, self._made_at = self._source.make(), now
        if told or self.newest.version != before:
            self._wake()

    def end(self) -> None:
        """Nothing comes any more."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        self._turn.set()
        self._turn.clear()


class Streams:
    """All channels that somebody listens to. `now` is of the monotonic clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._channels: dict[Key, Channel] = {}
        self._now = now
        self._beaten_at = now()

    @contextmanager
    def listen(self, key: Key, source: Source) -> Iterator[Channel]:
        """A channel for as long as somebody listens to it."""
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(source, self._now())
        channel.listeners += 1
        self.count += 1
        try:
            yield channel
        finally:
            self.count -= 1
            channel.listeners -= 1
            if not channel.listeners and self._channels.get(key) is channel:
                del self._channels[key]

    def ring(self) -> None:
        """Verdicts have been judged, and may be what they were; it costs nothing while nobody listens."""
        if not self._channels:
            return
        now = self._now()
        beats = now - self._beaten_at >= BEAT
        if beats:
            self._beaten_at = now
        for key, channel in list(self._channels.items()):
            try:
                channel.look(now, beats)
            except Exception as error:
                # A page that cannot be made must not end the judging; who listens comes again, and asks for the page.
                log.exception("an event cannot be made", extra={"service": key[0]}, exc_info=error)
                channel.end()
            if channel.ended:
                del self._channels[key]

    def end(self) -> None:
        """End all: the program stops."""
        for channel in self._channels.values():
            channel.end()
        self._channels.clear()
