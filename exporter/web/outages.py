"""What the history comes to for the pages: past outages, how often there were, and how long they took."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.history import Incident, Shares
from exporter.history.statistics import WINDOWS
from exporter.model import Answer, PastOutage
from exporter.web.site import Site

log = logging.getLogger(__name__)

MOST = 1000
"""Incidents of a service that pages look at, the newest."""

_LATELY = 20  # incidents
_DAY = 86400.0
_OUTAGES = (Answer.PARTIAL, Answer.DOWN)


@dataclass(frozen=True, slots=True)
class Period:
    """The last `days`. `available` is the share of known time in which it was not down, `watched` how much is known.

    `outages` were partly down or down at their worst; `typical` is the median of those that ended, `longest` their
    longest, in seconds; None when there is nothing to take it of.
    """

    days: int
    available: float | None
    watched: float
    outages: int
    degraded: int
    typical: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Past:
    """Of a service, newest first. `documented` are outages that others tell of."""

    incidents: tuple[Incident, ...]
    documented: tuple[PastOutage, ...]
    periods: tuple[Period, ...]


def last_outage(site: Site, name: str) -> Incident | None:
    """The last that was partly down or down and is over; None when there was none lately, or nobody can say."""
    try:
        found = site.history.incidents.incidents(name, _LATELY)
    except OSError as error:
        log.error("the last outage cannot be told", extra={"reason": str(error)})
        return None
    return next((one for one in found if one.worst in _OUTAGES and one.ended is not None), None)


def past(site: Site, name: str, now: float) -> Past | None:
    """None when the history cannot be read."""
    try:
        incidents = tuple(site.history.incidents.incidents(name, MOST))
        windows = site.history.incidents.statistics(name, now).windows
    except OSError as error:
        log.error("past outages cannot be told", extra={"reason": str(error)})
        return None
    documented = sorted(site.history.documented.get(name, ()), key=lambda outage: -outage.start)
    periods = tuple(_period(days, windows[days], incidents, now) for days in WINDOWS)
    return Past(incidents, tuple(documented), periods)


def _period(days: int, shares: Shares, incidents: Sequence[Incident], now: float) -> Period:
    since = now - days * _DAY
    recent = [one for one in incidents if one.ended is None or one.ended >= since]
    outages = [one for one in recent if one.worst in _OUTAGES]
    lengths = [one.ended - one.started for one in outages if one.ended is not None]
    return Period(
        days=days,
        available=shares.available,
        watched=shares.observed / shares.window,
        outages=len(outages),
        degraded=len(recent) - len(outages),
        typical=median(lengths) if lengths else None,
        longest=max(lengths, default=None),
    )
