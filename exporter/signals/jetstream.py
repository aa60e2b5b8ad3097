"""What people write on Bluesky: the share of all posts that complain about a service, from Jetstream v1's stream.

Format: github.com/bluesky-social/jetstream. A websocket sends one JSON event a message; those of `kind` commit with
`operation` create in `app.bsky.feed.post` are new posts. `identity` and `account` events come whatever one asks for,
and only tell how far the stream is. A post is counted at its `time_us`, the server's own clock in microseconds, never
at its `createdAt`, which its author may set. Neither text nor author is kept or logged.

A cut is no data, never zero: the next address goes on from the cursor, and SignalError is raised when a whole round of
addresses failed. Nothing is counted twice: addresses stamp the same post with different times, so each is asked again
for the last `REWIND` seconds, and what was counted is known by a hash. After a restart nothing is known by hash: the
same address goes on right behind the bookmark, another one `REWIND` seconds later. (Two addresses whose stamps of one
post are more than half a minute apart would still defeat this.) A server forgets after 36 hours and then starts later
than it was asked, silently: what lies between is not claimed as covered.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exporter.errors import SignalError
from exporter.fetch import Fetch, Socket, one_line
from exporter.model import Service, Signal
from exporter.options import any_of
from exporter.readings import BUCKET, Fault, Reading, Tally

INTERVAL = 5.0
NEEDS_SERVICES = True
NEEDS_COMPLAINTS = True

COLLECTION = "app.bsky.feed.post"
REWIND = 5_000_000
"""Microseconds that are asked for again, by which servers may differ about the time of a post."""

REMEMBERED = 30_000_000
"""Microseconds for which a post is known to be counted, at least."""

MOST_REMEMBERED = 100_000
"""Posts, twice: a bound for a stream whose times stand still."""

MOST_BEHIND = 3600.0
"""Seconds: a longer absence is left out, because a day of posts would keep this process busy for minutes."""

STILL = 30.0
"""Seconds that may pass without an event, and after which the stream's own times must have moved by a tenth of that."""

FUTURE = 300.0
"""Seconds by which a server's clock may be ahead of ours."""

LARGEST = 256 << 10
"""Bytes of an event: whoever posts something huge would else end the stream, and end it again at each resumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    urls: tuple[str, ...] = (
        "wss://jetstream2.us-east.bsky.network/subscribe",
        "wss://jetstream1.us-west.bsky.network/subscribe",
        "wss://jetstream1.us-east.bsky.network/subscribe",
        "wss://jetstream2.us-west.bsky.network/subscribe",
    )

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("urls is empty; leave it out for the public ones")
        for url in self.urls:
            if not url.startswith(("wss://", "ws://")):
                raise ValueError(f"urls: {url!r} is not the address of a websocket; it begins with wss:// or ws://")


async def follow(
    signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = ""
) -> AsyncIterator[Reading]:
    """A reading every `signal.interval` seconds; a bookmark is `time_us address`."""
    newest, _, address = bookmark.partition(" ")
    counting = Counting(services, int(newest) if newest.isdecimal() else 0, address, fetch.now())
    urls = list(signal.options.urls)
    if address in urls:
        urls = [*urls[urls.index(address) :], *urls[: urls.index(address)]]
    failures = 0
    while True:
        url = urls[0]
        counting.resume(url, fetch.now())
        try:
            async with fetch.socket(_asked(url, counting.cursor), size_limit=2 * LARGEST, silence=STILL) as socket:
                while True:
                    await _listen(socket, counting, fetch, signal.interval)
                    failures = 0
                    if reading := counting.take():
                        yield reading
        except SignalError:
            # What was counted before the cut is right, and the next connection must not count it again.
            if reading := counting.take():
                yield reading
            failures += 1
            if failures >= len(urls):
                raise
            urls.append(urls.pop(0))


def _asked(url: str, cursor: int) -> str:
    wanted = {"wantedCollections": COLLECTION, "maxMessageSizeBytes": LARGEST} | ({"cursor": cursor} if cursor else {})
    return f"{url}{'&' if '?' in url else '?'}{urlencode(wanted)}"


async def _listen(socket: Socket, counting: Counting, fetch: Fetch, seconds: float) -> None:
    """Count what comes for so long."""
    until, events, now = fetch.now() + seconds, 0, 0.0
    while now < until:
        event = _event(await socket.receive())
        now = fetch.now()
        if event is not None:
            counting.add(event, now)
        events += 1
        # What is behind comes as fast as it is taken; pages and metrics are served by this process too.
        if events % 200 == 0 and counting.newest / 1e6 < now - 60:
            await asyncio.sleep(0.02)
    counting.check_pace(now)


def _event(message: bytes | str) -> dict[str, Any] | None:
    """None for one that cannot be read because of what a person wrote; anything else is the server's fault."""
    try:
        event = json.loads(message)
    except RecursionError:
        return None
    except ValueError as error:
        raise SignalError(Fault.FORMAT, f"an event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise SignalError(Fault.FORMAT, f"an event is not an object but a {type(event).__name__}")
    if type(event.get("time_us")) is not int:
        if event.get("error"):
            raise SignalError(Fault.ERROR, f"the stream says: {one_line(str(event.get('message') or event['error']))}")
        raise SignalError(Fault.FORMAT, "an event has no time_us that is a whole number")
    return event


class Counting:
    """What was seen since the last reading, and what is known to be counted. Times are microseconds, as the stream's.

    `newest` is the newest time seen, 0 before any; `cursor` is where the next connection begins, 0 for now.
    """

    def __init__(self, services: Sequence[Service], newest: int, address: str, now: float) -> None:
        usable = newest / 1e6 <= now + FUTURE
        self.newest = newest if usable else 0
        self._address = address
        self._floor = 0
        self._told = self._since = self.newest
        self._patterns = {service.name: any_of(service.complaints) for service in services}
        self._posts: Counter[int] = Counter()
        self._complaints: Counter[tuple[int, str]] = Counter()
        self._known: tuple[set[int], set[int]] = (set(), set())
        self._known_from = 0
        self._knows_none = True
        self._awaits_first = True
        self.cursor = 0
        self._has_posts = False
        self._paced = (now, self.newest)

    def resume(self, address: str, now: float) -> None:
        """A connection to `address` is about to begin."""
        behind = int((now - MOST_BEHIND) * 1e6)
        if self._knows_none and self.newest:
            self._floor = self.newest if address == self._address else self.newest + REWIND
        self.cursor = max(self._floor, self.newest - REWIND, behind) if self.newest else 0
        self._floor = max(self._floor, self.cursor)
        self._address = address
        self._awaits_first = True
        self._pace(now, self.newest)

    def add(self, event: dict[str, Any], now: float) -> None:
        """Count an event; SignalError when its time is not to be believed."""
        time_us: int = event["time_us"]
        if time_us / 1e6 > now + FUTURE:
            raise SignalError(Fault.FORMAT, f"an event's time_us {time_us} lies in the future")
        if self._awaits_first:
            self._begin(time_us, now)
        post = _post(event)
        self._has_posts = self._has_posts or post is not None
        if post is not None and time_us > max(self._floor, self.newest - REWIND):
            self._add_post(time_us, *post)
        self.newest = max(self.newest, time_us)

    def take(self) -> Reading | None:
        """What was counted since the last reading; None when the stream has not moved since."""
        if self.newest <= self._told:
            return None
        tallies = tuple(
            Tally(service, "", bucket, self._complaints[bucket, service], posts)
            for bucket, posts in sorted(self._posts.items())
            for service in self._patterns
        )
        since = min(self._since, self.newest) / 1e6
        reading = Reading(self.newest / 1e6, tallies, since, bookmark=f"{self.newest} {self._address}")
        self._told, self._since = self.newest, max(self._since, self.newest)
        self._posts.clear()
        self._complaints.clear()
        return reading

    def check_pace(self, now: float) -> None:
        """SignalError when the stream goes on, but not its times, or without a single post."""
        began, then = self._paced
        if now - began < STILL:
            return
        if (self.newest - then) / 1e6 < (now - began) / 10:
            raise SignalError(Fault.LATE, f"the stream's times stand still at {self.newest}")
        if not self._has_posts:
            raise SignalError(Fault.FORMAT, f"no post is among the events of {STILL:g} s")
        self._pace(now, self.newest)

    def _pace(self, now: float, newest: int) -> None:
        """What is looked at by `check_pace` begins here."""
        self._paced = (now, newest)
        self._has_posts = False

    def _begin(self, time_us: int, now: float) -> None:
        """The first event of a connection: one that comes later than asked for leaves a gap that nobody has seen."""
        self._awaits_first = self._knows_none = False
        self._pace(now, max(self.newest, time_us))
        reached = max(self._since, self._floor)
        self._since = reached if reached and time_us <= reached + REWIND else time_us

    def _add_post(self, time_us: int, known_by: int, text: str) -> None:
        young, old = self._known
        if known_by in young or known_by in old:
            return
        if time_us - self._known_from > REMEMBERED or len(young) >= MOST_REMEMBERED:
            self._known, self._known_from = (set(), young), time_us
        self._known[0].add(known_by)
        bucket = time_us // (BUCKET * 1_000_000) * BUCKET
        self._posts[bucket] += 1
        # As bytes, because a text may hold half a surrogate pair, which RE2 would be unable to take.
        written = text.encode("utf-8", "replace")
        for service, pattern in self._patterns.items():
            if pattern.search(written):
                self._complaints[bucket, service] += 1


def _post(event: dict[str, Any]) -> tuple[int, str] | None:
    """What a new post is known by (this process' own hash of its key and content) and its text; None for others."""
    commit = event.get("commit")
    if event.get("kind") != "commit" or not isinstance(commit, dict):
        return None
    if commit.get("collection") != COLLECTION or commit.get("operation") != "create":
        return None
    record = commit.get("record")
    text = record.get("text") if isinstance(record, dict) else None
    return hash(f"{commit.get('rkey')} {commit.get('cid')}"), text if isinstance(text, str) else ""
