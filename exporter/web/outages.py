"""What the history comes to for the pages: past outages, how often there were, and how long they took."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.history import Incident, Outline, Shares
from exporter.history.incident import OUTAGES
from exporter.history.statistics import WINDOWS
from exporter.model import PastOutage
from exporter.web.site import Site

log = logging.getLogger(__name__)

MOST = 1000
"""Incidents of a service that a page lists, the newest."""

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Period:
    """The last `days`. `available` is the share of known time in which it was not down, None when that is less than a
    day, which says nothing of many; `watched` is how much is known.

    `outages` were partly down or down at their worst, `over` are those of them that have ended; `typical` is the median
    of those whose end was seen, `longest` their longest, in seconds; None when there is nothing to take it of.
    """

    days: int
    available: float | None
    watched: float
    outages: int
    over: int
    typical: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Past:
    """Of a service, newest first: `incidents` whole, `older` ones in outline. `documented` others tell of."""

    incidents: tuple[Incident, ...]
    older: tuple[Outline, ...]
    documented: tuple[PastOutage, ...]
    periods: tuple[Period, ...]


def last_outage(site: Site, name: str) -> Outline | None:
    """The last that was partly down or down and is over; None when there was none, or nobody can say."""
    try:
        found = site.history.incidents.outlines(name)
    except OSError as error:
        log.error("the last outage cannot be told", extra={"reason": str(error)})
        return None
    return next((one for one in found if one.worst in OUTAGES and one.ended is not None), None)


def past(site: Site, name: str, now: float, whole: int) -> Past | None:
    """With so many incidents whole; None when the history cannot be read."""
    try:
        incidents = tuple(site.history.incidents.incidents(name, whole))
        outlines = site.history.incidents.outlines(name)
        windows = site.history.incidents.statistics(name, now).windows
    except OSError as error:
        log.error("past outages cannot be told", extra={"reason": str(error)})
        return None
    documented = sorted(site.history.documented.get(name, ()), key=lambda outage: -outage.start)
    periods = tuple(_period(days, windows[days], outlines, now) for days in WINDOWS)
    return Past(incidents, tuple(outlines[whole:MOST]), tuple(documented), periods)


def _period(days: int, shares: Shares, incidents: Sequence[Outline], now: float) -> Period:
    since = now - days * _DAY
    outages = [one for one in incidents if one.worst in OUTAGES and (one.ended is None or one.ended >= since)]
    lengths = [one.lasted for one in outages if one.lasted is not None]
    return Period(
        days=days,
        available=shares.available if shares.observed >= _DAY else None,
        watched=shares.observed / shares.window,
        outages=len(outages),
        over=sum(one.ended is not None for one in outages),
        typical=median(lengths) if lengths else None,
        longest=max(lengths, default=None),
    )
