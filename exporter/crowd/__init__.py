"""What people's reports and posts come to: buckets added up, compared with what is usual, watched for spikes.

`Crowds` is told each reading, and says at any time how loud people are about each service and feature. All that it
needs is in memory, read from `history.Buckets` when a configuration is applied; a bucket is settled when its signal has
been heard beyond its end. Times that are no example of what is usual (spikes and open incidents) enter no baseline,
over restarts too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf

from exporter.crowd.asides import Asides
from exporter.crowd.hearing import Hearing
from exporter.history.buckets import KEPT, Buckets
from exporter.model import Config, Signal
from exporter.readings import PUSHED, Bucket, Crowd, Reading

__all__ = ["Crowds"]

log = logging.getLogger(__name__)


class Crowds:
    """Of all signals that count. Its methods are called in one thread."""

    def __init__(self, buckets: Buckets, now: Callable[[], float]) -> None:
        self._buckets = buckets
        self._now = now
        self._asides = Asides(buckets)
        self._hearings: dict[str, Hearing] = {}
        self._features: dict[str, tuple[str, ...]] = {}
        self._found: tuple[Crowd, ...] | None = None
        self._found_until = 0.0
        self._full: tuple[Crowd, ...] = ()
        self._full_at = 0.0
        self._lately: dict[str, dict[int, Bucket]] = {}
        self._forgotten_at = 0.0

    def apply(self, config: Config) -> None:
        """Take a new configuration; a signal that did not change goes on where it is, another is read anew."""
        features = {service.name: ("", *(feature.name for feature in service.features)) for service in config.services}
        kept = self._hearings if features == self._features else {}
        self._features = features
        self._hearings = {signal.name: self._hearing(signal, kept.get(signal.name)) for signal in config.signals}
        self._found, self._full_at = None, 0.0
        self._lately.clear()

    def add(self, signal: Signal, reading: Reading) -> None:
        """Keep what a reading counts; OSError when it cannot be kept, and then none of it counts."""
        hearing = self._hearings.get(signal.name)
        if not (reading.tallies or reading.since is not None or reading.bookmark):
            is_new = True
        else:
            is_new = self._buckets.add(signal.name, reading)
        if hearing is not None:
            hearing.take(reading, is_new)
        self._found = None
        self._asides.write()
        self._forget(reading.at)

    def crowds(self) -> tuple[Crowd, ...]:
        """Of the signals that are not silent, newest word; the same tuple until something changes."""
        now = self._now()
        if self._found is None or now >= self._found_until:
            fresh = [hearing for hearing in self._hearings.values() if now < hearing.fresh_until]
            self._found = tuple(crowd for hearing in fresh for crowd in hearing.crowds())
            self._found_until = min((hearing.fresh_until for hearing in fresh), default=inf)
        return self._found

    def full(self) -> tuple[Crowd, ...]:
        """As `crowds`, of the last full bucket whatever the open one comes to; a second old at most."""
        now = self._now()
        if not 0 <= now - self._full_at < 1.0:
            fresh = [hearing for hearing in self._hearings.values() if now < hearing.fresh_until]
            self._full = tuple(crowd for hearing in fresh for crowd in hearing.crowds(full=True))
            self._full_at = now
        return self._full

    def lately(self, service: str, count: int) -> list[Bucket]:
        """The newest `count` buckets of what people report here of a service, the last under way; empty when nobody
        listens. Looking back is what costs: a bucket that has ended is looked up once.
        """
        hearing = next((one for one in self._hearings.values() if one.signal.kind == PUSHED), None)
        if hearing is None or not hearing.hears(service):
            return []
        newest = hearing.open
        known = self._lately.get(service, {})
        self._lately[service] = {
            number: known.get(number) or hearing.lately(service, "", number)
            for number in range(newest - count + 1, newest)
        }
        return [*self._lately[service].values(), hearing.lately(service, "", newest)]

    def open_incident(self, service: str, is_open: bool) -> None:
        """Whether an incident of the service lasts: what is counted meanwhile is no example of what is usual."""
        subject, now = ("", service, ""), self._now()
        if is_open:
            self._asides.begin(subject, now)
        else:
            self._asides.end(subject, now)

    def _hearing(self, signal: Signal, known: Hearing | None) -> Hearing:
        if known is not None and known.signal == signal:
            return known
        hearing = Hearing(signal, self._is_known, self._buckets, self._asides)
        for service, features in self._features.items():
            if signal.kind == PUSHED and (not signal.services or service in signal.services):
                for feature in features:
                    hearing.of(service, feature)
        return hearing

    def _is_known(self, service: str, feature: str) -> bool:
        return feature in self._features.get(service, ())

    def _forget(self, at: float) -> None:
        """Once a day, in memory and in the file."""
        if at - self._forgotten_at < 86400:
            return
        self._forgotten_at = at
        self._asides.forget(at - KEPT)
        try:
            self._buckets.forget(at - KEPT)
        except OSError as error:
            log.error("old buckets are kept for another day", extra={"reason": str(error)})
