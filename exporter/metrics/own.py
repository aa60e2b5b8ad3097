"""The exporter's metrics about itself, and the process's: small, so `prometheus_client` keeps them."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    exposition,
)
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from exporter import __version__

_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SKIP_REASONS = ("overlap", "late", "capacity")


class Own:
    """`outage_exporter_*` and `process_*`."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        build = self._gauge("build_info", "Version of the exporter and of Python; always 1.", "version", "python")
        build.labels(__version__, platform.python_version()).set(1)
        self._reload = self._gauge("config_last_reload_successful", "Whether the last configuration was applied.")
        self._reloaded = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When a configuration was applied last, unix seconds."
        )
        self._workers = self._gauge("workers", "Worker processes.")
        self._in_flight = self._gauge("probes_in_flight", "Probes under way in all workers.")
        self._restarts = self._counter("worker_restarts", "Workers that ended and were started again.")
        self._skipped = self._counter("runs_skipped", "Scheduled runs that were skipped.", "reason")
        self._lag = Histogram(
            "outage_exporter_schedule_lag_seconds",
            "How late scheduled runs started.",
            buckets=_LAG_BUCKETS,
            registry=self._registry,
        )
        for reason in _SKIP_REASONS:
            self._skipped.labels(reason)
        self._known_restarts = 0

    def configuration_applied(self, now: float) -> None:
        """A configuration was applied at `now`, unix seconds."""
        self._reload.set(1)
        self._reloaded.set(now)

    def configuration_refused(self) -> None:
        """A reload had mistakes and changed nothing."""
        self._reload.set(0)

    def observe_lag(self, seconds: float) -> None:
        """A scheduled run started so late."""
        self._lag.observe(seconds)

    def observe_skipped(self, skipped: Mapping[str, int]) -> None:
        """Runs that a worker skipped since it last said so, by reason."""
        for reason, count in skipped.items():
            self._skipped.labels(reason).inc(count)

    def observe_workers(self, count: int, restarts: int, in_flight: int) -> None:
        """The crew now; `restarts` is their number since the start."""
        self._workers.set(count)
        self._in_flight.set(in_flight)
        self._restarts.inc(restarts - self._known_restarts)
        self._known_restarts = restarts

    def render(self, openmetrics: bool) -> bytes:
        """The exposition of these metrics, without OpenMetrics' end mark."""
        if openmetrics:
            page: bytes = openmetrics_exposition.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return page.removesuffix(b"# EOF\n")
        return exposition.generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(f"outage_exporter_{name}", documentation, labels, registry=self._registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"outage_exporter_{name}", documentation, labels, registry=self._registry)
