"""What the store has concluded: which regions see, the states, the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter.metrics import text
from exporter.model import Answer, State
from exporter.state import Store


def pieces(store: Store, openmetrics: bool) -> Iterator[bytes]:
    """Three families; of states and verdicts one series per possible value, 1 for the one that holds."""
    for name, explained, lines in (
        ("outage_region_seeing", "Whether a control answers in the region: 0 is blind, and casts no vote.", _seeing),
        ("outage_state", "State of a feature in a region: 1 for the one that holds.", _states),
        ("outage_verdict", "Verdict of a service over all regions: 1 for the one that holds.", _verdicts),
    ):
        body = "".join(f"{name}{{{labels}}} {text.number(holds)}\n" for labels, holds in lines(store))
        if body:
            yield text.header(name, explained, "gauge", openmetrics) + text.encode(body)


def _seeing(store: Store) -> Iterable[tuple[str, bool]]:
    for region, sight in store.sights.items():
        yield text.labelled(region=region), sight.seeing


def _states(store: Store) -> Iterable[tuple[str, bool]]:
    for service, verdict in store.verdicts.items():
        for (feature, region), found in verdict.states.items():
            for state in State:
                labels = text.labelled(service=service, feature=feature, region=region, state=state)
                yield labels, state is found


def _verdicts(store: Store) -> Iterable[tuple[str, bool]]:
    for service, verdict in store.verdicts.items():
        for answer in Answer:
            yield text.labelled(service=service, verdict=answer), answer is verdict.answer
