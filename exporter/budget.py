"""How much may be asked of somebody who counts: how often it is planned to ask, and a ledger of what was asked.

1. Of `tests_per_hour`, SCHEDULED is for what runs by itself; the rest is kept for what is asked when something fails.
2. Everything that runs by itself there runs equally often, and no more often than it would elsewhere.
3. The ledger is a file that all workers and the next start of the program share. In no hour does it allow more than
   `tests_per_hour`, and never more than who counts says is left.
4. A ledger that cannot be read counts as full for an hour: that nobody knows what was asked must not become a reason to
   ask. An entry of the future, after the clock was set back, counts from now on. A clock set ahead forgets too early:
   then the other side's own count holds.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HOUR = 3600.0

SCHEDULED = 2 / 3
"""Of the tests of an hour: what runs by itself may use so much."""

ANONYMOUS = 200
WITH_TOKEN = 400
"""Tests an hour where nothing else is said: four fifths of what Globalping gives an address, or a token."""


class Need(NamedTuple):
    """Of one pair: tests that a run costs, and the seconds between two runs that it was configured for."""

    cost: int
    interval: float


def pace(needs: Iterable[Need], tests_per_hour: float) -> float:
    """The least seconds between two runs with which all of them keep within the scheduled share; 0 for none.

    Each then runs every `max(need.interval, pace)` seconds.
    """
    # The slowest first: what is configured to run more rarely than the pace leaves its share to the others.
    slowest_first = sorted(needs, key=lambda need: -need.interval)
    cost, share, found = sum(need.cost for need in slowest_first), SCHEDULED * tests_per_hour / HOUR, 0.0
    for need in slowest_first:
        found = cost / share if share > 0 else float("inf")
        if need.interval <= found:
            break
        cost, share = cost - need.cost, share - need.cost / need.interval
    return found


def hourly(needs: Iterable[Need], seconds: float) -> float:
    """Tests an hour when each runs every `max(need.interval, seconds)` seconds."""
    return sum(need.cost * HOUR / max(need.interval, seconds) for need in needs)


@dataclass(slots=True)
class _Book:
    """`spent` is (when, tests) of an hour; `left` is all that the other side gives until `until`; unix seconds."""

    spent: list[tuple[float, int]] = field(default_factory=list)
    left: int = 0
    until: float = 0.0


class Ledger:
    """What was spent in the last hour, in a file. Its folder must be there; OSError when it cannot be used."""

    def __init__(self, file: Path, tests_per_hour: int) -> None:
        self._file = file
        self._limit = tests_per_hour

    def spend(self, now: float, cost: int) -> float:
        """0 when `cost` tests were taken from the hour before `now`, unix seconds; else when to ask again."""

        def take(book: _Book) -> float:
            if wait := self._wait(book, now, cost):
                return wait
            book.spent.append((now, cost))
            book.left -= cost
            return 0.0

        return self._change(now, take)

    def give_back(self, now: float, at: float, cost: int) -> None:
        """What was spent at `at`, because it was never asked for."""

        def put(book: _Book) -> float:
            if (at, cost) in book.spent:
                book.spent.remove((at, cost))
                book.left += cost
            return 0.0

        self._change(now, put)

    def told(self, now: float, left: int, seconds: float) -> None:
        """Take what the other side says: so many tests are left for so many seconds."""

        def note(book: _Book) -> float:
            # Answers overtake one another: within the same time the least that was said holds.
            if now >= book.until or left < book.left:
                book.left, book.until = left, now + max(0.0, min(seconds, HOUR))
            return 0.0

        self._change(now, note)

    def spent(self, now: float) -> int:
        """Tests in the hour before `now`."""
        found = 0

        def count(book: _Book) -> float:
            nonlocal found
            found = sum(cost for _, cost in book.spent)
            return 0.0

        self._change(now, count)
        return found

    def _wait(self, book: _Book, now: float, cost: int) -> float:
        if now < book.until and book.left < cost:
            return book.until
        over = sum(spent for _, spent in book.spent) + cost - self._limit
        if over <= 0:
            return 0.0
        for at, spent in book.spent:
            over -= spent
            if over <= 0:
                return at + HOUR
        return now + HOUR  # more than an hour ever has

    def _change(self, now: float, change: Callable[[_Book], float]) -> float:
        with os.fdopen(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            book = _of_last_hour(_parsed(file.read(), now, self._limit), now)
            found = change(book)
            # First written, then cut: whoever is killed amid it leaves what cannot be read, and not an empty hour.
            file.seek(0)
            json.dump({"spent": book.spent, "left": book.left, "until": book.until}, file)
            file.truncate()
            return found


def _parsed(text: str, now: float, limit: int) -> _Book:
    if not text:
        return _Book()
    try:
        found = json.loads(text)
        spent = [(float(at), int(cost)) for at, cost in found["spent"]]
        return _Book(spent, int(found["left"]), float(found["until"]))
    except (ValueError, KeyError, TypeError):
        return _Book([(now, limit)])


def _of_last_hour(book: _Book, now: float) -> _Book:
    spent = [(min(at, now), cost) for at, cost in book.spent if at > now - HOUR]
    return _Book(sorted(spent), book.left, min(book.until, now + HOUR))
