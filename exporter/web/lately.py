"""What a service's page draws: the last 24 hours, and the last three months."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.history import Pace
from exporter.history.lately import SLOT, SLOTS
from exporter.readings import Bucket
from exporter.web import charts
from exporter.web.charts import Chart, Strip
from exporter.web.site import Site

log = logging.getLogger(__name__)

DAYS = 90
"""Of the longer strip."""

_HOURS = 24
_IN_AN_HOUR = SLOTS // _HOURS


@dataclass(frozen=True, slots=True)
class Hour:
    """From `start` on (unix seconds): scheduled probes, how many failed, the slowest quarter's median in seconds, what
    people reported; None for what nobody knows.
    """

    start: float
    runs: int
    failed: int
    median: float | None
    reports: int | None


@dataclass(frozen=True, slots=True)
class Lately:
    """The day begins at `first`, unix seconds; a chart is None when there is nothing to draw."""

    first: float
    day: Strip
    months: Strip
    pace: Chart | None
    reports: Chart | None
    hours: tuple[Hour, ...]


def lately(site: Site, name: str, now: float) -> Lately | None:
    """None when the history cannot be read. Drawn once a minute: with every probe, no page would be what it was."""
    minute = now // 60
    known = site.drawn.get(name)
    if known is None or known[0] != minute:
        known = site.drawn[name] = minute, _drawn(site, name, now)
    return known[1]


def _drawn(site: Site, name: str, now: float) -> Lately | None:
    try:
        day = site.history.lately.answers(name, now)
        months = site.history.lately.days(name, now, DAYS)
        paces = site.history.lately.paces(name, now)
    except OSError as error:
        log.error("the last days cannot be told", extra={"reason": str(error)})
        return None
    first = day[0].start
    buckets = site.crowds.lately(name, SLOTS) if site.crowds is not None else []
    reported = [bucket for bucket in buckets if bucket.start >= first]
    return Lately(
        first=first,
        day=charts.strip(day, now),
        months=charts.strip(months, now),
        pace=charts.pace(paces, first),
        reports=charts.counts(reported, first),
        hours=tuple(_hour(first + number * _IN_AN_HOUR * SLOT, paces, reported) for number in range(_HOURS)),
    )


def _hour(start: float, paces: Sequence[Pace], buckets: Sequence[Bucket]) -> Hour:
    inside = [pace for pace in paces if 0 <= pace.start - start < _IN_AN_HOUR * SLOT]
    counts = [one.count for one in buckets if 0 <= one.start - start < _IN_AN_HOUR * SLOT and one.count is not None]
    return Hour(
        start,
        runs=sum(pace.runs for pace in inside),
        failed=sum(pace.failed for pace in inside),
        median=max((pace.median for pace in inside if pace.median is not None), default=None),
        reports=sum(counts) if counts else None,
    )
