"""All that one signal has been heard to count, settled bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from exporter import kinds, spikes
from exporter.crowd.asides import Asides, Subject
from exporter.crowd.series import Levels, Series
from exporter.history.buckets import KEPT, Buckets, furthest_of, newly_covered
from exporter.model import Signal
from exporter.readings import BUCKET, Bucket, Crowd, Level, Reading, Tally
from exporter.spikes import Counted, Usual, Watch

WHOLE = 0.9
"""The share of a bucket that must have been heard; one of less is missing, or unusual already: a lower bound."""

_REGIONS_KEPT = 3  # buckets

About = Callable[[str, str], bool]
"""Whether a service and feature are configured."""


class Hearing:
    """Of one signal. `heard_until` is the newest moment that it knows of; the bucket of that moment is open."""

    def __init__(self, signal: Signal, about: About, buckets: Buckets, asides: Asides) -> None:
        self.signal = signal
        self.heard_until = buckets.heard_until(signal.name)
        self.series: dict[tuple[str, str], Series] = {}
        self._levels: dict[tuple[str, str], Levels] = {}
        self._about = about
        self._asides = asides
        self._alone = bool(getattr(kinds.module("signals", signal.kind), "ALONE", True))
        self._prior: float | None = getattr(signal.options, "prior", None)
        self._read(buckets)
        self._settled = self._watch_again()

    @property
    def open(self) -> int:
        """The number of the bucket that has not ended."""
        return int(self.heard_until // BUCKET)

    @property
    def fresh_until(self) -> float:
        """Unix seconds after which its silence is too long for its last word to count."""
        return self.heard_until + max(3 * self.signal.interval, BUCKET)

    def of(self, service: str, feature: str) -> Series:
        return self.series.setdefault((service, feature), Series(service, feature))

    def take(self, reading: Reading, is_new: bool) -> None:
        """A reading that has been kept; its tallies only when it is new."""
        for tally in reading.tallies if is_new else ():
            self._add(tally)
        for start, seconds in newly_covered(reading, self.heard_until):
            number = start // BUCKET
            self._coverage[number] = self._coverage.get(number, 0.0) + seconds
        self.heard_until = furthest_of(self.heard_until, reading.at)
        self._take_levels(reading)
        self._settle()

    def crowds(self, full: bool = False) -> Iterator[Crowd]:
        """One for each service and feature of which something is known; with `full` of the last full bucket alone."""
        for series in self.series.values():
            crowd = None if full else self._of_open(series)
            crowd = crowd or self._of_full(series)
            if crowd is not None:
                yield crowd
        for levels in self._levels.values():
            yield self._of_levels(levels)

    def hears(self, service: str) -> bool:
        """Whether it listens to what is said of a service."""
        return (service, "") in self.series

    def lately(self, service: str, feature: str, number: int) -> Bucket:
        """What was counted in the bucket of that number, and what is usual in it."""
        series = self.of(service, feature)
        counted = series.counted(number)
        heard = self._is_whole(number) or number == self.open
        usual = spikes.usual(self._past(series), number, counted.out_of) if counted else None
        mean = usual.mean if usual else self._prior
        return Bucket(float(number * BUCKET), counted.count if counted and heard else None, mean)

    def _read(self, buckets: Buckets) -> None:
        name, since = self.signal.name, self.heard_until - KEPT
        self._coverage = {int(start // BUCKET): seconds for start, seconds in buckets.coverage(name, since).items()}
        for tally in buckets.tallies(name, since):
            self._add(tally)
        for tally in buckets.regions(name, self.heard_until - _REGIONS_KEPT * BUCKET):
            if self._about(tally.service, tally.feature):
                self.of(tally.service, tally.feature).place(tally)

    def _watch_again(self) -> int:
        """The watches as they were, from the last day; a spike that is set aside has not ended meanwhile."""
        first = self.open - spikes.DAY
        for series in self.series.values():
            begin = first
            spike = self._asides.open(self._subject(series))
            if spike is not None:
                series.watch = Watch(since=int(spike.started // BUCKET))
                begin = max(first, int(spike.started // BUCKET))
            for number in range(begin, self.open):
                self._advance(series, number)
        return self.open - 1

    def _take_levels(self, reading: Reading) -> None:
        """Levels are all that their signal knows now, and replace what it said before."""
        before, self._levels = self._levels, {}
        for level in _together(reading.levels):
            subject = (level.service, level.feature)
            if self._about(*subject):
                self._levels[subject] = before.get(subject) or Levels(level, reading.at)
                self._levels[subject].take(level, reading.at)

    def _settle(self) -> None:
        newest = self.open - 1
        self._settled = min(self._settled, newest)
        for number in range(max(self._settled + 1, self.open - spikes.WEEK), self.open):
            for series in self.series.values():
                self._advance(series, number)
        if newest > self._settled:
            self._settled = newest
            self._forget(self.open - KEPT // BUCKET)

    def _advance(self, series: Series, number: int) -> None:
        """Take a bucket that has ended; one that is missing, or of which nothing is known to be usual, is a gap."""
        before, counted, usual = series.watch, series.counted(number), None
        whole = self._is_whole(number)
        # Silence after silence needs no baseline, which is what costs: of most features nobody ever reports.
        silent = counted is not None and not counted.count and before.since is None and not before.rise
        if counted is not None and not silent and (whole or counted.count >= spikes.LEAST):
            usual = self._usual(series, number, counted)
        if counted is None or usual is None:
            series.watch = replace(before, last=number, run=0, calm=0)
            return
        series.watch = spikes.advance(before, number, counted.count, usual, whole)
        self._set_aside(series, before.since)

    def _set_aside(self, series: Series, before: int | None) -> None:
        since, subject = series.watch.since, self._subject(series)
        if since is not None:
            self._asides.begin(subject, since * BUCKET)
        elif before is not None:
            self._asides.end(subject, (series.watch.last - spikes.CALM + 1) * BUCKET)

    def _of_open(self, series: Series) -> Crowd | None:
        """When the bucket that is still open is unusual already: what more comes can only make it more so."""
        counted = series.counted(self.open)
        if counted is None or counted.count < spikes.LEAST:
            return None
        usual = self._usual(series, self.open, counted)
        if usual is None or not spikes.is_unusual(counted.count, spikes.score(counted.count, usual.mean, usual.phi)):
            return None
        watch = spikes.foreseen(series.watch, self.open, counted.count, usual)
        return self._crowd(series, self.open, counted, usual, watch)

    def _of_full(self, series: Series) -> Crowd | None:
        """None when it was not heard whole: missing is not zero. Unless it says enough as a lower bound."""
        number = self.open - 1
        counted = series.counted(number)
        usual = self._usual(series, number, counted) if counted else None
        if counted is None or usual is None:
            return None
        crowd = self._crowd(series, number, counted, usual, series.watch)
        return crowd if self._is_whole(number) or crowd.spiking else None

    def _crowd(self, series: Series, number: int, counted: Counted, usual: Usual, watch: Watch) -> Crowd:
        said = Level(series.service, series.feature, counted.count, usual.mean)
        at = min(float((number + 1) * BUCKET), self.heard_until)
        crowd = self._said(said, spikes.score(counted.count, usual.mean, usual.phi), at, watch)
        return replace(crowd, out_of=counted.out_of, regions=series.regions(number))

    def _of_levels(self, levels: Levels) -> Crowd:
        return self._said(levels.level, spikes.score(levels.level.count, levels.usual.mean), levels.at, levels.watch)

    def _said(self, level: Level, score: float, at: float, watch: Watch) -> Crowd:
        return Crowd(
            signal=self.signal.name,
            kind=self.signal.kind,
            service=level.service,
            feature=level.feature,
            count=level.count,
            usual=level.usual,
            score=score,
            at=at,
            spiking=watch.since is not None,
            rising=watch.rise > spikes.LIMIT,
            since=None if watch.since is None else float(watch.since * BUCKET),
            alone=self._alone,
            regions=(level.region,) if level.region else (),
        )

    def _usual(self, series: Series, number: int, counted: Counted) -> Usual | None:
        out_of, known = series.usual.get(number, (-1, None))
        if out_of != counted.out_of:
            known = spikes.usual(self._past(series), number, counted.out_of)
            if known is None and self._prior is not None:
                known = spikes.stated(self._prior)
            series.usual[number] = (counted.out_of, known)
        return known

    def _past(self, series: Series) -> Callable[[int], Counted | None]:
        subject = self._subject(series)

        def past(number: int) -> Counted | None:
            is_example = self._is_whole(number) and not self._asides.hold(subject, number)
            return series.counted(number) if is_example else None

        return past

    def _subject(self, series: Series) -> Subject:
        return self.signal.name, series.service, series.feature

    def _is_whole(self, number: int) -> bool:
        return self._coverage.get(number, 0.0) >= WHOLE * BUCKET

    def _add(self, tally: Tally) -> None:
        if self._about(tally.service, tally.feature):
            self.of(tally.service, tally.feature).add(tally)

    def _forget(self, before: int) -> None:
        for series in self.series.values():
            series.forget(before, self.open - _REGIONS_KEPT)
        for number in [number for number in self._coverage if number < before]:
            del self._coverage[number]


def _together(levels: Iterable[Level]) -> Iterator[Level]:
    """One for each service and feature: what a source says of several regions, added up, and where it is loudest."""
    found: dict[tuple[str, str], list[Level]] = {}
    for level in levels:
        found.setdefault((level.service, level.feature), []).append(level)
    for (service, feature), same in found.items():
        loudest = max(same, key=lambda level: level.count - level.usual)
        count, usual = sum(level.count for level in same), sum(level.usual for level in same)
        yield Level(service, feature, count, usual, loudest.region)
