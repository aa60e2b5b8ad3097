"""What official pages and measurements said in an outage, reconstructed: an upstream's page, and OONI.

Both are read all the time and mostly have nothing to tell, which is not that all is well. How soon they told of an
outage no source says: it is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.model import PastOutage, Signal
from exporter.readings import Heard, Notice, Reading, Restriction
from exporter.replay.people import SERVICE

PAGE_AFTER = 600.0
"""Seconds into an outage until the upstream's page is red: pages are written by people, who first look themselves."""

BLOCK_AFTER = 3600.0
"""Seconds into a shutdown until OONI's measurements say so: they are added up by the hour."""

UPSTREAMS = ("oracle:us-ashburn-1",)
"""What TikTok in the US runs on."""

SIGNALS = (Signal("oracle", "oracle", None, 300.0), Signal("ooni", "ooni", None, 3600.0, (SERVICE,)))


def heard(outage: PastOutage | None, at: float) -> dict[str, Heard]:
    """What each was last heard to say at `at`, unix seconds."""
    return {signal.name: _heard(signal, outage, at) for signal in SIGNALS}


def _heard(signal: Signal, outage: PastOutage | None, at: float) -> Heard:
    # Read a minute into each of its intervals, so that none is read in the very moment in which something begins.
    read = (at - 60.0) // signal.interval * signal.interval + 60.0
    notices = tuple(_notices(signal, outage, at)) if outage else ()
    restrictions = tuple(_restrictions(signal, outage, at)) if outage else ()
    return Heard(signal.name, signal.kind, Reading(read, notices=notices, restrictions=restrictions), read, fresh=True)


def _notices(signal: Signal, outage: PastOutage, at: float) -> Iterator[Notice]:
    provider, _, location = outage.upstream.partition(":")
    if provider == signal.name and outage.start + PAGE_AFTER <= at < outage.end:
        yield Notice(f"Service disruption in {location}", "", "major", locations=(location,))


def _restrictions(signal: Signal, outage: PastOutage, at: float) -> Iterator[Restriction]:
    if signal.name == "ooni" and outage.blocked_in and outage.start + BLOCK_AFTER <= at < outage.end:
        yield Restriction(outage.blocked_in, "blocked", "measurements fail (assumed)", SERVICE)
