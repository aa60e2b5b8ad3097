"""What the last day and the last three months looked like, slot by slot, for the pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.history.availability import DAY, SLOT, Availability
from exporter.history.fault import named
from exporter.history.paces import Pace, Paces
from exporter.model import Answer

SLOTS = int(DAY / SLOT)
"""Of the last day."""

__all__ = ["SLOT", "SLOTS", "Lately", "Pace", "Slot"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time from `start` (unix seconds), `length` seconds long, and known seconds by answer in it."""

    start: float
    length: float
    seconds: Mapping[Answer, float]


class Lately:
    """Of all services; OSError names the file when it cannot be used."""

    def __init__(self, database: sqlite3.Connection, file: Path, availability: Availability) -> None:
        self._file = file
        self._availability = availability
        self._paces = Paces(database)

    def answers(self, service: str, now: float) -> list[Slot]:
        """The last 24 hours as 96 slots, oldest first; the last is under way."""
        last = int(now // SLOT)
        with named("read", self._file):
            known = self._availability.by_slot(service, last - SLOTS + 1, now)
        return [Slot(slot * SLOT, SLOT, known.get(slot, {})) for slot in range(last - SLOTS + 1, last + 1)]

    def days(self, service: str, now: float, count: int = 90) -> list[Slot]:
        """The last `count` days, UTC, oldest first; the last is today."""
        last = int(now // DAY)
        with named("read", self._file):
            known = self._availability.by_day(service, last - count + 1, now)
        return [Slot(day * DAY, DAY, known.get(day, {})) for day in range(last - count + 1, last + 1)]

    def paces(self, service: str, now: float) -> list[Pace]:
        """The slots of the last 24 hours in which there were probes, oldest first."""
        last = int(now // SLOT)
        with named("read", self._file):
            return list(self._paces.between(service, last - SLOTS + 1, last))

    def take(self, service: str, at: float, duration: float | None) -> None:
        """A scheduled run that began `at`, and how long it took when it was good, None when it failed; seconds."""
        try:  # as `named`, which costs more than the counting
            self._paces.take(service, at, duration)
        except sqlite3.Error as error:
            raise OSError(f"cannot read {self._file}: {error}") from error

    def keep(self, now: float) -> None:
        """Write how fast probes were, at most once a minute: what the answers were is kept with the incidents."""
        with named("write", self._file):
            self._paces.keep(now)

    def close(self) -> None:
        """Write what waits to be written once a minute."""
        with named("write", self._file):
            self._paces.write()
