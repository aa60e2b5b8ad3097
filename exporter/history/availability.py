"""For how long a service had which answer, by day, and of the last two days by quarter of an hour.

An answer holds from one verdict to the next. Time without verdicts (the program did not run, this machine slept) and
time in which nobody could tell is *unknown*: it counts as neither up nor down, and its length is what is missing from
the window. A service is *available* in known time unless it is down; partly down and degraded are told beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporter.history.transaction import transaction
from exporter.model import Answer

GAP = 10.0
"""Seconds between two verdicts above which nobody watched."""

KEEP_EVERY = 60.0
"""Seconds: a write a minute, and a kill loses a minute of known time."""

DAY = 86400.0

SLOT = 900.0
"""Seconds of a slot of the last days, aligned to the clock as the buckets of reports are."""

SLOTS_KEPT = 192
"""Slots, of two days: a page shows one, in whatever zone its reader lives."""

Known = Mapping[int, Mapping[Answer, float]]
"""Seconds by answer, by number of the slot or day since 1970."""

_ADD_TO_SLOT = (
    "INSERT INTO answered_lately VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds"
)
_ADD_TO_DAY = "INSERT INTO answered VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds"


@dataclass(frozen=True, slots=True)
class Shares:
    """Known seconds by answer, of a window of so many seconds that ends with today."""

    window: float
    seconds: Mapping[Answer, float]

    @property
    def observed(self) -> float:
        """Seconds of the window that are known."""
        return sum(self.seconds.values())

    @property
    def available(self) -> float | None:
        """The share of known time in which the service was not down; None when nothing is known."""
        return 1.0 - self.seconds.get(Answer.DOWN, 0.0) / self.observed if self.observed else None


class Availability:
    """Of all services; raises sqlite3.Error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._last: dict[str, tuple[float, Answer]] = {}
        self._pending: dict[tuple[str, int, Answer], float] = {}
        self._kept_at = 0.0

    def note(self, service: str, answer: Answer, now: float) -> bool:
        """Count the time since the last verdict; whether what was counted has been written."""
        since, before = self._last.get(service, (now, Answer.UNKNOWN))
        self._last[service] = (now, answer)
        if before is not Answer.UNKNOWN and 0.0 < now - since <= GAP:
            key = (service, int(since // SLOT), before)
            self._pending[key] = self._pending.get(key, 0.0) + now - since
        # A clock that was set back must not stop the writing until it has caught up.
        if 0.0 <= now - self._kept_at < KEEP_EVERY:
            return False
        self.keep()
        self._kept_at = now
        return True

    def keep(self) -> None:
        """Write what was counted, all or nothing, so that nothing is counted twice when that fails."""
        if not self._pending:
            return
        slots = [(*key, seconds) for key, seconds in self._pending.items()]
        days = [(service, _day_of(slot), answer, seconds) for service, slot, answer, seconds in slots]
        newest = max(slot for _, slot, _, _ in slots)
        with transaction(self._database):
            self._database.executemany(_ADD_TO_SLOT, slots)
            self._database.executemany(_ADD_TO_DAY, days)
            self._database.execute("DELETE FROM answered_lately WHERE slot <= ?", (newest - SLOTS_KEPT,))
        self._pending.clear()

    def shares(self, service: str, days: int, now: float) -> Shares:
        """What is written of the `days` that end with today."""
        rows = self._database.execute(
            "SELECT answer, sum(seconds) FROM answered WHERE service = ? AND day > ? GROUP BY answer",
            (service, int(now // DAY) - days),
        )
        return Shares(days * DAY, {Answer(answer): seconds for answer, seconds in rows})

    def by_slot(self, service: str, first: int, now: float) -> Known:
        """The slots from `first` on of which something is known, until now: an answer holds until the next."""
        query = "SELECT slot, answer, seconds FROM answered_lately WHERE service = ? AND slot >= ?"
        kept = self._database.execute(query, (service, first))
        return _summed([*kept, *(row for row in self._waiting(service, now) if row[0] >= first)])

    def by_day(self, service: str, first: int, now: float) -> Known:
        """As `by_slot`, by days."""
        query = "SELECT day, answer, seconds FROM answered WHERE service = ? AND day >= ?"
        kept = self._database.execute(query, (service, first))
        waiting = ((_day_of(slot), answer, seconds) for slot, answer, seconds in self._waiting(service, now))
        return _summed([*kept, *(row for row in waiting if row[0] >= first)])

    def _waiting(self, service: str, now: float) -> Iterator[tuple[int, Answer, float]]:
        """By slot, what is not written yet, and the answer that holds: one that has just come shows at once."""
        for (name, slot, answer), seconds in self._pending.items():
            if name == service:
                yield slot, answer, seconds
        since, answer = self._last.get(service, (now, Answer.UNKNOWN))
        if answer is not Answer.UNKNOWN and 0.0 <= now - since <= GAP:
            yield int(since // SLOT), answer, now - since


def _day_of(slot: int) -> int:
    return int(slot * SLOT // DAY)


def _summed(rows: Iterable[tuple[int, str, float]]) -> Known:
    known: dict[int, dict[Answer, float]] = {}
    for number, answer, seconds in rows:
        inside = known.setdefault(number, {})
        inside[Answer(answer)] = inside.get(Answer(answer), 0.0) + seconds
    return known
