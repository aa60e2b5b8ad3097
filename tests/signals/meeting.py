"""A kind of signal, listened to as the program does: first all is in order, then its server goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.evidence import NOTHING, Evidence, gather
from exporter.fetch import Answer, Fetch, Socket
from exporter.listening import Listening
from exporter.model import Config, NetworkOptions, Signal
from exporter.readings import Fault, Heard, Reading
from tests.judging import ALL_SEE, EVERYWHERE, verdict
from tests.servers.origin import Origin, Reply
from tests.signals.case import Case
from tests.signals.faults import Mode, Scene

INTERVAL = 0.02
"""Seconds: the program allows none so short."""

PATIENCE, IMPATIENCE = 10.0, 0.4
"""Seconds of a deadline, where it must not and where it must be reached."""

WITHIN = 20.0
STALE = 3600.0
"""Seconds, after which nothing that was read in such intervals counts."""


@dataclass(slots=True)
class World:
    """What a test can move: the clock, deadlines, and what was kept."""

    first_bookmark: Callable[[float], str] = lambda now: ""
    ahead: float = 0.0
    deadline: float = PATIENCE
    kept: list[Reading] = field(default_factory=list)

    def now(self) -> float:
        return time.time() + self.ahead

    @asynccontextmanager
    async def listening(self, config: Config) -> AsyncIterator[Listening]:
        """To the signals of `config`, until the context ends."""
        listening = Listening(self._keep, self._bookmark, self.now, self._fetch)
        listening.apply(config)
        try:
            yield listening
        finally:
            await listening.close()

    def _keep(self, signal: Signal, reading: Reading) -> None:
        self.kept.append(reading)

    def _bookmark(self, name: str) -> str:
        return next(
            (reading.bookmark for reading in reversed(self.kept) if reading.bookmark), self.first_bookmark(time.time())
        )

    def _fetch(self, network: NetworkOptions, now: Callable[[], float]) -> Fetch:
        return _Hurried(self, network, now)


class _Hurried(Fetch):
    """The same with shorter deadlines and pauses than the kinds ask for."""

    def __init__(self, world: World, network: NetworkOptions, now: Callable[[], float]) -> None:
        super().__init__(network, now, backoff=0.01)
        self._world = world

    async def get(self, url: str, *, deadline: float = PATIENCE, **others: Any) -> Answer:
        return await super().get(url, deadline=min(deadline, self._world.deadline), **others)

    def socket(
        self, url: str, *, deadline: float = PATIENCE, silence: float = PATIENCE, **others: Any
    ) -> AbstractAsyncContextManager[Socket]:
        most = self._world.deadline
        return super().socket(url, deadline=min(deadline, most), silence=min(silence, most), **others)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a failure: what was said, and what it changed.

    `lured` is whether somebody connected to a server in the own network.
    """

    fault: Fault
    sentence: str
    reading_kept: bool
    evidence_ends: bool
    verdict_unchanged: bool
    lured: bool


async def meet(case: Case, mode: Mode) -> Outcome | None:
    """Read `case` in order, then in this mode of failure; None when it cannot happen to the kind."""
    world = World(case.bookmark)
    async with (
        Origin(lambda request: None) as origin,
        Origin(lambda request: Reply(), address="127.0.0.2") as inside,
    ):
        scene = Scene(case, world.now, inside.url)
        serve = mode.serve(scene)
        if serve is None:
            return None
        origin.answer = scene.trouble()
        config = configuration(case, origin)
        async with world.listening(config) as listening:
            await until(lambda: any(map(tells, world.kept)), listening)
            before = listening.heard[case.kind].errors
            origin.answer = serve
            origin.refuse() if mode.refuses else origin.cut()
            if case.streams:
                # That it was cut off is told first, and is not what is looked for.
                await until(lambda: _new_faults(listening, before), listening)
                before = listening.heard[case.kind].errors
            world.ahead += case.step
            world.deadline = IMPATIENCE if mode.waits else PATIENCE
            await until(lambda: _new_faults(listening, before), listening)
            [fault] = _new_faults(listening, before)
            return _outcome(config, listening, world, fault, inside.connections > 0)


def _new_faults(listening: Listening, before: dict[Fault, int]) -> list[Fault]:
    """Of what went wrong since then."""
    [heard] = listening.heard.values()
    return [fault for fault, count in heard.errors.items() if count > before.get(fault, 0)]


def _outcome(config: Config, listening: Listening, world: World, fault: Fault, lured: bool) -> Outcome:
    [heard] = listening.heard.values()
    verdicts = [verdict(EVERYWHERE, NOTHING, **ALL_SEE), _verdict(config, heard, world.now())]
    world.ahead += STALE
    [stale] = listening.heard.values()
    verdicts.append(_verdict(config, stale, world.now()))
    return Outcome(
        fault=fault,
        sentence=heard.failure,
        reading_kept=heard.reading == world.kept[-1],
        evidence_ends=_says_nothing(_evidence(config, stale, world.now())),
        verdict_unchanged=len({(each.answer, each.cause) for each in verdicts}) == 1,
        lured=lured,
    )


def configuration(case: Case, origin: Origin) -> Config:
    """The kind alone, with services that are the signal's own and run on what it watches."""
    services = tuple(replace(service, upstreams=(case.kind,)) for service in case.services)
    options = case.options(origin.stream_url if case.streams else origin.url)
    signal = Signal(case.kind, case.kind, options, INTERVAL, tuple(service.name for service in services))
    return Config(services, (), (), (), signals=(signal,))


def tells(reading: Reading) -> bool:
    """Whether it says more than that all is quiet."""
    counted = any(tally.count for tally in reading.tallies)
    return bool(counted or reading.levels or reading.notices or reading.restrictions)


async def until(is_so: Callable[[], object], listening: Listening) -> None:
    """Wait for what a task in the background is about to do; AssertionError tells what was heard instead."""
    ends = time.monotonic() + WITHIN
    while not is_so():
        assert time.monotonic() < ends, f"nothing came within {WITHIN:g} s: {listening.heard}"
        await asyncio.sleep(INTERVAL / 4)


def _evidence(config: Config, heard: Heard, now: float) -> Evidence:
    return gather(config, {heard.signal: heard}, (), now)[config.services[0].name]


def _verdict(config: Config, heard: Heard, now: float) -> Any:
    return verdict(EVERYWHERE, _evidence(config, heard, now), **ALL_SEE)


def _says_nothing(evidence: Evidence) -> bool:
    """Nothing but that it is silent."""
    return evidence.silent != () and replace(evidence, silent=()) == NOTHING
