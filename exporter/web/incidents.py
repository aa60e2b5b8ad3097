"""`/api/v1/incidents`: incidents as JSON, open ones first, and what they come to by service.

Each time stands twice, in ISO 8601 UTC (`..._at`) and in unix seconds. Outages that others have documented stand
beside those that were seen here, marked `documented`, and count in no statistics.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from exporter.history import History, Incident, Shares, Statistics
from exporter.history.incident import SEVERITY
from exporter.model import Answer, PastOutage
from exporter.web.api import asked_service, iso, parsed, refuse_strangers, told
from exporter.web.site import SITE, Site, reading

LIMIT, MOST = 100, 500
"""Incidents in an answer, unless asked for otherwise; and at most."""

_PARAMETERS = ("service", "since", "limit")
_KNOWN = (Answer.UP, *SEVERITY)
_DIGITS = 100  # of a number that is looked at
_LAST_MOMENT = 253402300799.0  # unix seconds: the last that has a date of four digits

routes = web.RouteTableDef()


@routes.get("/api/v1/incidents")
async def incidents(request: web.Request) -> web.Response:
    site = request.app[SITE]
    refuse_strangers(request, _PARAMETERS)
    service = asked_service(request)
    since = parsed(request, "since", _moment, "a time; write it as 2026-03-03T13:24:00Z or in unix seconds")
    limit = parsed(request, "limit", _count, f"a number from 1 to {MOST}") or LIMIT
    return told(request, ("incidents", service, since, limit), lambda: recorded(site, service, since, limit))


def recorded(site: Site, service: str = "", since: float | None = None, limit: int = LIMIT) -> dict[str, Any]:
    """The newest incidents that lasted until `since` (unix seconds), and what all come to, of `service` or of all."""
    now = time.time()
    titles = {one.name: one.title for one in site.store.config.services if service in ("", one.name)}
    with reading():
        newest = _newest(site.history, list(titles), since, limit, now)
        found = {name: site.history.incidents.statistics(name, now) for name in titles}
    return {
        "incidents": newest,
        "services": [{"service": name, "title": titles[name], **_statistics(one)} for name, one in found.items()],
    }


def _moment(text: str) -> float:
    """Unix seconds; what names no zone is UTC, as everything here is."""
    try:
        seconds = float(text)
    except ValueError:
        found = datetime.fromisoformat(text)
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if not 0.0 <= seconds <= _LAST_MOMENT:
        raise ValueError(text)
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:_DIGITS]) <= MOST:
        raise ValueError(text)
    return int(text)


def _newest(
    history: History, names: Sequence[str], since: float | None, limit: int, now: float
) -> list[dict[str, Any]]:
    """Open ones first, then by their start, newest first."""
    found = [_observed(one, now) for name in names for one in history.incidents.incidents(name, limit, since)]
    found += [
        _documented(name, outage)
        for name in names
        for outage in history.documented.get(name, ())
        if since is None or outage.end >= since
    ]
    return sorted(found, key=lambda one: (not one["open"], -one["started"]))[:limit]


def _observed(incident: Incident, now: float) -> dict[str, Any]:
    return {
        "id": f"{incident.service}-{incident.id}",
        "service": incident.service,
        "documented": False,
        "open": incident.ended is None,
        **_times(incident.started, incident.ended),
        "duration_seconds": _duration(incident, now),
        **_time("last_bad", incident.last_bad),
        **_time("changed", incident.changed),
        "reopened": incident.reopened,
        "worst": incident.worst,
        "peak": {"regions": incident.peak_regions, "features": incident.peak_features},
        "regions": incident.regions,
        "features": incident.features,
        "causes": [{"cause": one.cause, **_time("named", one.at), "because": one.because} for one in incident.causes],
        "confidence": incident.confidence,
        "sentences": incident.sentences,
        "evidence": [{**_time("said", said.at), "sentence": said.sentence} for said in incident.evidence],
    }


def _duration(incident: Incident, now: float) -> float:
    """Of one that is open to the minute, or no two answers would be the same while it lasts."""
    if incident.ended is not None:
        return incident.ended - incident.started
    return (now - incident.started) // 60.0 * 60.0


def _documented(service: str, outage: PastOutage) -> dict[str, Any]:
    """`dated` is whether a source gives the times; else they are assumed."""
    return {
        "id": f"{service}-documented-{outage.name}",
        "service": service,
        "documented": True,
        "corroborated": outage.corroborated,
        "open": False,
        **_times(outage.start, outage.end),
        "duration_seconds": outage.end - outage.start,
        "dated": outage.dated,
        "scope": outage.scope,
        "features": outage.features,
        "cause": outage.cause,
        "probes_see_it": outage.probes_see_it,
        "source": outage.source,
    }


def _statistics(found: Statistics) -> dict[str, Any]:
    return {
        "availability": {f"{days}d": _availability(shares) for days, shares in found.windows.items()},
        "mean_time_to_recovery_seconds": found.mean_time_to_recovery,
        "mean_time_between_failures_seconds": found.mean_time_between_failures,
        "incidents": {"all": found.incidents, **{worst: found.worst.get(worst, 0) for worst in SEVERITY}},
    }


def _availability(found: Shares) -> dict[str, Any]:
    return {
        "ratio": found.available,
        "observed_seconds": found.observed,
        "observed_ratio": found.observed / found.window,
        "seconds": {answer: found.seconds.get(answer, 0.0) for answer in _KNOWN},
    }


def _times(started: float, ended: float | None) -> dict[str, Any]:
    return {**_time("started", started), **_time("ended", ended)}


def _time(name: str, seconds: float | None) -> dict[str, Any]:
    return {f"{name}_at": None if seconds is None else iso(seconds), name: seconds}
