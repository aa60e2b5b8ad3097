"""People's reports, reconstructed: what is usual, and in an outage a wave over it, told to the product's own crowd.

The wave is as high as what a source counted in a quarter of an hour, ASSUMED_PEAK where none did; its shape is assumed:
it climbs for three quarters of an hour, people tire, and it ends within half an hour of the outage. A person reports
one feature. Before it lie five quiet weeks, so that the spike rule decides as it does in life. Nothing is left to
chance: counts are drawn by hashes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from exporter import spikes
from exporter.crowd import Crowds
from exporter.history import Buckets
from exporter.model import Config, PastOutage, Signal
from exporter.readings import BUCKET, Crowd, Reading, Tally
from exporter.signals import reports
from exporter.simulation import chance

SERVICE = "tiktok"
SIGNAL = Signal("people", "reports", reports.Options(), reports.INTERVAL, (SERVICE,))

USUAL_REPORTS = 4.0
"""In a bucket on any day, over all features: a stated prior, no source counts that low."""

ASSUMED_PEAK = 500.0
"""In a bucket, where no source counted."""

CELL = 15
"""Seconds in which the wave is taken for flat."""

_CLIMB, _END, _TIRE, _LAST = 3 * BUCKET, 2 * BUCKET, 8 * BUCKET, 0.3
# The site serves both, and who uses the app misses the feed.
_MISSED = {"web": ("feed", "video"), "app": ("feed",)}


def features_of(words: Iterable[str]) -> tuple[str, ...]:
    """What people miss, in our own names for features."""
    return tuple(dict.fromkeys(name for word in words for name in _MISSED.get(word, (word,))))


def height(outage: PastOutage, at: float) -> float:
    """Of the wave of reports: 0 to 1."""
    climb = (at - outage.start) / _CLIMB
    tired = max(_LAST, 1.0 - (at - outage.start - _CLIMB) / _TIRE)
    end = 1.0 - (at - outage.end) / _END
    return max(0.0, min(1.0, climb, tired, end))


class People:
    """Who report from `start` to `end`, unix seconds; they are listened to every `every` seconds at most."""

    def __init__(self, config: Config, outage: PastOutage | None, start: float, end: float, every: float) -> None:
        self._outage, self._every = outage, every
        self._features = next(
            (tuple(feature.name for feature in one.features) for one in config.services if one.name == SERVICE), ()
        )
        self._now = start // BUCKET * BUCKET
        self._hit = features_of(outage.features) if outage else ()
        self._country = "US" if outage and outage.scope.startswith("US") else ""
        self._waves: dict[int, list[float]] = {}
        buckets = Buckets.in_memory()
        for quiet in self._past(int(self._now // BUCKET), int(end // BUCKET)):
            buckets.add(SIGNAL.name, quiet)
        self._crowds = Crowds(buckets, lambda: self._now)
        self._crowds.apply(config)

    def crowds(self, at: float) -> Sequence[Crowd]:
        """How loud they are at `at`, which only grows."""
        if at - self._now >= self._every:
            self._crowds.add(SIGNAL, Reading(at, tuple(self._reported(at)), self._now, f"{at}"))
            self._now = at
        return self._crowds.crowds()

    def _past(self, first: int, last: int) -> Iterator[Reading]:
        """The quiet weeks, as far as a baseline looks at them."""
        around = range(first - spikes.HOUR, last + spikes.HOUR + 1)
        wanted = {n - spikes.WEEK * back for n in around for back in range(1, spikes.WEEKS + 1)}
        runs: list[list[int]] = []
        for number in sorted(number for number in wanted if number < first):
            if not runs or runs[-1][-1] != number - 1:
                runs.append([])
            runs[-1].append(number)
        for run in runs:
            tallies = tuple(tally for number in run for tally in self._usual(number))
            until = float((run[-1] + 1) * BUCKET)
            yield Reading(until, tallies, float(run[0] * BUCKET), f"{until}")

    def _usual(self, number: int) -> Iterator[Tally]:
        """Of a quiet bucket; the service as a whole has what was reported of no feature, too."""
        counts = {feature: self._quiet(feature, number) for feature in ("", *self._features)}
        for feature, count in {**counts, "": sum(counts.values())}.items():
            if count:
                yield Tally(SERVICE, feature, float(number * BUCKET), count)

    def _reported(self, at: float) -> Iterator[Tally]:
        """Since they were listened to last."""
        for number in range(int(self._now // BUCKET), int(at // BUCKET) + 1):
            start = float(number * BUCKET)
            found = {feature: self._new(feature, number, at) for feature in ("", *self._features)}
            found[""] = tuple(map(sum, zip(*found.values(), strict=True)))
            for feature, (quiet, wave) in found.items():
                if quiet:
                    yield Tally(SERVICE, feature, start, quiet)
                if wave:
                    yield Tally(SERVICE, feature, start, wave, region=self._country)

    def _new(self, feature: str, number: int, at: float) -> tuple[int, ...]:
        """As usual, and in the wave."""
        before, after = self._so_far(feature, number, self._now), self._so_far(feature, number, at)
        return tuple(later - earlier for earlier, later in zip(before, after, strict=True))

    def _so_far(self, feature: str, number: int, at: float) -> tuple[int, int]:
        elapsed = min(max(at - number * BUCKET, 0.0), BUCKET)
        quiet = math.floor(self._quiet(feature, number) * elapsed / BUCKET)
        if feature not in self._hit:
            return quiet, 0
        return quiet, math.floor(self._wave(number)[int(elapsed // CELL)] / len(self._hit))

    def _quiet(self, feature: str, number: int) -> int:
        return _drawn(USUAL_REPORTS / (len(self._features) + 1), chance("usual", feature, number))

    def _wave(self, number: int) -> list[float]:
        """Of all features, in the bucket: up to the end of each cell, from 0 on."""
        if number not in self._waves:
            assert self._outage is not None
            peak = self._outage.reports or ASSUMED_PEAK
            middles = (number * BUCKET + CELL * (cell + 0.5) for cell in range(BUCKET // CELL))
            rates = (peak * CELL / BUCKET * height(self._outage, middle) for middle in middles)
            self._waves[number] = list(accumulate(rates, initial=0.0))
        return self._waves[number]


def _drawn(mean: float, chance: float) -> int:
    """A Poisson count, by the inverse of its distribution."""
    count, term = 0, math.exp(-mean)
    below = term
    while below < chance:
        count += 1
        term *= mean / count
        below += term
    return count
