"""What the store has concluded (which regions see, the states, the verdicts), and what it was told of the services.

Every shard of a fleet exposes all services, also those whose pairs other shards probe: rules join them with states.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.metrics import text
from exporter.metrics.text import Lines
from exporter.model import Answer, Cause, Confidence, State
from exporter.state import Store


def pieces(store: Store, openmetrics: bool) -> Iterator[bytes]:
    """Gauges; of states and verdicts one series per possible value, 1 for the one that holds."""
    for name, explained, lines in (
        ("outage_region_seeing", "Whether a control answers in the region: 0 is blind, and casts no vote.", _seeing),
        ("outage_region_info", "A region, and what kind of place it is.", _regions),
        ("outage_state", "State of a feature in a region: 1 for the one that holds.", _states),
        ("outage_verdict", "Verdict of a service over all regions: 1 for the one that holds.", _verdicts),
        ("outage_cause", "Likely cause of what is wrong: 1 for the one that holds, none while up.", _causes),
        ("outage_confidence", "How sure the verdict is: 1 for the one that holds.", _confidences),
        (
            "outage_verdict_since_timestamp_seconds",
            "First evidence of what is wrong, unix seconds; else since when the verdict holds.",
            _since,
        ),
        ("outage_service_info", "What is asked about, and its title for people.", _services),
        ("outage_service_objective_ratio", "The share of probes that should be good over 30 days.", _objectives),
        ("outage_feature_info", "A feature of a service; the service is down when all core ones are.", _features),
        ("outage_alternative_info", "A service that people can use while another is down.", _alternatives),
    ):
        yield from text.family(name, explained, "gauge", lines(store), openmetrics)


def _seeing(store: Store) -> Lines:
    for region, sight in store.sights.items():
        yield text.labelled(region=region), sight.seeing


def _regions(store: Store) -> Lines:
    for region in store.config.regions:
        yield text.labelled(region=region.name, kind=region.kind), 1


def _states(store: Store) -> Lines:
    for service, verdict in store.verdicts.items():
        for (feature, region), found in verdict.states.items():
            for state in State:
                labels = text.labelled(service=service, feature=feature, region=region, state=state)
                yield labels, state is found


def _verdicts(store: Store) -> Lines:
    for service, verdict in store.verdicts.items():
        for answer in Answer:
            yield text.labelled(service=service, verdict=answer), answer is verdict.answer


def _causes(store: Store) -> Lines:
    for service, verdict in store.verdicts.items():
        for cause in Cause:
            yield (
                text.labelled(service=service, cause=cause),
                cause is verdict.cause and verdict.answer is not Answer.UP,
            )


def _confidences(store: Store) -> Lines:
    for service, verdict in store.verdicts.items():
        for confidence in Confidence:
            yield text.labelled(service=service, confidence=confidence), confidence is verdict.confidence


def _since(store: Store) -> Lines:
    for service, verdict in store.verdicts.items():
        yield text.labelled(service=service), store.since[service] if verdict.since is None else verdict.since


def _services(store: Store) -> Lines:
    for service in store.config.services:
        yield text.labelled(service=service.name, title=service.title), 1


def _objectives(store: Store) -> Lines:
    for service in store.config.services:
        yield text.labelled(service=service.name), service.objective


def _features(store: Store) -> Lines:
    for service in store.config.services:
        for feature in service.features:
            core = "true" if feature.core else "false"
            yield text.labelled(service=service.name, feature=feature.name, core=core), 1


def _alternatives(store: Store) -> Lines:
    for service in store.config.services:
        for name in service.alternatives:
            yield text.labelled(service=service.name, alternative=name), 1
