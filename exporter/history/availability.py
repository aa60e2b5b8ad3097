"""For how long a service had which answer, by day.

An answer holds from one verdict to the next. Time without verdicts (the program did not run, this machine slept) and
time in which nobody could tell is *unknown*: it counts as neither up nor down, and its length is what is missing from
the window. A service is *available* in known time unless it is down; partly down and degraded are told beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model import Answer

GAP = 10.0
"""Seconds between two verdicts above which nobody watched."""

KEEP_EVERY = 60.0
"""Seconds: a write a minute, and a kill loses a minute of known time."""

DAY = 86400.0


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
            key = (service, int(since // DAY), before)
            self._pending[key] = self._pending.get(key, 0.0) + now - since
        # A clock that was set back must not stop the writing until it has caught up.
        if 0.0 <= now - self._kept_at < KEEP_EVERY:
            return False
        self.keep()
        self._kept_at = now
        return True

    def keep(self) -> None:
        """Write what was counted: all of it in one statement, so that nothing is counted twice when that fails."""
        if not self._pending:
            return
        rows = [(*key, seconds) for key, seconds in self._pending.items()]
        self._database.execute(
            f"INSERT INTO answered VALUES {', '.join(['(?, ?, ?, ?)'] * len(rows))} "  # noqa: S608
            "ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
            [value for row in rows for value in row],
        )
        self._pending.clear()

    def shares(self, service: str, days: int, now: float) -> Shares:
        """What is written of the `days` that end with today."""
        rows = self._database.execute(
            "SELECT answer, sum(seconds) FROM answered WHERE service = ? AND day > ? GROUP BY answer",
            (service, int(now // DAY) - days),
        )
        return Shares(days * DAY, {Answer(answer): seconds for answer, seconds in rows})
