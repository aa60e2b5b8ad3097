"""A year in which nothing happens to TikTok, and plenty around it: nobody may be paged for any of it.

Twelve months of events in a seeded order, each a scenario of its own. The calm between events is left out but for four
minutes, in which everything is up again: that is asserted, so nothing changes in what is left out. For that, every
endpoint runs once a minute: the longer intervals that ship would only make everything slower. People report as on any
day, four times in a quarter of an hour, and official pages are read and have nothing to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from exporter import replay
from exporter.model import CONTROLS, Answer, Config, Reason, State
from exporter.simulation import Effect, Simulation, chance, fleet
from tests.replays.measure import Measured, Scraping
from tests.replays.past import shipped
from tests.replays.promtool import STEP

MONTHS = 12
BEGIN = 1_767_225_600.0  # 2026-01-01
SETTLING, BEFORE = 900.0, 120.0
CALM = 240.0
"""Seconds between events: three intervals and more, so that all is well again."""

INTERVAL = 60.0
"""Seconds."""

DEGRADED_ABOVE = 2.0
"""Seconds: the shipped configuration calls nothing slow, but users may, and nights are."""

_FEATURES = ("feed", "video", "login", "upload", "live", "api", "ads")
_ALL = (*_FEATURES, CONTROLS)
_COUNTED = (Reason.RESOLVE, Reason.CONNECT, Reason.TLS, Reason.TIMEOUT, Reason.STATUS, Reason.BODY, Reason.PROTOCOL)

Draw = Callable[[str], float]
Make = Callable[[float, float, Draw], Effect]


def _one_of(names: tuple[str, ...], drawn: float) -> tuple[str, ...]:
    return (names[int(drawn * len(names))],)


def _reason(drawn: float) -> Reason:
    return _COUNTED[int(drawn * len(_COUNTED))]


def _blip(start: float, end: float, draw: Draw) -> Effect:
    regions = _one_of(replay.REGIONS, draw("region"))
    return Effect(start, end, _reason(draw("reason")), _one_of(_FEATURES, draw("feature")), regions)


def _loss(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, Reason.TIMEOUT, _FEATURES, share=0.02)


def _slow(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, None, _FEATURES, replay.REGIONS[: 1 + int(draw("regions") * len(replay.REGIONS))])


def _region(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, _reason(draw("reason")), _FEATURES, _one_of(replay.REGIONS, draw("region")))


def _blind(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, Reason.TIMEOUT, _ALL, _one_of(replay.REGIONS, draw("region")))


def _cut(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, (Reason.RESOLVE, Reason.CONNECT, Reason.TIMEOUT)[int(draw("reason") * 3)])


def _wall(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, Reason.BLOCKED, _FEATURES, replay.REGIONS[: 1 + int(draw("regions") * 5)])


def _proxy(start: float, end: float, draw: Draw) -> Effect:
    return Effect(start, end, Reason.VANTAGE, _ALL, _one_of(replay.REGIONS, draw("region")))


@dataclass(frozen=True, slots=True)
class Kind:
    """Of events: how many a year, and how long, in minutes."""

    name: str
    make: Make
    count: int
    shortest: float
    longest: float


KINDS = (
    Kind("a feature blips in a region", _blip, 12, 0.3, 1.5),
    Kind("the line blips", _cut, 3, 0.2, 1.2),
    Kind("one attempt in fifty is lost everywhere", _loss, 3, 8, 12),
    Kind("a slow night", _slow, 6, 11, 15),
    Kind("a region fails", _region, 6, 6, 12),
    Kind("a region fails for hours", _region, 1, 90, 90),
    Kind("a region is cut off", _blind, 4, 6, 14),
    Kind("the own line is cut", _cut, 4, 5, 10),
    Kind("the own line is cut for an hour", _cut, 1, 60, 60),
    Kind("a bot wall", _wall, 3, 6, 36),
    Kind("a proxy fails", _proxy, 3, 6, 10),
)
CUTS = ("the own line is cut", "the own line is cut for an hour")


@dataclass(frozen=True, slots=True)
class Event:
    """One of the year; `start` and `end` are unix seconds."""

    kind: Kind
    effect: Effect


def months() -> list[list[Kind]]:
    """The year's events by month, in their order."""
    kinds = [(chance(kind.name, number), kind) for kind in KINDS for number in range(kind.count)]
    shuffled = [kind for _, kind in sorted(kinds, key=lambda pair: pair[0])]
    return [shuffled[month::MONTHS] for month in range(MONTHS)]


def events(month: int) -> Iterator[Event]:
    """A month's, one after the other."""
    start = BEGIN + SETTLING + BEFORE
    for number, kind in enumerate(months()[month]):

        def draw(what: str, number: int = number) -> float:
            return chance(month, number, what)

        lasts = 60.0 * (kind.shortest + (kind.longest - kind.shortest) * draw("lasts"))
        yield Event(kind, kind.make(start, start + lasts, draw))
        start += lasts + CALM


def configured() -> Config:
    """TikTok from five regions, slowness told."""
    loaded = replay.listening(fleet(shipped(), replay.REGIONS))
    slow = {
        pair.endpoint: replace(pair.endpoint, interval=INTERVAL, degraded_above=DEGRADED_ABOVE) for pair in loaded.pairs
    }
    services = tuple(
        replace(
            service,
            features=tuple(
                replace(feature, endpoints=tuple(slow[endpoint] for endpoint in feature.endpoints))
                for feature in service.features
            ),
        )
        for service in loaded.services
    )
    pairs = tuple(replace(pair, endpoint=slow[pair.endpoint]) for pair in loaded.pairs)
    return replace(loaded, services=services, pairs=pairs, histograms=False)


@dataclass(frozen=True, slots=True)
class Month:
    """What came of one; months are counted from 0."""

    number: int
    kinds: tuple[str, ...]
    measured: Measured
    answers: frozenset[Answer]


def measured(month: int) -> Month:
    """One month through everything."""
    happening = list(events(month))
    config = configured()
    listen = replay.listen(config, None, BEGIN, happening[-1].effect.end + CALM, STEP)
    simulation = Simulation(config, [event.effect for event in happening], BEGIN, listen)
    simulation.advance(BEGIN + SETTLING)
    assert simulation.steady
    scraping = Scraping(simulation)
    for event in happening:
        scraping.until(event.effect.end + CALM - STEP)
        _assert_calm(simulation, event)
    answers = {change.after for at, change in simulation.changes if not change.feature and at > BEGIN + SETTLING}
    found = frozenset(answer for answer in answers if isinstance(answer, Answer))
    return Month(month, tuple(event.kind.name for event in happening), scraping.measure(), found)


def _assert_calm(simulation: Simulation, event: Event) -> None:
    """Everything is as it was before the event, so the calm that follows can be left out."""
    for verdict in simulation.store.verdicts.values():
        wrong = {where: state for where, state in verdict.states.items() if state is not State.UP}
        assert not wrong, f"{event.kind.name} has not passed: {wrong}"
        assert verdict.answer is Answer.UP
