"""What the last day and the last three months looked like, slot by slot, for the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model import Answer

SLOT = 900.0
"""Seconds of a slot of the last day, aligned to the clock as the buckets of reports are."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time from `start` (unix seconds), `length` seconds long, and known seconds by answer in it."""

    start: float
    length: float
    seconds: Mapping[Answer, float]


@dataclass(frozen=True, slots=True)
class Pace:
    """Scheduled probes of a service in a slot of the last day: all that counted, those that failed, and how long the
    median good one took, in seconds, None when there was none.
    """

    start: float
    runs: int
    failed: int
    median: float | None


class Lately:
    """Of all services; OSError names the file when it cannot be used."""

    def answers(self, service: str, now: float) -> list[Slot]:
        """The last 24 hours as 96 slots, oldest first; the last is under way."""
        return []

    def days(self, service: str, now: float, count: int = 90) -> list[Slot]:
        """The last `count` days, UTC, oldest first; the last is today."""
        return []

    def paces(self, service: str, now: float) -> list[Pace]:
        """The slots of the last 24 hours in which there were probes, oldest first."""
        return []
