"""What a page on Instatus says is open: an official statement, or an upstream's incidents.

Format: instatus.com's help, `/summary.json`; from memory, so read tolerantly: what is null is unsaid. A status of the
page that is none of the format's is no statement that all is well: it is a fault. A page that cannot be read says
nothing.
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
"""Notices of a page that are told."""

_STATUSES = ("UP", "HASISSUES", "UNDERMAINTENANCE")
_LEVELS: dict[str, Literal["minor", "major", "critical"]] = {
    "OPERATIONAL": "minor",
    "DEGRADEDPERFORMANCE": "minor",
    "MINOROUTAGE": "minor",
    "PARTIALOUTAGE": "major",
    "MAJOROUTAGE": "critical",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`url` is the page's own, such as https://example.instatus.com."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url: {self.url!r} is not a page such as https://example.instatus.com")


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Incident:
    name: str
    started: str | None = None
    status: str | None = None
    impact: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    page: Page
    activeIncidents: list[Incident] = field(default_factory=list)  # noqa: N815  the format's own name


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """All that is open on the page."""
    url, now = signal.options.url.rstrip("/"), fetch.now()
    summary = parse_json(Summary, (await fetch.get(f"{url}/summary.json")).body)
    if summary.page.status not in _STATUSES:
        told = one_line(summary.page.status, 40)
        raise SignalError(Fault.FORMAT, f"page.status: must be one of {', '.join(_STATUSES)}, found {told!r}")
    notices = tuple(_notice(entry, url, now) for entry in summary.activeIncidents[:MOST] if entry.status != "RESOLVED")
    if not notices and summary.page.status == "HASISSUES":
        notices = (Notice(f"{one_line(summary.page.name, 80)} has issues", url, "unknown"),)
    return Reading(now, notices=notices)


def _notice(entry: Incident, url: str, now: float) -> Notice:
    return Notice(
        title=one_line(entry.name),
        url=one_line(entry.url or "") or url,
        level=_LEVELS.get(entry.impact or "", "unknown"),
        opened_at=moment(entry.started, now) if entry.started else None,
    )
