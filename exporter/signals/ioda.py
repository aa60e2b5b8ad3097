"""Which countries are cut off from the Internet: IODA's outage events.

Format: api.ioda.inetintel.cc.gatech.edu, `GET /v2/outages/events` by country; times in unix seconds. An event is of one
data source (bgp, ping-slash24, merit-nt, gtr); two sources that agree, still or within the last hour, make a country
cut off, because one alone is often a change of routing. Whether its server takes several countries at once is not
confirmed, so those that were not asked for are left out here as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.languages import text
from exporter.model import Service, Signal
from exporter.options import Country
from exporter.readings import Fault, Reading, Restriction

INTERVAL = 900.0

SPAN = 86400.0
"""Seconds of events that are asked for."""

STILL = 3600.0
"""Seconds after its end in which an event still counts: events are told late and grow."""

AGREE = 2
"""Data sources that must say it."""

_LOCATION = re.compile(r"country/([A-Z]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`countries` are those that are asked for, all when empty."""

    countries: tuple[Country, ...] = ()
    url: str = "https://api.ioda.inetintel.cc.gatech.edu"


@dataclass(frozen=True, slots=True)
class Event:
    location: str
    start: float
    duration: float
    datasource: str


@dataclass(frozen=True, slots=True)
class Events:
    data: list[Event] | None = None
    error: Any = None


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The countries that are cut off now."""
    options, now = signal.options, fetch.now()
    asked: dict[str, str] = {"entityType": "country", "from": f"{now - SPAN:.0f}", "until": f"{now:.0f}"}
    if options.countries:
        asked["entityCode"] = ",".join(options.countries)
    answer = parse_json(Events, (await fetch.get(f"{options.url.rstrip('/')}/v2/outages/events", params=asked)).body)
    if answer.error or answer.data is None:
        raise SignalError(Fault.ERROR, f"IODA says: {one_line(str(answer.error or 'no data'), 100)}")
    found = _restrictions(answer.data, now)
    wanted = (one for one in found if not options.countries or one.country in options.countries)
    return Reading(now, restrictions=tuple(wanted))


def _restrictions(events: Sequence[Event], now: float) -> list[Restriction]:
    sources: dict[str, set[str]] = {}
    for event in events:
        country = _LOCATION.fullmatch(event.location)
        if country and moment(event.start, now) + event.duration >= now - STILL:
            sources.setdefault(country[1], set()).add(one_line(event.datasource, 30))
    return [
        Restriction(
            country, "cut off", text("barred.sources", n=len(found), sources=one_line(", ".join(sorted(found))))
        )
        for country, found in sorted(sources.items())
        if len(found) >= AGREE
    ]
