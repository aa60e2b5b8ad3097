"""Whether people report more than usual: statistics of low counts, pure.

A bucket is a quarter of an hour and numbered `int(start // BUCKET)`, so that the clock aligns it. What is usual
follows the week, and the week is UTC's: where clocks change, the usual hour is an hour off for as long as the weeks
before the change are the most of those that are looked at, which a median takes three weeks to forget.

- The score compares square roots, in which a Poisson count has a variance of 1 whatever its mean (F. J. Anscombe, *The
  transformation of Poisson, binomial and negative-binomial data*, Biometrika 35, 1948).
- The cumulated sum finds the slow rise that no single bucket shows (E. S. Page, *Continuous inspection schemes*,
  Biometrika 41, 1954; for counts J. M. Lucas, *Counted data CUSUM's*, Technometrics 27, 1985).

`python -m bench.spikes` simulates how often both cry wolf, and how late they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from statistics import median

from exporter.readings import BUCKET

HOUR = 3600 // BUCKET
DAY = 24 * HOUR
WEEK = 7 * DAY
WEEKS, DAYS = 5, 6
"""How many the baseline looks back: days as long as there is no week."""

FLOOR = 0.5
"""Reports in a bucket: nothing is ever expected to be rarer, or a handful would be a sensation."""

UNUSUAL, GLARING = 4.0, 8.0
"""Scores, in standard deviations: two buckets running above the one, or one above the other, are a spike."""

LEAST = 10
"""Reports in a bucket, fewer of which are no spike however rare they are."""

CALM = 2
"""Buckets running that end a spike."""

RISE = 2.0
"""The cumulated sum is tuned to a rise to this many times the usual."""

LIMIT = 16.0
"""Of the cumulated sum, in reports: above it, they rise. By simulation: see `bench/spikes.py`."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A bucket of the past: `count` complaints, out of so many posts when it is a share of something."""

    count: int
    out_of: int | None = None

    @property
    def posts(self) -> int:
        """What a mean is of: posts, or the bucket."""
        return self.out_of or 1


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual in a bucket, in reports.

    `mean` is what the score compares with; `level` what the cumulated sum does, which adds up and must not be a little
    too low for long. `phi` is how many times the variance is that of a Poisson count; `seen` the number of buckets at
    the same time of week (or day) that say so, 0 for a stated prior.
    """

    mean: float
    level: float
    phi: float = 1.0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What the buckets up to `last` have come to.

    `since` is the number of the first bucket of a spike that lasts; `run` counts unusual buckets, `calm` the others
    in a spike, both without a gap; `rise` is the cumulated sum.
    """

    last: int = 0
    since: int | None = None
    run: int = 0
    calm: int = 0
    rise: float = 0.0


def score(count: float, mean: float, phi: float = 1.0) -> float:
    """Anscombe's, in standard deviations: z = 2 (sqrt(x + 3/8) - sqrt(mu + 3/8)) / sqrt(phi).

    A Poisson count exceeds 4 with a probability of 3e-9 at a mean of 0.5 (from 9 on), 1.1e-6 at 4 (from 17 on) and
    5.4e-6 at 20 (from 43 on).
    """
    return 2.0 * (sqrt(count + 0.375) - sqrt(mean + 0.375)) / sqrt(phi)


def is_unusual(count: int, z: float, above: float = UNUSUAL) -> bool:
    return z > above and count >= LEAST


def reference(mean: float, rise: float = RISE) -> float:
    """What the cumulated sum lets pass in a bucket (Lucas 1985): k = (mu1 - mu0) / ln(mu1 / mu0), mu1 = rise mu0."""
    return mean * (rise - 1.0) / log(rise)


def cumulated(rise: float, count: int, usual: Usual) -> float:
    """S = max(0, S + x - k), of counts that are divided by phi, which makes their variance their mean again.

    It stops a bucket's reference above the limit, or what a long outage piled up would take days to melt.
    """
    k = reference(usual.level / usual.phi)
    return min(max(0.0, rise + count / usual.phi - k), LIMIT + k)


def stated(prior: float) -> Usual:
    """What somebody says is usual, while nothing has been counted."""
    return Usual(max(FLOOR, prior), max(FLOOR, prior))


def usual(past: Callable[[int], Counted | None], bucket: int, out_of: int | None = None) -> Usual | None:
    """What is usual in a bucket: the median of the same time of week, over as many of five weeks as there are.

    Until there is a week, the same time of the days before; None until there is a day. `past` knows a bucket by its
    number, and None of one that is missing or set aside. Of a share, what is usual in so many posts: `out_of`.
    """
    for period, times in ((WEEK, WEEKS), (DAY, DAYS)):
        centres = [bucket - period * back for back in range(1, times + 1)]
        found = [one for centre in centres if (one := past(centre))]
        if found:
            around = [[one for n in range(c - HOUR, c + HOUR + 1) if (one := past(n))] for c in centres]
            return _usual(found, [hours for hours in around if hours], out_of or 1)
    return None


def _usual(found: Sequence[Counted], around: Sequence[Sequence[Counted]], posts: int) -> Usual:
    mean = max(FLOOR, posts * median(one.count / one.posts for one in found))
    share = median(sum(one.count for one in hours) / sum(one.posts for one in hours) for hours in around)
    phi = dispersion([[(one.count, share * one.posts) for one in hours] for hours in around])
    level = max(FLOOR, share * posts)
    # One standard error more: a baseline that is too low by chance stays so for hours, and would pile up.
    return Usual(mean, level + sqrt(phi * level / sum(map(len, around))), phi, len(found))


def dispersion(weeks: Sequence[Sequence[tuple[int, float]]]) -> float:
    """phi = variance / mean, at least 1: the median, over the weeks, of what each week's hours around the bucket say.

    Each week gives (count, expected) pairs. Over all of them at once, one outage of two hours that nobody marked makes
    45 of what is 1, at a mean of 2, and hides the next outage for five weeks; this way it makes 1.1. By simulation, as
    is that counts in bursts are told as such (2.4 and 2.9 of what is 3, at means of 2 and 20): see `bench/spikes.py`.
    """
    found = []
    for pairs in weeks:
        expected = sum(max(FLOOR, mean) for _, mean in pairs)
        squares = sum((count - max(FLOOR, mean)) ** 2 for count, mean in pairs)
        # The mean was taken from the same buckets, which makes it too good a fit of few (Bessel).
        found.append(squares / expected * len(pairs) / max(1, len(pairs) - 1))
    return max(1.0, median(found)) if found else 1.0


def advance(watch: Watch, bucket: int, count: int, usual: Usual, whole: bool = True) -> Watch:
    """Take a bucket that has ended.

    One that was not heard whole is a lower bound: unusual it counts, else it is as good as missing, which neither makes
    nor ends a spike.
    """
    z = score(count, usual.mean, usual.phi)
    unusual = is_unusual(count, z)
    if not whole and not unusual:
        return replace(watch, last=bucket, run=0, calm=0)
    rise = cumulated(watch.rise, count, usual)
    joined = watch.last == bucket - 1
    if unusual:
        run = (watch.run if joined else 0) + 1
        begins = watch.since is None and (run > 1 or is_unusual(count, z, GLARING))
        return Watch(bucket, bucket - run + 1 if begins else watch.since, run, 0, rise)
    calm = (watch.calm if joined else 0) + 1
    if watch.since is None or calm >= CALM:
        return Watch(bucket, None, 0, 0, rise)
    return Watch(bucket, watch.since, 0, calm, rise)


def foreseen(watch: Watch, bucket: int, count: int, usual: Usual) -> Watch:
    """What the bucket that is still open already comes to: it can begin a spike or a rise, and ends none."""
    ahead = advance(watch, bucket, count, usual, whole=False)
    return replace(ahead, rise=max(watch.rise, cumulated(watch.rise, count, usual)))
