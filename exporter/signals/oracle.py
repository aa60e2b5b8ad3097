"""Which regions of Oracle Cloud are not well: TikTok's US service runs there.

Format, from third parties' code: `https://ocistatus.oraclecloud.com/api/v2/components.json`, health by region and
service. It tells no times. Locations are canonical names such as us-ashburn-1. In January 2026 the page stayed green
while a data centre was without power: green is no evidence of health, red is evidence of a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from exporter.errors import SignalError
from exporter.fetch import Fetch, one_line, parse_json
from exporter.model import Service, Signal
from exporter.readings import Fault, Notice, Reading

INTERVAL = 180.0
NOTICES = True

MOST = 100
"""Regions that are told; there are about fifty."""

MOST_SERVICES = 8
"""Services of a region, and of their incidents, that a notice names."""

_NORMAL = "NormalPerformance"
_Level = Literal["unknown", "minor", "major", "critical"]
_WORST: tuple[_Level, ...] = ("unknown", "minor", "major", "critical")
_LEVELS: dict[str, _Level] = {
    "DegradedPerformance": "minor",
    "ServiceDegradation": "minor",
    "ServiceDisruption": "major",
    "ServiceOutage": "critical",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    url: str = "https://ocistatus.oraclecloud.com"


@dataclass(frozen=True, slots=True)
class Incident:
    incidentId: str = ""  # noqa: N815  the format's own names, here and below


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    serviceName: str  # noqa: N815
    serviceStatus: str  # noqa: N815
    incidents: list[Incident] | None = None


@dataclass(frozen=True, slots=True)
class Region:
    regionName: str  # noqa: N815
    regionCanonicalName: str  # noqa: N815
    serviceHealthReports: list[ServiceHealth] = field(default_factory=list)  # noqa: N815


@dataclass(frozen=True, slots=True)
class Components:
    regionHealthReports: list[Region]  # noqa: N815


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """A notice for each region in which a service is not normal."""
    url = signal.options.url.rstrip("/")
    components = parse_json(Components, (await fetch.get(f"{url}/api/v2/components.json")).body)
    if not components.regionHealthReports:
        raise SignalError(Fault.FORMAT, "regionHealthReports: is empty, which says nothing of any region")
    found = (_notice(region, url) for region in components.regionHealthReports)
    return Reading(fetch.now(), notices=tuple(notice for notice in found if notice)[:MOST])


def _notice(region: Region, url: str) -> Notice | None:
    bad = [health for health in region.serviceHealthReports if health.serviceStatus != _NORMAL]
    if not bad:
        return None
    names = [one_line(health.serviceName, 60) for health in bad[:MOST_SERVICES]]
    more = f" and {len(bad) - len(names)} more" if len(bad) > len(names) else ""
    level = max((_LEVELS.get(health.serviceStatus, "unknown") for health in bad), key=_WORST.index)
    title = f"Oracle Cloud, {one_line(region.regionName, 60)}: {', '.join(names)}{more} not normal"
    return Notice(title, url, level, None, (one_line(region.regionCanonicalName, 60),), _said(bad))


def _said(bad: Sequence[ServiceHealth]) -> str:
    """The words for what is not normal, and which incidents those are."""
    statuses = sorted({health.serviceStatus for health in bad})
    incidents = sorted({one.incidentId for health in bad for one in health.incidents or () if one.incidentId})
    numbers = f" (incidents: {', '.join(incidents[:MOST_SERVICES])})" if incidents else ""
    return one_line(f"{', '.join(statuses[:MOST_SERVICES])}{numbers}")
