"""What a Statuspage says is open: an official statement of a service, or an upstream's incidents.

Format: Atlassian Statuspage v2, `/api/v2/summary.json`; pages of incident.io usually serve the same path. Cloudflare's
is documented, Akamai's is assumed to be one. An incident is open until it is resolved; a maintenance is told while it
is in progress, because it breaks things like an incident does. An indicator that is none of the format's is
no statement that all is well: it is a fault. A page that cannot be read says nothing of what it is about.
"""

from __future__ import annotations

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
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    indicator: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    name: str


@dataclass(frozen=True, slots=True)
class Update:
    body: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    name: str
    status: str
    impact: str = ""
    created_at: str = ""
    shortlink: str = ""
    incident_updates: list[Update] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


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
    if summary.status.indicator not in _INDICATORS:
        told = one_line(summary.status.indicator, 40)
        raise SignalError(Fault.FORMAT, f"status.indicator: must be one of {', '.join(_INDICATORS)}, found {told!r}")
    if summary.page.updated_at:
        moment(summary.page.updated_at, now)
    entries = (*summary.incidents, *summary.scheduled_maintenances)
    notices = [_notice(entry, url, now) for entry in entries if entry.status not in _OVER][:MOST]
    if not notices and summary.status.indicator in ("minor", "major", "critical"):
        title = one_line(summary.status.description) or f"{summary.page.name}: {summary.status.indicator}"
        notices = [Notice(title, url, _level(summary.status.indicator))]
    return Reading(now, notices=tuple(notices))


def _notice(entry: Incident, url: str, now: float) -> Notice:
    newest = max(entry.incident_updates, key=lambda update: update.created_at, default=Update())
    return Notice(
        title=one_line(entry.name),
        url=one_line(entry.shortlink) or url,
        level=_level(entry.impact),
        opened_at=moment(entry.created_at, now) if entry.created_at else None,
        locations=tuple(one_line(component.name, 80) for component in entry.components[:MOST]),
        quote=one_line(newest.body),
    )


def _level(word: str) -> Literal["minor", "major", "critical", "unknown"]:
    match word:
        case "minor" | "major" | "critical":
            return word
        case "none" | "maintenance":
            return "minor"
        case _:
            return "unknown"
