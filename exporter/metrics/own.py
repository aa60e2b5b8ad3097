"""The exporter about itself: process, build, configuration, schedule, workers."""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from exporter import __version__
from exporter.metrics import text

SKIPPED = ("overlap", "late", "capacity")
"""Why a run is skipped: the one before is not done, its time has passed, the worker is full."""

_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, float("inf"))


class Own:
    """What the main process says of itself and its workers; `mistakes` are of the newest configuration, if refused."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._lag = _Lag()
        registry.register(self._lag)
        build = Gauge("outage_exporter_build_info", "What runs.", ("version", "python"), registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._applied = _gauge(registry, "config_last_reload_successful", "Whether the newest configuration is in use.")
        self._applied_at = _gauge(
            registry, "config_last_reload_success_timestamp_seconds", "When a configuration was last applied."
        )
        self._in_flight = _gauge(registry, "probes_in_flight", "Probes under way, as of the workers' last word.")
        self._workers = _gauge(registry, "workers", "Worker processes.")
        self._restarts = Counter(
            "outage_exporter_worker_restarts", "Workers that ended and were replaced.", registry=registry
        )
        self._restarts_known = 0
        self.mistakes: tuple[str, ...] = ()
        self._skipped = Counter(
            "outage_exporter_runs_skipped", "Scheduled runs that did not take place.", ("reason",), registry=registry
        )
        for reason in SKIPPED:
            self._skipped.labels(reason)

    def configuration_applied(self, at: float) -> None:
        """A configuration is in use since `at`, unix seconds."""
        self.mistakes = ()
        self._applied.set(1)
        self._applied_at.set(at)

    def configuration_refused(self, mistakes: Sequence[str]) -> None:
        """The newest configuration has these; the one before stays."""
        self.mistakes = tuple(mistakes)
        self._applied.set(0)

    def observe_lag(self, seconds: float) -> None:
        """How late a scheduled run began."""
        self._lag.observe(seconds)

    def observe_batch(self, skipped: Mapping[str, int]) -> None:
        """Runs that a worker has skipped since its last word, by reason."""
        for reason, count in skipped.items():
            self._skipped.labels(reason).inc(count)

    def workers(self, count: int, restarts: int, in_flight: int) -> None:
        """How many there are, how many were replaced since the start, and what they have under way."""
        self._workers.set(count)
        self._restarts.inc(restarts - self._restarts_known)
        self._restarts_known = restarts
        self._in_flight.set(in_flight)

    def samples(self) -> dict[str, float]:
        """The same numbers for a page that shows them: those without labels by name, others as `name{label}`."""
        found = (sample for family in self._registry.collect() for sample in family.samples)
        return {_named(sample): sample.value for sample in found}

    def lag(self, ratio: float) -> float | None:
        """Seconds within which this share of the scheduled runs began, as the bound of a bucket; None before any."""
        return self._lag.bound(ratio)

    def render(self, openmetrics: bool) -> bytes:
        """These families as text; in OpenMetrics they are the last, with `# EOF` behind them."""
        if openmetrics:
            page: bytes = generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]
            return page
        return generate_latest(self._registry)


def _named(sample: Sample) -> str:
    values = ",".join(sample.labels.values())
    return f"{sample.name}{{{values}}}" if values else str(sample.name)


def _gauge(registry: CollectorRegistry, name: str, explained: str) -> Gauge:
    return Gauge(f"outage_exporter_{name}", explained, registry=registry)


class _Lag(Collector):
    # One observation a probe: prometheus_client's own Histogram costs ten times this.
    def __init__(self) -> None:
        self._counts = [0] * len(_LAG_BUCKETS)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_LAG_BUCKETS, seconds)] += 1
        self._sum += seconds

    def bound(self, ratio: float) -> float | None:
        cumulative = list(accumulate(self._counts))
        return _LAG_BUCKETS[bisect_left(cumulative, ratio * cumulative[-1])] if cumulative[-1] else None

    def collect(self) -> Iterator[Metric]:
        buckets = [(text.bound(le), n) for le, n in zip(_LAG_BUCKETS, accumulate(self._counts), strict=True)]
        yield HistogramMetricFamily(
            "outage_exporter_schedule_lag_seconds",
            "How late scheduled runs began.",
            buckets=buckets,
            sum_value=self._sum,
        )
