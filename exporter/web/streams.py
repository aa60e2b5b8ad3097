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
"""Seconds between two events while the answer stays: sentences may count reports that come every moment."""

Key = tuple[str, str]
"""What is listened to: a service, and the code of the language."""


@dataclass(frozen=True, slots=True)
class Event:
    """`version` is that of what the page shows; `answer` may not wait when it changes; `body` is as it goes out."""

    version: str
    answer: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from: `state` is quick, equal while nothing changed, and None when nothing will come again."""

    state: Callable[[], object]
    make: Callable[[], Event]


def version_of(content: str) -> str:
    """What tells this content from any other, for ever and on every machine."""
    return hashlib.blake2b(content.encode(), digest_size=9).hexdigest()


class Channel:
    """One thing that is listened to; `newest` is what whoever comes is told."""

    def __init__(self, source: Source, now: float) -> None:
        self.ended = False
        self.listeners = 0
        self.newest = source.make()
        self._source = source
        self._state = source.state()
        self._made_at = now
        self._turn = asyncio.Event()

    async def turn(self) -> None:
        """Return when there may be something to be told."""
        await self._turn.wait()

    def look(self, now: float, patient: bool = True) -> None:
        """Tell all what is new, if the state is another; a patient look lets what is not urgent wait."""
        if self._source.state() != self._state:
            self.renew(now, PAUSE if patient else 0.0)

    def renew(self, now: float, pause: float = 0.0) -> None:
        """Make what is newest anew, and tell all if it is another; with the same answer not within the pause."""
        state = self._source.state()
        if state is None:
            self.end()
            return
        made = self._source.make()
        if made.answer == self.newest.answer and now - self._made_at < pause:
            return
        self._state = state
        if made.version != self.newest.version:
            self.newest, self._made_at = made, now
            self.wake()

    def wake(self) -> None:
        """Give all their turn."""
        self._turn.set()
        self._turn.clear()

    def end(self) -> None:
        """Nothing comes any more."""
        self.ended = True
        self.wake()


class Streams:
    """All channels that somebody listens to. `now` is of the monotonic clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._channels: dict[Key, Channel] = {}
        self._now = now
        self._beaten_at = now()

    @contextmanager
    def listen(self, key: Key, source: Source) -> Iterator[Channel]:
        """A channel for as long as somebody listens to it; its newest event is as new as can be."""
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(source, self._now())
        else:
            channel.look(self._now(), patient=False)
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
            self._ring(channel, now, beats)
            if channel.ended:
                del self._channels[key]

    def end(self) -> None:
        """End all: the program stops."""
        for channel in self._channels.values():
            channel.end()
        self._channels.clear()

    @staticmethod
    def _ring(channel: Channel, now: float, beats: bool) -> None:
        try:
            if beats:
                # What is shown may be another with the same state: it names days, and tells of the past.
                channel.renew(now)
                channel.wake()
            else:
                channel.look(now)
        except Exception as error:
            # A page that cannot be made must not end the judging: whoever listens comes again and hears what is wrong.
            log.exception("an event cannot be made", exc_info=error)
            channel.end()
