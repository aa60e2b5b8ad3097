"""Incidents in SQLite: the time from a verdict that is not up to the verdict that is up again.

`unknown` neither opens nor closes an incident: not being able to tell is not an outage, nor its end.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from exporter.model import Answer
from exporter.verdict import Verdict

SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    worst TEXT NOT NULL,
    sentences TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open ON incidents (service) WHERE ended IS NULL;
"""
_SEVERITY = (Answer.DEGRADED, Answer.PARTIAL, Answer.DOWN)


@dataclass(frozen=True, slots=True)
class Incident:
    """Times in unix seconds; `ended` is None while it lasts; `sentences` are those of the worst verdict."""

    service: str
    started: float
    ended: float | None
    worst: Answer
    sentences: tuple[str, ...]


class Incidents:
    """Of all services."""

    def __init__(self, database: sqlite3.Connection, file: Path) -> None:
        self._database = database
        self._file = file

    def note(self, verdict: Verdict, now: float) -> None:
        """Open, worsen or end the service's incident as the verdict says; OSError when it cannot be kept."""
        try:
            self._note(verdict, now)
        except sqlite3.Error as error:
            raise OSError(f"cannot write {self._file}: {error}") from error

    def _note(self, verdict: Verdict, now: float) -> None:
        open_one = self.open_incident(verdict.service)
        if verdict.answer is Answer.UNKNOWN:
            return
        if verdict.answer is Answer.UP and open_one is None:
            return
        if verdict.answer is Answer.UP:
            self._database.execute(
                "UPDATE incidents SET ended = ? WHERE service = ? AND ended IS NULL", (now, verdict.service)
            )
        elif open_one is None:
            self._database.execute(
                "INSERT INTO incidents (service, started, worst, sentences) VALUES (?, ?, ?, ?)",
                (verdict.service, now, verdict.answer, "\n".join(verdict.sentences)),
            )
        elif _SEVERITY.index(verdict.answer) > _SEVERITY.index(open_one.worst):
            self._database.execute(
                "UPDATE incidents SET worst = ?, sentences = ? WHERE service = ? AND ended IS NULL",
                (verdict.answer, "\n".join(verdict.sentences), verdict.service),
            )

    def open_incident(self, service: str) -> Incident | None:
        """The incident that has not ended, or None."""
        return next(iter(self._select("service = ? AND ended IS NULL", (service,))), None)

    def incidents(self, service: str, most: int = 100) -> list[Incident]:
        """The newest `most` incidents of a service, newest first."""
        return self._select("service = ? ORDER BY started DESC LIMIT ?", (service, most))

    def _select(self, where: str, values: tuple[object, ...]) -> list[Incident]:
        rows = self._database.execute(
            f"SELECT service, started, ended, worst, sentences FROM incidents WHERE {where}",  # noqa: S608
            values,
        )
        return [
            Incident(service, started, ended, Answer(worst), tuple(sentences.split("\n")))
            for service, started, ended, worst, sentences in rows
        ]
