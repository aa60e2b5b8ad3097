"""The buckets of one service and feature as one signal tells them, and their watch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from exporter import spikes
from exporter.readings import BUCKET, Level, Tally
from exporter.spikes import Counted, Usual, Watch

FEWEST_POSTS = 30
"""In a bucket, of which a share says anything."""

_MOST_REGIONS = 5


@dataclass(slots=True)
class Series:
    """By the buckets' numbers; `usual` remembers what was found to be usual in the newest, of how many posts."""

    service: str
    feature: str
    counts: dict[int, int] = field(default_factory=dict)
    posts: dict[int, int] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    usual: dict[int, tuple[int | None, Usual | None]] = field(default_factory=dict)
    _regions: dict[int, Counter[str]] = field(default_factory=dict)

    def add(self, tally: Tally) -> None:
        number = int(tally.start // BUCKET)
        self.counts[number] = self.counts.get(number, 0) + tally.count
        if tally.out_of is not None:
            self.posts[number] = self.posts.get(number, 0) + tally.out_of
        self.place(tally)

    def place(self, tally: Tally) -> None:
        """Where the people are, and nothing else of it."""
        if tally.region:
            self._regions.setdefault(int(tally.start // BUCKET), Counter())[tally.region] += tally.count

    def counted(self, number: int) -> Counted | None:
        """None of a share of too few posts."""
        count = self.counts.get(number, 0)
        if not self.posts:
            return Counted(count)
        posts = self.posts.get(number, 0)
        return Counted(count, posts) if posts >= FEWEST_POSTS else None

    def regions(self, number: int) -> tuple[str, ...]:
        """Where most of them were counted, the loudest first."""
        return tuple(region for region, _ in self._regions.get(number, Counter()).most_common(_MOST_REGIONS))

    def forget(self, before: int, newest: int) -> None:
        """Drop the buckets below a number; what was usual and where people were is asked of the newest alone."""
        for numbers, least in (
            (self.counts, before),
            (self.posts, before),
            (self.usual, newest),
            (self._regions, newest),
        ):
            _drop(numbers, least)


def _drop(numbers: dict[int, Any], least: int) -> None:
    for number in [number for number in numbers if number < least]:
        del numbers[number]


@dataclass(slots=True)
class Levels:
    """What a source that compares by itself says of its last full bucket."""

    level: Level
    at: float
    watch: Watch = field(default_factory=Watch)
    _before: Watch = field(default_factory=Watch)

    @property
    def usual(self) -> Usual:
        return spikes.stated(self.level.usual)

    def take(self, level: Level, at: float) -> None:
        """The newest word about a bucket replaces what was said of it before."""
        number = int(at // BUCKET) - 1
        if number < self.watch.last:
            return
        if number > self.watch.last:
            self._before = self.watch
        self.level, self.at = level, at
        self.watch = spikes.advance(self._before, number, level.count, self.usual)
