"""What was counted by bucket of a quarter of an hour, for as long as the baseline looks back.

A bucket in which nobody listened is missing, which is not zero: its coverage says for how many seconds somebody did.
Kept besides: where each signal's next read goes on, and the times that are set aside because they are no example of
what is usual (spikes and incidents). Times are unix seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.history.fault import named
from exporter.history.transaction import transaction
from exporter.readings import BUCKET, Reading, Tally

KEPT = 6 * 7 * 86400
"""Seconds: the five weeks that the baseline looks back, and what is around them."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS tallies (
    signal TEXT NOT NULL,
    start INTEGER NOT NULL,
    service TEXT NOT NULL,
    feature TEXT NOT NULL,
    region TEXT NOT NULL,
    count INTEGER NOT NULL,
    out_of INTEGER,
    PRIMARY KEY (signal, start, service, feature, region)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coverage (
    signal TEXT NOT NULL,
    start INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (signal, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bookmarks (
    signal TEXT PRIMARY KEY,
    bookmark TEXT NOT NULL,
    heard_until REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS set_aside (
    signal TEXT NOT NULL,
    service TEXT NOT NULL,
    feature TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    PRIMARY KEY (signal, service, feature, started)
) WITHOUT ROWID;
"""
_ADD = """
INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET count = count + excluded.count, out_of = coalesce(out_of + excluded.out_of, out_of, excluded.out_of)
"""
_COVER = "INSERT INTO coverage VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds"
_MARK = """
INSERT INTO bookmarks VALUES (?, ?, ?) ON CONFLICT DO UPDATE
SET bookmark = excluded.bookmark, heard_until = excluded.heard_until
"""
_SET_ASIDE = "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ended = excluded.ended"
_TALLIES = """
SELECT service, feature, start, sum(count), sum(out_of) FROM tallies WHERE signal = ? AND start >= ?
GROUP BY service, feature, start ORDER BY start
"""
_REGIONS = """
SELECT service, feature, start, count, out_of, region FROM tallies WHERE signal = ? AND start >= ? AND region <> ''
"""
_CLOCK_SET_BACK = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Aside:
    """A time that is no example of what is usual; `ended` is None while it lasts.

    A spike is of a signal's service and feature, an incident of a service alone: the others are empty.
    """

    signal: str
    service: str
    feature: str
    started: float
    ended: float | None = None


class Buckets:
    """Of all signals that count."""

    def __init__(self, database: sqlite3.Connection, file: Path) -> None:
        self._database = database
        self._file = file

    @classmethod
    def in_memory(cls) -> Buckets:
        """Buckets that no file keeps, for simulated time."""
        database = sqlite3.connect(":memory:", isolation_level=None)
        database.executescript(SCHEMA)
        return cls(database, Path(":memory:"))

    def add(self, signal: str, reading: Reading) -> bool:
        """Keep tallies, coverage and bookmark, or nothing; OSError names the file when they cannot be kept.

        False when it was a reading again that is kept already, by its bookmark: then no tally counts a second time.
        What was covered never counts twice: only the time after all that the signal has been heard of is new.
        """
        with self._transaction():
            bookmark, heard_until = self.mark(signal)
            is_new = not reading.bookmark or reading.bookmark != bookmark
            if is_new:
                self._database.executemany(_ADD, (_row(signal, tally) for tally in reading.tallies))
            covered = ((signal, start, seconds) for start, seconds in newly_covered(reading, heard_until))
            self._database.executemany(_COVER, covered)
            furthest = furthest_of(heard_until, reading.at)
            self._database.execute(_MARK, (signal, reading.bookmark or bookmark, furthest))
        return is_new

    def bookmark(self, signal: str) -> str:
        """Where its next read goes on; empty at first."""
        return self.mark(signal)[0]

    def heard_until(self, signal: str) -> float:
        """The newest moment that the signal has been heard of; 0 when never."""
        return self.mark(signal)[1]

    def tallies(self, signal: str, since: float) -> Iterator[Tally]:
        """What was counted in the buckets from `since` on, by service and feature, all regions together."""
        for service, feature, start, count, out_of in self._select(_TALLIES, signal, since):
            yield Tally(service, feature, start, count, out_of)

    def regions(self, signal: str, since: float) -> Iterator[Tally]:
        """As `tallies`, by region, without what is of none."""
        for row in self._select(_REGIONS, signal, since):
            yield Tally(*row)

    def coverage(self, signal: str, since: float) -> dict[int, float]:
        """For how many seconds the signal was heard in the buckets from `since` on, by their start."""
        return dict(self._select("SELECT start, seconds FROM coverage WHERE signal = ? AND start >= ?", signal, since))

    def set_aside(self, aside: Aside) -> None:
        """Keep that this time is no example; once more to end it. OSError when it cannot be kept."""
        row = (aside.signal, aside.service, aside.feature, aside.started, aside.ended)
        with self._transaction():
            self._database.execute(_SET_ASIDE, row)

    def asides(self) -> list[Aside]:
        """All times that are set aside, the oldest first."""
        columns = "signal, service, feature, started, ended"
        return [Aside(*row) for row in self._select(f"SELECT {columns} FROM set_aside ORDER BY started")]  # noqa: S608

    def forget(self, before: float) -> None:
        """Drop what is older; OSError when that cannot be written."""
        with self._transaction():
            for table in ("tallies", "coverage"):
                self._database.execute(f"DELETE FROM {table} WHERE start < ?", (before,))  # noqa: S608 - no stranger's
            self._database.execute("DELETE FROM set_aside WHERE ended < ?", (before,))

    def mark(self, signal: str) -> tuple[str, float]:
        """Its bookmark, and until when it has been heard."""
        found = self._select("SELECT bookmark, heard_until FROM bookmarks WHERE signal = ?", signal)
        return found[0] if found else ("", 0.0)

    def _select(self, query: str, *values: object) -> list[Any]:
        with named("read", self._file):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with named("write", self._file), transaction(self._database):
            yield


def _row(signal: str, tally: Tally) -> tuple[str, int, str, str, str, int, int | None]:
    start = int(tally.start // BUCKET) * BUCKET
    return (signal, start, tally.service, tally.feature, tally.region, tally.count, tally.out_of)


def furthest_of(heard_until: float, at: float) -> float:
    """Until when a signal has been heard. A clock that had been far ahead and was set right is followed back."""
    return at if heard_until > at + _CLOCK_SET_BACK else max(heard_until, at)


def newly_covered(reading: Reading, heard_until: float) -> Iterator[tuple[int, float]]:
    """What a reading covers beyond what was heard before: buckets by their start, and how many seconds of each."""
    if reading.since is None:
        return
    known = 0.0 if furthest_of(heard_until, reading.at) < heard_until else heard_until
    since = max(reading.since, known, reading.at - KEPT)
    while since < reading.at:
        start = int(since // BUCKET) * BUCKET
        ends = min(start + BUCKET, reading.at)
        yield start, ends - since
        since = ends
