"""What the history of each service comes to: availability, recovery, and how often it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from exporter.history import Statistics
from exporter.metrics import text
from exporter.metrics.text import Lines

Told = Mapping[str, Statistics]
"""By service."""


def pieces(told: Told, openmetrics: bool) -> Iterator[bytes]:
    """What is not known yet is absent."""
    for name, explained, lines in (
        ("outage_availability_ratio", "The share of known time in which the service was not down.", _availability),
        ("outage_availability_observed_ratio", "The share of the window in which that is known.", _observed),
        (
            "outage_mean_time_to_recovery_seconds",
            "Of failures whose end was seen.",
            _means(lambda found: found.mean_time_to_recovery),
        ),
        (
            "outage_mean_time_between_failures_seconds",
            "From the end of one failure to the start of the next.",
            _means(lambda found: found.mean_time_between_failures),
        ),
    ):
        yield from text.family(name, explained, "gauge", lines(told), openmetrics)
    yield from text.family(
        "outage_incidents_total",
        "Incidents since there is a history, degraded ones too.",
        "counter",
        _incidents(told),
        openmetrics,
    )


def _availability(told: Told) -> Lines:
    for service, found in told.items():
        for days, shares in found.windows.items():
            if shares.available is not None:
                yield text.labelled(service=service, window=f"{days}d"), shares.available


def _observed(told: Told) -> Lines:
    for service, found in told.items():
        for days, shares in found.windows.items():
            yield text.labelled(service=service, window=f"{days}d"), shares.observed / shares.window


def _means(of: Callable[[Statistics], float | None]) -> Callable[[Told], Lines]:
    def lines(told: Told) -> Lines:
        for service, found in told.items():
            mean = of(found)
            if mean is not None:
                yield text.labelled(service=service), mean

    return lines


def _incidents(told: Told) -> Lines:
    return ((text.labelled(service=service), found.incidents) for service, found in told.items())
