"""What a Statuspage says is open: an official statement of a service, or an upstream's incidents.

Format: Atlassian Statuspage v2, `/api/v2/summary.json`; pages of incident.io usually serve the same path. Cloudflare's
is documented, Akamai's is assumed to be one. An incident is open until it is resolved. A maintenance in progress is
told by a service's own page, where it explains what people see; of an upstream it is not, because somewhere in a large
network there always is one, and it would be the cause of everything. An indicator that is none of the format's is no
statement that all is well: it is a fault, unless incidents are open. A page that cannot be read says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.readings import Fault, Notice, Reading

INTERVAL = 120.0
NOTICES = True

MOST = 50
"""Notices of a page, and locations of a notice, that are told."""

_INDICATORS = ("none", "minor", "major", "critical", "maintenance")
_OVER = frozenset({"resolved", "postmortem", "completed", "scheduled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`url` is the page's own, such as https://www.cloudflarestatus.com."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url: {self.url!r} is not a page such as https://www.cloudflarestatus.com")


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    indicator: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    name: str


@dataclass(frozen=True, slots=True)
class Update:
    body: str | None = None
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    name: str
    status: str
    impact: str | None = None
    created_at: str | None = None
    scheduled_for: str | None = None
    shortlink: str | None = None
    incident_updates: list[Update] | None = None
    components: list[Component] | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    page: Page
    status: Status
    incidents: list[Incident] = field(default_factory=list)
    scheduled_maintenances: list[Incident] = field(default_factory=list)


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """All that is open on the page."""
    url, now = signal.options.url.rstrip("/"), fetch.now()
    summary = parse_json(Summary, (await fetch.get(f"{url}/api/v2/summary.json")).body)
    if summary.page.updated_at:
        moment(summary.page.updated_at, now)
    entries = (*summary.incidents, *(summary.scheduled_maintenances if services else ()))
    notices = [_notice(entry, url, now) for entry in entries if entry.status not in _OVER][:MOST]
    return Reading(now, notices=tuple(notices or _by_indicator(summary, url)))


def _by_indicator(summary: Summary, url: str) -> tuple[Notice, ...]:
    """What the page says of itself when it names no incident."""
    word = summary.status.indicator
    if word not in _INDICATORS:
        allowed, told = ", ".join(_INDICATORS), one_line(word, 40)
        raise SignalError(Fault.FORMAT, f"status.indicator: must be one of {allowed}, found {told!r}")
    if word in ("none", "maintenance"):
        return ()
    title = one_line(summary.status.description) or f"{one_line(summary.page.name, 80)}: {word}"
    return (Notice(title, url, _level(word)),)


def _notice(entry: Incident, url: str, now: float) -> Notice:
    newest = max(entry.incident_updates or (), key=lambda update: update.created_at or "", default=Update())
    return Notice(
        title=one_line(entry.name),
        url=one_line(entry.shortlink or "") or url,
        level=_level(entry.impact),
        opened_at=_opened_at(entry, now),
        locations=tuple(one_line(component.name, 80) for component in (entry.components or ())[:MOST]),
        quote=one_line(newest.body or ""),
    )


def _opened_at(entry: Incident, now: float) -> float | None:
    if entry.scheduled_for:
        # One that is in progress may have begun before its time.
        return min(moment(entry.scheduled_for, math.inf), now)
    return moment(entry.created_at, now) if entry.created_at else None


def _level(word: str | None) -> Literal["minor", "major", "critical", "unknown"]:
    match word:
        case "minor" | "major" | "critical":
            return word
        case "none" | "maintenance":
            return "minor"
        case _:
            return "unknown"
