"""From readings to what they say of each service: pure, no I/O, no clock.

| a fresh signal has | it is, of a service |
|---|---|
| a crowd | what people report of it, or of one of its features |
| an open notice, and the service is one of its `services` | a statement of its officials |
| an open notice, and `upstreams` name the signal, or it with a location of the notice | an incident upstream in place |
| an open notice without locations, and `upstreams` name one of the signal | an incident somewhere upstream |
| a restriction of the service, or of any | a country in which it is blocked, or which is cut off |

A signal that is not fresh says nothing, which is not that all is well: it is named in `silent`.
`expected_blocked` of the configuration is a restriction that always holds; its source is `EXPECTED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.languages import text
from exporter.model import Config, Service, Signal
from exporter.readings import BUCKET, PUSHED, Crowd, Heard, Notice, Restriction

EXPECTED = "expected"
"""The source of a restriction that the configuration expects."""

EARLIER = 24 * 3600.0
"""Seconds before the first evidence in which a notice may have been opened to have to do with it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """An open notice of those who run the service; `signal` is the name of the page."""

    signal: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Upstream:
    """An open notice of what the service runs on.

    `location` is the one that `upstreams` names, empty for the whole provider. `exact`: the notice is of that place;
    else it names none, and is only somewhere in it.
    """

    signal: str
    location: str
    notice: Notice
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Blockage:
    """A country in which `source` says that the service is blocked, or that it is cut off.

    `source` is a signal's name, or EXPECTED; `regions` are those of ours in that country.
    """

    source: str
    country: str
    regions: tuple[str, ...]
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that fresh signals say of a service; `silent` has a sentence for each that does not speak.

    `crowds` has the calm ones as well: that people are listened to, and say nothing, is worth something. `countries`
    are those of our regions, where they are known; `titles` what people call the signals, by their names.
    """

    crowds: tuple[Crowd, ...] = ()
    statements: tuple[Statement, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    restrictions: tuple[Blockage, ...] = ()
    silent: tuple[str, ...] = ()
    countries: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def title(self, signal: str) -> str:
        """What people call a signal; its name when nothing better is known."""
        return self.titles.get(signal, signal)


NOTHING = Evidence()
"""No signal is configured, or none was heard."""


def begun_by(notice: Notice, since: float | None) -> bool:
    """Whether a notice is of these days: opened no earlier than a day before `since`, or it does not say when."""
    return notice.opened_at is None or since is None or notice.opened_at >= since - EARLIER


def gather(config: Config, heard: Mapping[str, Heard], crowds: Sequence[Crowd], now: float) -> dict[str, Evidence]:
    """What the signals say of each service, by its name; a signal that `heard` does not have was never listened to."""
    countries = {region.name: region.country for region in config.regions if region.country}
    titles = {signal.name: signal.title for signal in config.signals if signal.title}
    fresh = [(signal, known) for signal in config.signals if (known := heard.get(signal.name)) and known.fresh]
    loud = [crowd for crowd in crowds if _counts(crowd, config, heard, now)]
    return {
        service.name: Evidence(
            crowds=tuple(crowd for crowd in loud if crowd.service == service.name),
            statements=tuple(_statements(service, fresh)),
            upstreams=tuple(_upstreams(service, fresh)),
            restrictions=tuple(_restrictions(service, fresh, countries)),
            silent=tuple(_silent(service, config.services, config.signals, heard)),
            countries=countries,
            titles=titles,
        )
        for service in config.services
    }


_Fresh = Sequence[tuple[Signal, Heard]]


def _counts(crowd: Crowd, config: Config, heard: Mapping[str, Heard], now: float) -> bool:
    """Whether its signal is configured and fresh, and its bucket one of the newest that can be known."""
    signal = next((signal for signal in config.signals if signal.name == crowd.signal), None)
    if signal is None or now - crowd.at > 2 * BUCKET + signal.interval:
        return False
    known = heard.get(signal.name)
    return known.fresh if known else signal.kind == PUSHED


def _statements(service: Service, fresh: _Fresh) -> Iterator[Statement]:
    for signal, known in fresh:
        if service.name in signal.services and known.reading:
            yield from (Statement(signal.name, notice) for notice in known.reading.notices)


def _upstreams(service: Service, fresh: _Fresh) -> Iterator[Upstream]:
    readings = {signal.name: known.reading for signal, known in fresh if known.reading}
    for upstream in service.upstreams:
        name, _, location = upstream.partition(":")
        reading = readings.get(name)
        for notice in reading.notices if reading else ():
            there = not location or location.casefold() in map(str.casefold, notice.locations)
            if there or not notice.locations:
                yield Upstream(name, location, notice, exact=there)


def _restrictions(service: Service, fresh: _Fresh, countries: Mapping[str, str]) -> Iterator[Blockage]:
    def ours(country: str) -> tuple[str, ...]:
        return tuple(region for region, where in countries.items() if where == country)

    for country in service.expected_blocked:
        yield Blockage(EXPECTED, country, ours(country), "blocked", "the configuration expects it")
    for signal, known in fresh:
        for found in known.reading.restrictions if known.reading else ():
            if _is_about(service, signal, found):
                yield Blockage(signal.name, found.country, ours(found.country), found.kind, found.because)


def _is_about(service: Service, signal: Signal, found: Restriction) -> bool:
    """A restriction that names no service is of those that its signal is about, or of all."""
    if found.service:
        return found.service == service.name
    return found.kind == "cut off" or not signal.services or service.name in signal.services


def _silent(
    service: Service, every: Sequence[Service], signals: Sequence[Signal], heard: Mapping[str, Heard]
) -> Iterator[str]:
    for signal in signals:
        known = heard.get(signal.name)
        if known is None or known.fresh or not _concerns(signal, service, every):
            continue
        why, title = f": {known.failure}" if known.failure else "", signal.title or signal.name
        if known.succeeded_at:
            yield text("silent.since", signal=title, moment=moment(known.succeeded_at), why=why)
        else:
            yield text("silent.never", signal=title, why=why)


def _concerns(signal: Signal, service: Service, every: Sequence[Service]) -> bool:
    """A signal is about the services that it names, or whose upstream it is; about all when that is none."""
    mine = {one.name for one in every if signal.name in (up.partition(":")[0] for up in one.upstreams)}
    about = mine | set(signal.services)
    return service.name in about or not about


def moment(at: float) -> str:
    """`2026-03-03 13:24 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
