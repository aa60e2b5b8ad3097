"""The pairs' families: each pair's lines are rendered when its result arrives, and joined at a scrape.

1. Gauges show the latest scheduled run; a confirmation only counts.
2. Counters, `probe_info` and `probe_last_run_timestamp_seconds` are there as soon as the pair is.
3. A pair that has not run for `STALE_AFTER_INTERVALS` of its intervals loses its gauges: a stale 1 is a lie.
4. A sample whose family its kind does not name is a fault of ours: KeyError.

Names and meanings are blackbox_exporter's; the histograms are those of Grafana Synthetic Monitoring.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from exporter import kinds
from exporter.metrics import signals, text, verdicts
from exporter.metrics.columns import Column, Counted, Histograms, Line
from exporter.metrics.geohash import geohash
from exporter.model import Buckets, Family, Pair, PairKey, Reason, Result, SampleKey
from exporter.state import Record, Store
from exporter.verdict import STALE_AFTER_INTERVALS

_LATEST = "latest scheduled run"
_NO_FAILURES = (0,) * len(Reason)  # one for all pairs: most have none
_CREDENTIALS = re.compile(r"^([a-z]+://)[^/?#]*@")


class _Place(NamedTuple):
    """Where a family's samples of one endpoint go, and the names of their own labels."""

    column: Column
    labels: tuple[str, ...]


@dataclass(slots=True)
class _Entry:
    """A pair on the page: its index in every column, its labels as text, and what its gauges show."""

    pair: Pair
    index: int
    labels: str
    places: Mapping[str, _Place]
    samples: Mapping[SampleKey, float] = field(default_factory=dict)
    stale_at: float = math.inf
    observed: tuple[Histograms, ...] = ()


class Page:
    """The metrics of all pairs. `now` is unix seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._entries: dict[PairKey, _Entry] = {}
        self._free: list[int] = []
        self._labels: list[str] = []
        self._places: dict[tuple[Family, ...], dict[str, _Place]] = {}
        self._columns: dict[str, Column | Counted | Histograms] = {}
        self._success = self._gauge("probe_success", "Whether the latest scheduled run succeeded.")
        self._duration = self._gauge("probe_duration_seconds", "How long the latest scheduled run took.")
        self._last_run = self._gauge(
            "probe_last_run_timestamp_seconds", "When the latest scheduled run began, unix seconds; 0 before the first."
        )
        self._info = self._gauge("probe_info", "What is probed, and from where.")
        self._attempts = self._counted("probe_attempts_total", "Scheduled runs and confirmations.", "counter", Line(1))
        self._failures = self._counted(
            "probe_failures_total",
            "Attempts that failed, by reason.",
            "counter",
            *(Line(which, label=f'reason="{reason}"') for which, reason in enumerate(Reason)),
        )
        self._summary = self._counted(
            "probe_all_success",
            "Attempts (count) and those of them that succeeded (sum).",
            "summary",
            *(Line(0, "_sum"), Line(1, "_count")),
        )
        self._all = Histograms("probe_all_duration_seconds", "How long attempts took that succeeded.")
        self._phases = kinds.module("probes", "http").PHASES
        name, explained = "probe_http_all_duration_seconds", "How long each phase took, of attempts that succeeded."
        self._sums = Histograms(name, explained, "phase", self._phases, bounds=())
        self._buckets = Histograms(name, explained, "phase", self._phases)
        # One family, of which a configuration wants the one form or the other for all pairs.
        self._columns |= {"probe_all_duration_seconds": self._all, name: self._sums, f"{name}_bucket": self._buckets}

    def add(self, record: Record, histograms: Buckets) -> None:
        """Show a pair, and its histograms if they are wanted; one that is there already keeps what it has."""
        entry = self._entries.get(record.pair.key)
        if entry is None:
            entry = self._enter(record.pair)
            self._count(entry, record)
            if record.latest is not None:
                self._show(entry, record.latest)
        entry.observed = self._observed(entry.pair, histograms)
        for family in (self._all, self._sums, self._buckets):
            if family in entry.observed:
                family.start(entry.index, entry.labels)
            else:
                family.clear(entry.index)

    def update(self, record: Record, result: Result) -> None:
        """Take a result that `record` has just taken."""
        entry = self._entries[record.pair.key]
        self._count(entry, record)
        if result.ok:
            self._observe(entry, result)
        if result.attempt == 0:
            self._show(entry, result)

    def remove(self, key: PairKey) -> None:
        """Forget a pair and all its series."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            for column in self._columns.values():
                column.clear(entry.index)
            self._free.append(entry.index)

    def pieces(self, store: Store, openmetrics: bool) -> Iterator[bytes]:
        """The page without the exporter's own families; each family is of one moment."""
        self._drop_stale()
        for column in list(self._columns.values()):
            header = column.headers[openmetrics]
            for body in filter(None, column.bodies()):
                yield header + body
                header = b""
        yield from verdicts.pieces(store, openmetrics)
        yield from signals.pieces(store, openmetrics)

    def _column(self, name: str, explained: str, kind: str) -> Column:
        column = self._columns[name] = Column(name, explained, kind, len(self._labels))
        return column

    def _counted(self, name: str, explained: str, kind: str, *lines: Line) -> Counted:
        column = self._columns[name] = Counted(name, explained, kind, self._labels, lines)
        return column

    def _gauge(self, name: str, explained: str) -> Column:
        return self._column(name, explained, "gauge")

    def _enter(self, pair: Pair) -> _Entry:
        if not self._free:
            for column in self._columns.values():
                column.grow()
            self._free.append(len(self._labels))
            self._labels.append("")
        endpoint, region = pair.endpoint, pair.region
        labels = text.labelled(
            service=endpoint.service, feature=endpoint.feature, endpoint=endpoint.name, region=region.name
        )
        places = self._places_of(pair)
        entry = self._entries[pair.key] = _Entry(pair, self._free.pop(), labels, places)
        self._labels[entry.index] = labels
        where = geohash(region.location) if region.location else ""
        about = text.labelled(
            kind=endpoint.kind, url=_public(endpoint.target), host=_host(endpoint.target), geohash=where
        )
        self._info.lines[entry.index] = text.encode(f"{self._info.head}{labels},{about}}} 1\n")
        self._set(self._last_run, entry, 0.0)
        return entry

    def _places_of(self, pair: Pair) -> dict[str, _Place]:
        """The families of a pair: its endpoint's kind's and its region's kind's.

        A kind with labels of the user's own knows its families only from the options.
        """
        endpoint, kind = pair.endpoint, kinds.module("probes", pair.endpoint.kind)
        families = tuple(kind.families(endpoint.options) if hasattr(kind, "families") else kind.FAMILIES)
        families += getattr(kinds.module("regions", pair.region.kind), "FAMILIES", ())
        if families not in self._places:
            self._places[families] = {f.name: _Place(self._column_of(f), f.labels) for f in families}
        return self._places[families]

    def _column_of(self, family: Family) -> Column:
        known = self._columns.get(family.name)
        if known is None:
            explained = family.help if _LATEST in family.help else f"{family.help} Of the {_LATEST}."
            return self._column(family.name, explained, family.kind)
        assert type(known) is Column, family.name
        return known

    def _observed(self, pair: Pair, histograms: Buckets) -> tuple[Histograms, ...]:
        """The families of a pair that take its durations; the whole attempt's first."""
        if not histograms:
            return ()
        phases = self._buckets if histograms == "phases" else self._sums
        return (self._all, phases) if pair.endpoint.kind == "http" else (self._all,)

    def _observe(self, entry: _Entry, result: Result) -> None:
        for family in entry.observed:
            family.observe(entry.index, (result.duration,) if family is self._all else self._parts(result))

    def _parts(self, result: Result) -> list[float]:
        # A phase that did not take place lasted 0 seconds, as in blackbox_exporter's gauge.
        return [result.phases.get(phase, 0.0) for phase in self._phases]

    def _count(self, entry: _Entry, record: Record) -> None:
        found = record.failures
        failures = tuple([found.get(reason, 0) for reason in Reason]) if found else _NO_FAILURES
        self._failures.set(entry.index, failures)
        counts = (record.attempts - sum(failures), record.attempts)
        self._attempts.set(entry.index, counts)
        self._summary.set(entry.index, counts)

    def _show(self, entry: _Entry, result: Result) -> None:
        entry.stale_at = result.started + STALE_AFTER_INTERVALS * entry.pair.endpoint.interval
        self._set(self._success, entry, result.ok)
        self._set(self._duration, entry, result.duration)
        self._set(self._last_run, entry, result.started)
        _show_samples(entry, result.samples)

    def _drop_stale(self) -> None:
        now = self._now()
        for entry in self._entries.values():
            if entry.stale_at < now:
                self._success.clear(entry.index)
                self._duration.clear(entry.index)
                _show_samples(entry, {})
                entry.stale_at = math.inf

    @staticmethod
    def _set(column: Column, entry: _Entry, value: float) -> None:
        column.lines[entry.index] = text.encode(f"{column.head}{entry.labels}}} {text.number(value)}\n")


def _show_samples(entry: _Entry, new: Mapping[SampleKey, float]) -> None:
    """Render what differs from what is shown: most samples of a healthy endpoint stay the same for days."""
    old, places, index = entry.samples, entry.places, entry.index
    entry.samples = new
    several: dict[str, list[tuple[str, ...]]] = {}
    for key, value in new.items():
        if isinstance(key, tuple):
            several.setdefault(key[0], []).append(key)
        elif old.get(key) != value:
            column = places[key].column
            column.lines[index] = text.encode(f"{column.head}{entry.labels}}} {text.number(value)}\n")
    gone = {key if isinstance(key, str) else key[0] for key in old.keys() - new.keys()}
    for name, keys in several.items():
        if name in gone or any(old.get(key) != new[key] for key in keys):
            column, labels = places[name]
            lines = [f"{column.head}{entry.labels}{_extra(labels, key)}}} {text.number(new[key])}\n" for key in keys]
            column.lines[index] = text.encode("".join(lines))
    for name in gone - several.keys() - new.keys():
        places[name].column.clear(index)


@lru_cache(maxsize=4096)
def _extra(names: tuple[str, ...], key: tuple[str, ...]) -> str:
    """A sample's own labels, behind those of its pair."""
    return "".join(f',{name}="{text.escape(value)}"' for name, value in zip(names, key[1:], strict=True))


def _public(target: str) -> str:
    """Without the name and password that a URL may carry."""
    return _CREDENTIALS.sub(r"\1", target)


def _host(target: str) -> str:
    """Of a URL, of `host:port`, of `[address]:port`, of a bare host or address."""
    rest = target.partition("://")[2] or target
    rest = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.partition(":")[0] if rest.count(":") == 1 else rest
