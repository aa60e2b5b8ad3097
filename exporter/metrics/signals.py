"""What the other evidence says, from the store, and whether it speaks at all.

Labels are bounded by the configuration: services, features, signals, upstreams and regions are those that it names,
whatever a reading says. A signal that is not fresh says nothing: its series are absent, but for those that tell so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from exporter import kinds
from exporter.evidence import NOTHING, Evidence
from exporter.metrics import text
from exporter.metrics.text import Lines
from exporter.model import Service, Signal
from exporter.readings import REPORTED, Crowd, Fault, Heard
from exporter.state import Store


def pieces(store: Store, openmetrics: bool) -> Iterator[bytes]:
    """Families of which nothing is known are left out."""
    for name, explained, lines in _GAUGES:
        yield from text.family(name, explained, "gauge", lines(store), openmetrics)
    yield from text.family(
        "outage_signal_errors_total",
        "Reads of a signal that failed, by reason.",
        "counter",
        _errors(store),
        openmetrics,
    )


def _by_feature(wanted: Callable[[Crowd], bool], value: Callable[[Crowd], float]) -> Callable[[Store], Lines]:
    def lines(store: Store) -> Lines:
        return _loudest(
            (text.labelled(signal=crowd.signal, service=crowd.service, feature=crowd.feature), value(crowd))
            for crowd in _crowds(store)
            if wanted(crowd)
        )

    return lines


def _by_service(wanted: Callable[[Crowd], bool], value: Callable[[Crowd], float | None]) -> Callable[[Store], Lines]:
    def lines(store: Store) -> Lines:
        return _loudest(
            (text.labelled(signal=crowd.signal, service=crowd.service), found)
            for crowd in _crowds(store)
            if wanted(crowd) and (found := value(crowd)) is not None
        )

    return lines


def _crowds(store: Store) -> Iterator[Crowd]:
    """Those that are fresh, of a feature that there is or of a whole service."""
    for service, evidence in _evidence(store):
        features = {"", *(feature.name for feature in service.features)}
        yield from (crowd for crowd in evidence.crowds if crowd.feature in features)


def _loudest(lines: Lines) -> Lines:
    """One value for each series."""
    found: dict[str, float] = {}
    for labels, value in lines:
        found[labels] = max(value, found.get(labels, value))
    return found.items()


def _is_report(crowd: Crowd) -> bool:
    return crowd.kind in REPORTED


def _is_chatter(crowd: Crowd) -> bool:
    return crowd.alone and crowd.kind not in REPORTED


def _ratio(crowd: Crowd) -> float | None:
    return crowd.count / crowd.out_of if crowd.out_of else None


def _evidence(store: Store) -> Iterator[tuple[Service, Evidence]]:
    for service in store.config.services:
        yield service, store.evidence.get(service.name, NOTHING)


def _statements(store: Store) -> Lines:
    """1 while one is open, 0 while its page is read and has none."""
    for service, evidence in _evidence(store):
        stated = {statement.signal for statement in evidence.statements}
        for signal, _ in _heard(store, fresh=True):
            if service.name in signal.services and (signal.name in stated or _has_notices(signal)):
                labels = text.labelled(source=signal.name, scope=service.name, state="open")
                yield labels, signal.name in stated


def _has_notices(signal: Signal) -> bool:
    return bool(getattr(kinds.module("signals", signal.kind), "NOTICES", False))


def _upstreams(store: Store) -> Lines:
    """One of each upstream that a service names, as long as its page is read."""
    fresh = {signal.name for signal, _ in _heard(store, fresh=True)}
    for service, evidence in _evidence(store):
        places = {(found.signal, found.location) for found in evidence.upstreams if found.exact}
        for upstream in service.upstreams:
            provider, _, location = upstream.partition(":")
            if provider in fresh:
                labels = text.labelled(provider=provider, location=location, service=service.name)
                yield labels, (provider, location) in places


def _blocked(store: Store) -> Lines:
    found = {
        text.labelled(service=service.name, region=region, source=blockage.source): 1.0
        for service, evidence in _evidence(store)
        for blockage in evidence.restrictions
        for region in blockage.regions
    }
    return found.items()


def _fresh(store: Store) -> Lines:
    return ((text.labelled(signal=signal.name), known.fresh) for signal, known in _heard(store))


def _succeeded(store: Store) -> Lines:
    return ((text.labelled(signal=signal.name), known.succeeded_at) for signal, known in _heard(store))


def _lags(store: Store) -> Lines:
    for signal, known in _heard(store):
        if known.reading is not None:
            yield text.labelled(signal=signal.name), max(0.0, known.succeeded_at - known.reading.at)


def _errors(store: Store) -> Lines:
    for signal, known in _heard(store):
        for fault in Fault:
            yield text.labelled(signal=signal.name, reason=fault), known.errors.get(fault, 0)


def _heard(store: Store, fresh: bool = False) -> Iterable[tuple[Signal, Heard]]:
    """The configured signals that are listened to, or only those of them that are fresh."""
    for signal in store.config.signals:
        known = store.heard.get(signal.name)
        if known is not None and (known.fresh or not fresh):
            yield signal, known


_GAUGES: tuple[tuple[str, str, Callable[[Store], Lines]], ...] = (
    (
        "outage_reports",
        "People's reports in the last full quarter of an hour, or in the one under way when that is unusual already.",
        _by_feature(_is_report, lambda crowd: crowd.count),
    ),
    ("outage_reports_baseline", "The usual number of reports.", _by_feature(_is_report, lambda crowd: crowd.usual)),
    (
        "outage_reports_score",
        "How unusual the reports are (Anscombe), in standard deviations.",
        _by_feature(_is_report, lambda crowd: crowd.score),
    ),
    (
        "outage_chatter_ratio",
        "The share of posts that complain, of those seen in the quarter of an hour.",
        _by_service(_is_chatter, _ratio),
    ),
    (
        "outage_chatter_score",
        "How unusual the complaints are (Anscombe), in standard deviations.",
        _by_service(_is_chatter, lambda crowd: crowd.score),
    ),
    (
        "outage_corroboration_score",
        "How unusual is what proves nothing alone (app reviews), in standard deviations (Anscombe).",
        _by_service(lambda crowd: not crowd.alone, lambda crowd: crowd.score),
    ),
    (
        "outage_crowd_spiking",
        "Whether people are as loud as in an outage, by the spike rule.",
        _by_feature(lambda crowd: crowd.alone, lambda crowd: crowd.spiking),
    ),
    ("outage_statement", "Whether an official page that is about the service has a notice open.", _statements),
    ("outage_upstream_incident", "Whether what the service runs on has an incident open in that place.", _upstreams),
    ("outage_blocked", "The service is said to be blocked in the region's country, or the country cut off.", _blocked),
    ("outage_signal_fresh", "Whether what the signal said may still count.", _fresh),
    (
        "outage_signal_last_success_timestamp_seconds",
        "When the signal was last read, unix seconds; 0 before the first time.",
        _succeeded,
    ),
    ("outage_signal_lag_seconds", "How old the signal's newest reading was when it came.", _lags),
)
