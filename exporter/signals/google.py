"""Open incidents of Google Cloud.

Format, from third parties' code: `https://status.cloud.google.com/incidents.json`, a bare list, mostly of what is over.
What has no `end` is open, and `status_impact` says how bad it is; `severity` does not. Locations are ids such as
us-central1, those that are affected now; `global` among them is everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin

from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.readings import Notice, Reading

INTERVAL = 180.0
NOTICES = True

MOST = 50
"""Notices, and locations of a notice, that are told."""

SIZE = 9 << 20
"""Bytes: years of incidents stand in one file."""

_LEVELS: dict[str, Literal["minor", "major", "critical"]] = {
    "SERVICE_INFORMATION": "minor",
    "SERVICE_DISRUPTION": "major",
    "SERVICE_OUTAGE": "critical",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    url: str = "https://status.cloud.google.com"


@dataclass(frozen=True, slots=True)
class Update:
    text: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    id: str


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    begin: str
    end: str | None = None
    external_desc: str = ""
    uri: str = ""
    status_impact: str = ""
    currently_affected_locations: list[Place] = field(default_factory=list)
    most_recent_update: Update = field(default_factory=Update)


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """All that has not ended."""
    url, now = signal.options.url.rstrip("/"), fetch.now()
    incidents = parse_json(list[Incident], (await fetch.get(f"{url}/incidents.json", size_limit=SIZE)).body)
    open_ones = [incident for incident in incidents if not incident.end]
    return Reading(now, notices=tuple(_notice(incident, url, now) for incident in open_ones[:MOST]))


def _notice(incident: Incident, url: str, now: float) -> Notice:
    places = tuple(one_line(place.id, 60) for place in incident.currently_affected_locations[:MOST])
    return Notice(
        title=one_line(incident.external_desc) or f"Google Cloud incident {one_line(incident.id, 40)}",
        url=urljoin(f"{url}/", one_line(incident.uri)),
        level=_LEVELS.get(incident.status_impact, "unknown"),
        opened_at=moment(incident.begin, now),
        locations=() if "global" in places else places,
        quote=one_line(incident.most_recent_update.text),
    )
