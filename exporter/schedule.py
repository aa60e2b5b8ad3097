"""When each pair runs: a fixed phase from its hash, spread evenly over its interval.

Pure: the caller hands in the time (monotonic seconds) and is told what is due. Runs neither drift
nor queue: a run that could not start in time is skipped and counted, the next one keeps its phase.
Phases hang on the wall clock of the start, so a restart does not move them.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from exporter.model import NOT_THE_SERVICE, Pair, PairKey, Result
from exporter.verdict import FAILURES_TO_DOWN

CONFIRM_AFTER = (5.0, 10.0)
"""Seconds from a failure to its first confirmation, and from that to the second."""

SOON_APART = 10.0
"""Seconds from the start of a run to one of the same pair that is asked for beside its schedule."""

FIRST_RUNS_PER_SECOND = 200.0
"""New pairs do not wait a whole interval for their first run, but neither do all run at once."""

SHARD_BITS = 32


def in_shard(pair: Pair, index: int, count: int) -> bool:
    """Whether shard `index` (from 1) of `count` runs this pair: of a fleet by the hash's upper half."""
    return (pair.hash >> SHARD_BITS) % count == index - 1


def worker_of(pair: Pair, count: int) -> int:
    """Which of `count` workers (from 0) runs this pair: by the hash's lower half, so shards spread too."""
    return (pair.hash & ((1 << SHARD_BITS) - 1)) % count


class Run(NamedTuple):
    """One attempt that is due: `number` is 0 for a scheduled run, else the confirmation; `lag` in seconds."""

    pair: Pair
    number: int
    lag: float


class _Due(NamedTuple):
    at: float
    order: int
    key: PairKey
    number: int


@dataclass(slots=True)
class _Entry:
    pair: Pair
    fraction: float
    failures: int = 0
    running: bool = False
    last_started: float = -math.inf
    next_at: float = -math.inf


class Schedule:
    """The runs of one worker; `wall` and `now` are the same moment on both clocks."""

    def __init__(self, wall: float, now: float, capacity: int) -> None:
        self.skipped: Counter[str] = Counter()
        self.running = 0
        self._offset = wall - now
        self._capacity = capacity
        self._entries: dict[PairKey, _Entry] = {}
        self._heap: list[_Due] = []
        self._order = 0

    def replace(self, pairs: Iterable[Pair], now: float) -> None:
        """Run these pairs from now on. Those that stay keep their times and what is known of them."""
        wanted = {pair.key: pair for pair in pairs}
        new = [pair for key, pair in wanted.items() if key not in self._entries or self._entries[key].pair != pair]
        self._entries = {key: entry for key, entry in self._entries.items() if wanted.get(key) == entry.pair}
        self._heap = [due for due in self._heap if due.key in self._entries]
        heapq.heapify(self._heap)
        for pair in new:
            entry = self._entries[pair.key] = _Entry(pair, _fraction(pair))
            spread = min(pair.endpoint.interval, max(1.0, len(new) / FIRST_RUNS_PER_SECOND))
            self._plan(entry, now + spread * entry.fraction)

    def next_at(self) -> float | None:
        """When the next run is due, on the monotonic clock; None when there is none."""
        return self._heap[0].at if self._heap else None

    def due(self, now: float) -> list[Run]:
        """What is to start now. Each run given out must be ended by `done`."""
        runs: list[Run] = []
        while self._heap and self._heap[0].at <= now:
            item = heapq.heappop(self._heap)
            entry = self._entries.get(item.key)
            if entry is None:
                continue
            if item.number == 0:
                self._plan(entry, self._following(entry, item.at, now))
            if self._may_start(entry, item.number):
                self._start(entry, now)
                runs.append(Run(entry.pair, item.number, now - item.at))
        return runs

    def soon(self, keys: Iterable[PairKey], now: float) -> None:
        """Run these beside their schedule, once and now, unless they ran lately or will soon run by themselves."""
        for key in keys:
            entry = self._entries.get(key)
            if entry is not None and not entry.running and self._has_room(entry, now):
                self._push(now, key, 1)

    def done(self, run: Run, result: Result, now: float) -> None:
        """A run has ended: count it, and confirm a failure that may be the service's."""
        self.running -= 1
        entry = self._entries.get(run.pair.key)
        if entry is None or entry.pair != run.pair:
            return
        entry.running = False
        if result.ok or result.reason in NOT_THE_SERVICE:
            entry.failures = 0 if result.ok else entry.failures
            return
        entry.failures += result.witnesses
        if entry.failures < FAILURES_TO_DOWN and run.number < len(CONFIRM_AFTER):
            self._push(now + CONFIRM_AFTER[run.number], run.pair.key, run.number + 1)

    @staticmethod
    def _has_room(entry: _Entry, now: float) -> bool:
        """Whether a run beside the schedule would have ended, even by its timeout, before the scheduled one begins."""
        ends = now + entry.pair.endpoint.timeout
        return now - entry.last_started > SOON_APART and ends < entry.next_at

    def _may_start(self, entry: _Entry, number: int) -> bool:
        if entry.running:
            if number == 0:
                self.skipped["overlap"] += 1
            return False
        if self.running >= self._capacity:
            self.skipped["capacity"] += 1
            return False
        return True

    def _start(self, entry: _Entry, now: float) -> None:
        entry.running = True
        entry.last_started = now
        self.running += 1

    def _following(self, entry: _Entry, at: float, now: float) -> float:
        """The next time at the pair's phase after `now`, at least half an interval after `at`."""
        interval = entry.pair.endpoint.interval
        phase = entry.fraction * interval
        turn = math.floor((at + self._offset - phase + interval / 2) / interval) + 1
        following = turn * interval + phase - self._offset
        if now < following:
            return following
        missed = math.floor((now - following) / interval) + 1
        self.skipped["late"] += missed
        return following + missed * interval

    def _plan(self, entry: _Entry, at: float) -> None:
        entry.next_at = at
        self._push(at, entry.pair.key, 0)

    def _push(self, at: float, key: PairKey, number: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, _Due(at, self._order, key, number))


def _fraction(pair: Pair) -> float:
    return pair.hash / float(1 << 64)
