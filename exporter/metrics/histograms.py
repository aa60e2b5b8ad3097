"""Histograms and the summary of a pair, with the names and meaning of Grafana's Synthetic Monitoring.

They are 84 lines for an http pair, so they are rendered when a scrape asks and something has come
since, from one template. Durations are those of successes only, of every attempt.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from exporter.model import Result

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: Prometheus' default buckets."""

HTTP_PHASES = ("resolve", "connect", "tls", "processing", "transfer")
ALL, HTTP_ALL, SUCCESS = "probe_all_duration_seconds", "probe_http_all_duration_seconds", "probe_all_success"
_LE = (*map(repr, BOUNDS), "+Inf")


class _Histogram:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.buckets[bisect_left(BOUNDS, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str) -> str:
        counts = list(accumulate(self.buckets))
        said = [f'{name}_bucket{{{labels},le="{le}"}} {count}' for le, count in zip(_LE, counts, strict=True)]
        return "\n".join(
            [*said, f"{name}_sum{{{labels}}} {self.total!r}", f"{name}_count{{{labels}}} {counts[-1]}", ""]
        )


class Histograms:
    """Those of one pair; `labels` is its escaped label text."""

    __slots__ = ("_attempts", "_duration", "_labels", "_phases", "_rendered", "_successes")

    def __init__(self, labels: str, http: bool) -> None:
        self._labels = labels
        self._duration = _Histogram()
        self._phases = {phase: _Histogram() for phase in HTTP_PHASES} if http else {}
        self._attempts = self._successes = 0
        self._rendered: dict[str, bytes] | None = None

    def observe(self, result: Result) -> None:
        """One more attempt."""
        self._rendered = None
        self._attempts += 1
        if not result.ok:
            return
        self._successes += 1
        self._duration.observe(result.duration)
        for phase, histogram in self._phases.items():
            histogram.observe(result.phases.get(phase, 0.0))

    def render(self) -> dict[str, bytes]:
        """The lines by family; kept until the next attempt."""
        if self._rendered is None:
            self._rendered = {
                ALL: self._duration.lines(ALL, self._labels).encode(),
                SUCCESS: (
                    f"{SUCCESS}_sum{{{self._labels}}} {float(self._successes)!r}\n"
                    f"{SUCCESS}_count{{{self._labels}}} {self._attempts}\n"
                ).encode(),
            }
            if self._phases:
                said = (h.lines(HTTP_ALL, f'{self._labels},phase="{phase}"') for phase, h in self._phases.items())
                self._rendered[HTTP_ALL] = "".join(said).encode()
        return self._rendered
