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

DAY = 86400 // BUCKET
WEEK = 7 * DAY
WEEKS = 5
"""How many the baseline looks back."""

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

_HOUR = 3600 // BUCKET
_NORMAL = 1.4826  # times a median absolute deviation is a normal distribution's standard deviation


@dataclass(frozen=True, slots=True)
class Counted:
    """A bucket of the past: `count` complaints, out of so many posts when it is a share of something."""

    count: int
    out_of: int | None = None


@dataclass(frozen=True, slots=True)
class Usual:
    """What a bucket should hold: `mean` reports, or with `is_share` complaints by post.

    `phi` is how many times the variance is that of a Poisson count; `seen` the number of buckets that say so, 0 when
    it is a stated prior.
    """

    mean: float
    phi: float = 1.0
    seen: int = 0
    is_share: bool = False

    def of(self, out_of: int | None) -> float:
        """Reports that are usual in a bucket with so many posts."""
        return max(FLOOR, self.mean * (out_of or 0) if self.is_share else self.mean)


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


def cumulated(rise: float, count: int, mean: float, phi: float = 1.0) -> float:
    """S = max(0, S + x - k), of counts that are divided by phi, which makes their variance their mean again.

    It stops a bucket's reference above the limit, or what a long outage piled up would take days to melt.
    """
    k = reference(mean / phi)
    return min(max(0.0, rise + count / phi - k), LIMIT + k)


def usual(past: Callable[[int], Counted | None], bucket: int, prior: float | None) -> Usual | None:
    """What is usual in a bucket: the median of the same time of week, over as many of five weeks as there are.

    `past` knows a bucket by its number, and None of one that is missing or excluded. Until there is a week, the same
    time of the days before; until there is a day, the prior, which is in reports a bucket; without one, None.
    """
    for period, count in ((WEEK, WEEKS), (DAY, 6)):
        centres = [bucket - period * back for back in range(1, count + 1)]
        found = [one for centre in centres if (one := past(centre))]
        if found:
            around = [one for c in centres for n in range(c - _HOUR, c + _HOUR + 1) if (one := past(n))]
            return _usual(found, around)
    return None if prior is None else Usual(max(prior, FLOOR))


def _usual(found: Sequence[Counted], around: Sequence[Counted]) -> Usual:
    is_share = found[-1].out_of is not None
    if is_share:
        mean = median(one.count / one.out_of if one.out_of else 0.0 for one in found)
    else:
        mean = float(median(one.count for one in found))
    plain = Usual(mean if is_share else max(mean, FLOOR), 1.0, len(found), is_share)
    return replace(plain, phi=dispersion([(one.count, plain.of(one.out_of)) for one in around]))


def dispersion(pairs: Sequence[tuple[int, float]]) -> float:
    """phi, at least 1, of counts and what was expected of each: (1.4826 median |z|)^2.

    The textbook's variance by mean of the few buckets that there are is ruined by one outage that nobody marked; the
    median of the scores needs half of them to be wrong. Taken over an hour either way of the same time of week, so that
    one week already gives nine.
    """
    if not pairs:
        return 1.0
    return max(1.0, (_NORMAL * median(abs(score(count, mean)) for count, mean in pairs)) ** 2)


def advance(watch: Watch, bucket: int, count: int, mean: float, phi: float = 1.0, whole: bool = True) -> Watch:
    """Take a bucket that has ended, of which `mean` reports are usual.

    One that was not heard whole is a lower bound: unusual it counts, else it is as good as missing, which neither makes
    nor ends a spike.
    """
    z = score(count, mean, phi)
    unusual = is_unusual(count, z)
    if not whole and not unusual:
        return replace(watch, last=bucket, run=0, calm=0)
    rise = cumulated(watch.rise, count, mean, phi)
    joined = watch.last == bucket - 1
    if not unusual:
        calm = (watch.calm if joined else 0) + 1
        since = watch.since if calm < CALM else None
        return Watch(bucket, since, 0, calm if since is not None else 0, rise)
    run = (watch.run if joined else 0) + 1
    begins = run > 1 or is_unusual(count, z, GLARING)
    since = watch.since if watch.since is not None or not begins else bucket - run + 1
    return Watch(bucket, since, run, 0, rise)


def foreseen(watch: Watch, bucket: int, count: int, mean: float, phi: float = 1.0) -> Watch:
    """What the bucket that is still open already comes to: it can begin a spike or a rise, and ends none."""
    ahead = advance(watch, bucket, count, mean, phi, whole=False)
    since = watch.since if ahead.since is None else ahead.since
    rise = cumulated(watch.rise, count, mean, phi)
    return replace(ahead, since=since, rise=max(rise, watch.rise))
