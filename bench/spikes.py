"""How often people's reports cry wolf, and how late they speak: by simulation, of what `exporter.spikes` computes.

Counts are drawn at random around a known rate, with five weeks before them from which the baseline is taken as it is
in the program. `python -m bench.spikes` simulates ten years of each and takes some minutes; `python -m bench.spikes 1`
one year.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import exp, inf, pi, sin
from statistics import fmean, median, variance

from bench.report import percentile
from exporter import spikes
from exporter.readings import BUCKET
from exporter.spikes import Counted, Usual, Watch

YEAR = 365 * spikes.DAY
RATES = (0.2, 2.0, 20.0)
RISES = (2.0, 5.0, 20.0)
YEARS = 10.0
REPEATS = 200
LOOKS = 30
"""Times in a bucket at which the one that is open is looked at."""

HORIZON = 2 * spikes.DAY
"""Buckets after which a rise counts as not seen."""

Rate = Callable[[int], float]
"""Reports that are usual in a bucket, by its number."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """False alarms in `years`: how many spikes and rises began."""

    spikes: int
    rises: int
    years: float


@cache
def _distribution(mean: float, phi: float) -> tuple[float, ...]:
    """Cumulated: Poisson, or with a variance of phi times the mean negative binomial."""
    found, total, count = [], 0.0, 0
    size = mean / (phi - 1.0) if phi > 1.0 else 0.0
    p = phi**-size if size else exp(-mean)
    while total < 1.0 - 1e-15 and count < 40 * mean + 200:
        total += p
        found.append(total)
        p *= (size + count) / (count + 1) * (1.0 - 1.0 / phi) if size else mean / (count + 1)
        count += 1
    return tuple(found)


def draw(chance: random.Random, mean: float, phi: float = 1.0) -> int:
    """A count at random."""
    return bisect(_distribution(mean, phi), chance.random())


def spread(rate: float, phi: float, outage: bool, repeats: int = 400) -> tuple[float, float]:
    """Medians of the phi that is found in five weeks, and of variance by mean over all of them, at once."""
    chance, found, plain = random.Random(5), [], []
    for _ in range(repeats):
        weeks = [[draw(chance, rate, phi) for _ in range(2 * spikes.HOUR + 1)] for _ in range(spikes.WEEKS)]
        if outage:
            weeks[2] = [count * 20 + spikes.LEAST for count in weeks[2]]
        mean = median(fmean(week) for week in weeks)
        found.append(spikes.dispersion([[(count, mean) for count in week] for week in weeks]))
        together = [count for week in weeks for count in week]
        plain.append(max(1.0, variance(together) / max(spikes.FLOOR, fmean(together))))
    return median(found), median(plain)


def daily(mean: float) -> Rate:
    """A rate that swings over the day between a fifth and nine fifths of its mean."""
    wave = [mean * (1.0 + 0.8 * sin(2.0 * pi * number / spikes.DAY)) for number in range(spikes.DAY)]
    return lambda number: wave[number % spikes.DAY]


def quiet(rate: Rate, years: float, phi: float = 1.0, weeks: int = spikes.WEEKS, seed: int = 1) -> Alarms:
    """False alarms of a signal that only ever tells its usual rate."""
    chance, first = random.Random(seed), spikes.WEEKS * spikes.WEEK
    last = first + int(years * YEAR)
    counts = [Counted(draw(chance, rate(number), phi)) for number in range(last)]
    watch, found = Watch(), [0, 0]
    for number in range(first, last):
        oldest = number - weeks * spikes.WEEK - spikes.DAY // 2

        def past(at: int, oldest: int = oldest) -> Counted | None:
            return counts[at] if at >= oldest else None

        usual = spikes.usual(past, number) or spikes.stated(0)
        before, watch = watch, spikes.advance(watch, number, counts[number].count, usual)
        found[0] += before.since is None and watch.since is not None
        found[1] += before.rise <= spikes.LIMIT < watch.rise
    return Alarms(found[0], found[1], years)


def delays(rate: float, rise: float, repeats: int, phi: float = 1.0, seed: int = 1) -> Iterator[tuple[float, float]]:
    """Seconds from the start of a lasting rise, anywhere in a bucket, to the spike and to the first sign at all."""
    chance = random.Random(seed)
    for _ in range(repeats):
        yield _delay(chance, rate, rise, phi)


def _delay(chance: random.Random, rate: float, rise: float, phi: float) -> tuple[float, float]:
    began, watch, risen = chance.random(), Watch(), 0.0
    usual = _usual(chance, rate, phi)
    for number in range(1, spikes.DAY):
        usual = _usual(chance, rate, phi)
        watch = spikes.advance(watch, number, draw(chance, rate, phi), usual)
    for number in range(spikes.DAY, spikes.DAY + HORIZON):
        usual, count = _usual(chance, rate, phi), 0
        for look in range(LOOKS):
            loud = number > spikes.DAY or look / LOOKS >= began
            count += draw(chance, rate * (rise if loud else 1.0) / LOOKS, phi)
            seen = spikes.foreseen(watch, number, count, usual)
            since_start = (number - spikes.DAY + (look + 1) / LOOKS - began) * BUCKET
            if seen.rise > spikes.LIMIT and not risen:
                risen = since_start
            if seen.since is not None:
                return since_start, min(risen or since_start, since_start)
        watch = spikes.advance(watch, number, count, usual)
    return float("inf"), risen or float("inf")


def _usual(chance: random.Random, rate: float, phi: float) -> Usual:
    """What five weeks at this rate would say."""
    known = [Counted(draw(chance, rate, phi)) for _ in range(spikes.WEEKS * 9)]
    found = spikes.usual(lambda at: known[at % len(known)], spikes.WEEK * spikes.WEEKS)
    assert found is not None
    return found


def measure(years: float) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| quiet rate in 15 min | counts | history | false spikes a year | false rises a year |"
    yield "|---|---|---|---|---|"
    for rate in RATES:
        yield _quiet_line(f"{rate:g}", "Poisson", quiet(_steady(rate), years))
    for rate in RATES:
        yield _quiet_line(f"{rate:g}", "Poisson", quiet(_steady(rate), years, weeks=1), "1 week")
    for rate in RATES[1:]:
        yield _quiet_line(f"{rate:g}, by day 0.2 to 1.8 times", "Poisson", quiet(daily(rate), years))
    for rate in RATES[1:]:
        yield _quiet_line(f"{rate:g}", "bursts, phi 3", quiet(_steady(rate), years, phi=3.0))
    yield "\n| rate | phi | an outage that nobody marked | phi found | variance by mean of all |\n|---|---|---|---|---|"
    for rate, phi, outage in product((2.0, 20.0), (1.0, 3.0), (False, True)):
        found, plain = spread(rate, phi, outage)
        yield f"| {rate:g} | {phi:g} | {'yes' if outage else 'no'} | {found:.2g} | {plain:.2g} |"
    yield "\n| rate | rises to | spike after, median, 9 of 10 | spike or rise after, median, 9 of 10 |"
    yield "|---|---|---|---|"
    for rate in RATES:
        for rise in RISES:
            took = list(delays(rate, rise, REPEATS))
            spike, first = (_minutes([each[kind] for each in took]) for kind in (0, 1))
            yield f"| {rate:g} | {rise:g} times | {spike} | {first} |"


def _steady(rate: float) -> Rate:
    return lambda number: rate


def _quiet_line(rate: str, counts: str, found: Alarms, history: str = "5 weeks") -> str:
    none = f"0 in {found.years:g} years"
    false = [f"{count / found.years:.2g}" if count else none for count in (found.spikes, found.rises)]
    return f"| {rate} | {counts} | {history} | {false[0]} | {false[1]} |"


def _minutes(delays: list[float]) -> str:
    return ", ".join(
        f"{seconds / 60:.0f} min" if seconds < inf else f"not in {HORIZON // spikes.DAY} days"
        for seconds in (percentile(delays, 50), percentile(delays, 90))
    )


def main() -> None:
    for line in measure(float(sys.argv[1]) if len(sys.argv) > 1 else YEARS):
        print(line, flush=True)


if __name__ == "__main__":
    main()
