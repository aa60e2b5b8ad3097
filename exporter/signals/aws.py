"""Open events of Amazon Web Services.

Format, from third parties' code: `https://health.aws.amazon.com/public/currentevents`, a list in UTF-16 with a byte
order mark. `status` is 0 for what is resolved, and 1 to 3 for what is open. Locations are regions such as us-east-1,
from the event's ARN; `global` is everywhere. Texts may be null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.readings import Notice, Reading

INTERVAL = 180.0
NOTICES = True

MOST = 50
"""Notices that are told."""

_PAGE = "https://health.aws.amazon.com/health/status"
_LEVELS: dict[str, Literal["minor", "major", "critical"]] = {"1": "minor", "2": "major", "3": "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    url: str = "https://health.aws.amazon.com/public/currentevents"


@dataclass(frozen=True, slots=True)
class Update:
    """`timestamp` in unix seconds."""

    message: str | None = None
    timestamp: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    status: str | int
    arn: str = ""
    date: str | int = ""
    region_name: str | None = None
    service_name: str | None = None
    summary: str | None = None
    event_log: list[Update] = field(default_factory=list)


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """All that is not resolved."""
    now = fetch.now()
    events = parse_json(list[Event], (await fetch.get(signal.options.url)).body)
    open_ones = [event for event in events if str(event.status) != "0"]
    return Reading(now, notices=tuple(_notice(event, now) for event in open_ones[:MOST]))


def _notice(event: Event, now: float) -> Notice:
    # arn:aws:health:us-east-1::event/...
    region = ([*event.arn.split(":"), "", "", "", ""])[3]
    where = f" ({one_line(event.region_name, 60)})" if event.region_name else ""
    newest = max(event.event_log, key=lambda update: update.timestamp or 0.0, default=Update())
    return Notice(
        title=one_line(f"{event.service_name or 'AWS'}{where}: {event.summary or 'an event'}"),
        url=_PAGE,
        level=_LEVELS.get(str(event.status), "unknown"),
        opened_at=moment(event.date, now) if event.date else None,
        locations=(one_line(region, 60),) if region not in ("", "global") else (),
        quote=one_line(newest.message or ""),
    )
