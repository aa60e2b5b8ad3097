"""How many scheduled probes of a service failed, and how fast the good ones were, by slot of a quarter of an hour.

Counted in memory as results come, and kept once a minute. Of the good runs of a slot a fair sample remains, however
many there are: any run is in it with the same chance, so that its median is about theirs (Vitter's algorithm R, 1985).
A slot that goes on after a restart goes on from what is kept of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import random
from statistics import median

from exporter.history.availability import KEEP_EVERY, SLOT, SLOTS_KEPT
from exporter.history.transaction import transaction

SAMPLE = 128
"""Good runs of a slot whose durations are kept: their median is off by some ranks in a hundred at most."""

_KEEP = "INSERT OR REPLACE INTO paces VALUES (?, ?, ?, ?, ?, ?)"
_FIND = "SELECT runs, failed, sample FROM paces WHERE service = ? AND slot = ?"


@dataclass(frozen=True, slots=True)
class Pace:
    """Scheduled probes of a service in a slot of the last day: all that counted, those that failed, and how long the
    median good one took, in seconds, None when there was none.
    """

    start: float
    runs: int
    failed: int
    median: float | None


@dataclass(slots=True)
class _Count:
    """Of a slot; `sample` are durations of good runs, in seconds; `is_kept` is whether all of it is in the file."""

    runs: int = 0
    failed: int = 0
    sample: list[float] = field(default_factory=list)
    is_kept: bool = False

    def take(self, duration: float | None) -> None:
        """One more run, and how long it took when it was good."""
        self.runs += 1
        self.is_kept = False
        if duration is None:
            self.failed += 1
        elif len(self.sample) < SAMPLE:
            self.sample.append(duration)
        elif (place := int(random() * (self.runs - self.failed))) < SAMPLE:  # noqa: S311 - no secret
            self.sample[place] = duration

    @property
    def median(self) -> float | None:
        return median(self.sample) if self.sample else None


class Paces:
    """Of all services; raises sqlite3.Error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._counts: dict[tuple[str, int], _Count] = {}
        self._kept_at = 0.0

    def take(self, service: str, at: float, duration: float | None) -> None:
        """A scheduled run that began `at`, and how long it took when it was good, None when it failed; seconds."""
        key = (service, int(at // SLOT))
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self._kept(*key)
        count.take(duration)

    def keep(self, now: float) -> None:
        """Write what was counted, at most once a minute."""
        # A clock that was set back must not stop the writing until it has caught up.
        if not 0.0 <= now - self._kept_at < KEEP_EVERY:
            self.write()
            self._kept_at = now

    def write(self) -> None:
        """Write what was counted, and forget what is old."""
        if not self._counts:
            return
        changed = {key: count for key, count in self._counts.items() if not count.is_kept}
        rows = [(*key, one.runs, one.failed, one.median, json.dumps(one.sample)) for key, one in changed.items()]
        # That of the newest run, not the highest: a clock that was days ahead must not make all older that follows.
        newest = next(reversed(self._counts))[1]
        with transaction(self._database):
            self._database.executemany(_KEEP, rows)
            self._database.execute("DELETE FROM paces WHERE slot <= ?", (newest - SLOTS_KEPT,))
        for count in changed.values():
            count.is_kept = True
        # What ends in this slot may have begun in the one before.
        self._counts = {key: count for key, count in self._counts.items() if abs(key[1] - newest) <= 1}

    def between(self, service: str, first: int, last: int) -> Iterator[Pace]:
        """Those of the slots from `first` to `last` in which there were runs, oldest first."""
        found = self._database.execute(
            "SELECT slot, runs, failed, median FROM paces WHERE service = ? AND slot BETWEEN ? AND ?",
            (service, first, last),
        )
        told = {slot: (runs, failed, middle) for slot, runs, failed, middle in found}
        for (name, slot), count in self._counts.items():
            if name == service and first <= slot <= last:
                told[slot] = (count.runs, count.failed, count.median)
        for slot in sorted(told):
            yield Pace(slot * SLOT, *told[slot])

    def _kept(self, service: str, slot: int) -> _Count:
        row = self._database.execute(_FIND, (service, slot)).fetchone()
        return _Count(row[0], row[1], json.loads(row[2])) if row else _Count()
