"""Incidents in SQLite: the time from the first evidence of a verdict that is not up to the verdict that is up again.

1. `unknown` neither opens nor closes an incident: not being able to tell is not an outage, nor its end.
2. What comes back within `REOPENS_WITHIN` is the same incident, continued: a service that flaps has one, not fifty.
3. A restart continues what was open. What happened meanwhile is not known, and `Incident.last_bad` says since when.
4. Nothing is written while nothing changes, but for `last_bad`, once a minute.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from exporter.history.availability import Availability
from exporter.history.fault import named
from exporter.history.incident import Incident, Named, Outline, Said, begun, grown
from exporter.history.statistics import WINDOWS, Statistics, statistics
from exporter.model import Answer, Cause, Confidence
from exporter.verdict import Verdict

REOPENS_WITHIN = 300.0
"""Seconds after an all clear: shorter than any interval at which people would call it another outage."""

SEEN_EVERY = 60.0
"""Seconds between two writes of when an incident was last seen to last."""

_COLUMNS = tuple(field.name for field in fields(Incident) if field.name != "id")
_NAMES = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO incidents ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_OUTLINES = (
    "SELECT id, service, started, ended, last_bad, worst, features FROM incidents "
    "WHERE service = ? ORDER BY started DESC, id DESC"
)
_UPDATE = f"UPDATE incidents SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"  # noqa: S608


class Incidents:
    """Of all services, with the time that each had which answer. OSError names the file when it cannot be used."""

    def __init__(self, database: sqlite3.Connection, file: Path, availability: Availability) -> None:
        self._database = database
        self._file = file
        self._availability = availability
        self._statistics: dict[str, Statistics] = {}
        self._outlines: dict[str, list[Outline]] = {}
        self._open = {found.service: found for found in self._select("ended IS NULL", ())}

    def note(self, verdict: Verdict, now: float) -> None:
        """Open, grow or end the service's incident as the verdict says, and count the time since the last one."""
        with named("write", self._file):
            if self._availability.note(verdict.service, verdict.answer, now):
                self._statistics.clear()
            self._note(verdict, now)

    def keep(self) -> None:
        """Write what waits to be written once a minute."""
        with named("write", self._file):
            self._availability.keep()
            self._statistics.clear()

    def _note(self, verdict: Verdict, now: float) -> None:
        known = self._open.get(verdict.service)
        if verdict.answer is Answer.UNKNOWN:
            return
        if verdict.answer is not Answer.UP:
            self._worsen(known, verdict, now)
        elif known is not None:
            self._write(replace(known, ended=max(now, known.started), changed=now))

    def _worsen(self, known: Incident | None, verdict: Verdict, now: float) -> None:
        before = known or self._ended_just_now(verdict, now)
        after = grown(before, verdict, now) if before else begun(verdict, now)
        if known is not None and replace(after, last_bad=known.last_bad) == known:
            after = known if 0.0 <= now - known.last_bad < SEEN_EVERY else after
        else:
            after = replace(after, changed=now)
        if after != known:
            self._write(after)

    def _ended_just_now(self, verdict: Verdict, now: float) -> Incident | None:
        """The service's last incident, open again, if this one begins so soon after that it is the same."""
        last = next(iter(self.incidents(verdict.service, most=1)), None)
        if last is None or last.ended is None or begun(verdict, now).started - last.ended > REOPENS_WITHIN:
            return None
        return replace(last, ended=None, reopened=last.reopened + 1)

    def _write(self, incident: Incident) -> None:
        if incident.id:
            self._database.execute(_UPDATE, (*_row(incident), incident.id))
        else:
            incident = replace(incident, id=self._database.execute(_INSERT, _row(incident)).lastrowid or 0)
        self._statistics.clear()
        self._outlines.pop(incident.service, None)
        self._open.pop(incident.service, None)
        if incident.ended is None:
            self._open[incident.service] = incident

    def open_incident(self, service: str) -> Incident | None:
        """The incident that has not ended, or None."""
        return self._open.get(service)

    def incidents(self, service: str, most: int = 100, since: float | None = None) -> list[Incident]:
        """The newest `most` incidents of a service that lasted until `since` or longer, newest first."""
        until = "service = ? AND (ended IS NULL OR ended >= ?) ORDER BY started DESC, id DESC LIMIT ?"
        return self._select(until, (service, float("-inf") if since is None else since, most))

    def outlines(self, service: str) -> Sequence[Outline]:
        """All incidents that are kept of a service, newest first."""
        if service not in self._outlines:
            with named("read", self._file):
                self._outlines[service] = [_outline(row) for row in self._database.execute(_OUTLINES, (service,))]
        return self._outlines[service]

    def statistics(self, service: str, now: float) -> Statistics:
        """What is kept of a service comes to; known time is up to a minute behind."""
        if service not in self._statistics:
            with named("read", self._file):
                shares = {days: self._availability.shares(service, days, now) for days in WINDOWS}
            self._statistics[service] = statistics(self.outlines(service), shares)
        return self._statistics[service]

    def _select(self, where: str, values: tuple[object, ...]) -> list[Incident]:
        with named("read", self._file):
            rows = self._database.execute(f"SELECT {_NAMES}, id FROM incidents WHERE {where}", values)  # noqa: S608
            return [_incident(row) for row in rows]


def _row(incident: Incident) -> tuple[object, ...]:
    """In the order of the columns; lists are JSON, but for the sentences."""
    lists = {
        "sentences": "\n".join(incident.sentences),
        "regions": json.dumps(incident.regions),
        "features": json.dumps(incident.features),
        "causes": json.dumps([(one.cause, one.at, one.because) for one in incident.causes]),
        "evidence": json.dumps([(said.at, said.sentence) for said in incident.evidence]),
    }
    return tuple(lists.get(name, getattr(incident, name)) for name in _COLUMNS)


def _outline(row: Sequence[Any]) -> Outline:
    number, service, started, ended, last_bad, worst, features = row
    return Outline(number, service, started, ended, last_bad, Answer(worst), tuple(json.loads(features)))


def _incident(row: Sequence[Any]) -> Incident:
    found = dict(zip((*_COLUMNS, "id"), row, strict=True))
    words = {
        "worst": Answer(found["worst"]),
        "confidence": Confidence(found["confidence"]) if found["confidence"] else None,
        "sentences": tuple(found["sentences"].split("\n")),
        "regions": tuple(json.loads(found["regions"])),
        "features": tuple(json.loads(found["features"])),
        "causes": tuple(Named(Cause(cause), at, because) for cause, at, because in json.loads(found["causes"])),
        "evidence": tuple(Said(at, sentence) for at, sentence in json.loads(found["evidence"])),
    }
    return Incident(**{**found, **words})
