"""What `/probe` probes: the modules in use, single flight, a limit, and the newest results, which are kept.

1. Requests for the same (module, target, hostname) share one probe while it runs, if it has at least the time that they
   give, and ends no later than theirs would. Else they get one of their own, which those that come later may share. A
   result is never given out again.
2. A probe is given up when nobody waits for it any more.
3. More probes at once than `limit` are refused. To share one that runs costs a connection alone, of which `crowd` may
   wait: the others are for who asks for pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exporter.asking import Asking
from exporter.model import Module, Result
from exporter.web.probed import History, Probed


class TooManyError(Exception):
    """As many probes run as may run at once, or as many requests wait as may wait; its text says which."""


class EndingError(Exception):
    """The program ends, and nothing is known of what was probed."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What requests must have in common to share a probe."""

    module: str
    target: str
    hostname: str


@dataclass(slots=True, eq=False)
class _Flight:
    """A probe that runs, and those who wait for it; `deadline` is on the loop's clock."""

    wanted: _Wanted
    module: Module
    within: float
    deadline: float
    number: int = -1
    waiting: set[asyncio.Future[Probed]] = field(default_factory=set)


class Prober:
    """`file` is that of the modules, `offset` the seconds of a scrape's time that are left for the way.

    `running` probes are waited for by `waiting` requests.
    """

    def __init__(self, asking: Asking, file: Path, offset: float, limit: int, crowd: int, kept: int) -> None:
        self.file = file
        self.offset = offset
        self.limit = limit
        self.modules: Mapping[str, Module] = {}
        self.history = History(kept)
        self.waiting = 0
        self._crowd = crowd
        self._asking = asking
        self._under_way: set[_Flight] = set()
        self._flights: dict[_Wanted, _Flight] = {}

    @property
    def running(self) -> int:
        return len(self._under_way)

    def apply(self, modules: Mapping[str, Module]) -> None:
        """Probe by these from now on; what runs ends by those that it began with, and nobody new waits for it."""
        self.modules = modules
        self._flights = {}

    async def probe(self, module: Module, target: str, hostname: str, within: float) -> Probed:
        """What came of a probe that ends `within` seconds; TooManyError if it is one too many, or EndingError."""
        if self.waiting >= self._crowd:
            raise TooManyError(f"{self.waiting} requests wait for probes, and no more may wait at once")
        loop, wanted = asyncio.get_running_loop(), _Wanted(module.name, target, hostname)
        deadline = loop.time() + within
        flight = self._flights.get(wanted)
        if flight is None or flight.within < within or flight.deadline > deadline:
            flight = self._begin(_Flight(wanted, module, within, deadline))
        mine: asyncio.Future[Probed] = loop.create_future()
        flight.waiting.add(mine)
        self.waiting += 1
        try:
            return await mine
        finally:
            self.waiting -= 1
            if not mine.done() or mine.cancelled():
                self._leave(flight, mine)

    def end(self) -> None:
        """Leave all who wait without a result: that this program ends is no failure of what it probed."""
        for flight in self._under_way:
            for one in flight.waiting:
                if not one.done():
                    one.set_exception(EndingError())

    def _begin(self, flight: _Flight) -> _Flight:
        if self.running >= self.limit:
            raise TooManyError(f"{self.limit} probes run, and no more may run at once (--blackbox.concurrency)")
        self._under_way.add(flight)
        self._flights[flight.wanted] = flight
        wanted = flight.wanted
        end = partial(self._end, flight)
        flight.number = self._asking.ask(wanted.module, wanted.target, wanted.hostname, flight.within, end)
        return flight

    def _end(self, flight: _Flight, result: Result) -> None:
        self._forget(flight)
        wanted = flight.wanted
        probed = self.history.keep(flight.module, wanted.target, wanted.hostname, flight.within, result)
        for one in flight.waiting:
            if not one.done():
                one.set_result(probed)

    def _leave(self, flight: _Flight, mine: asyncio.Future[Probed]) -> None:
        """Who goes away takes the result from nobody; the last one gives the probe up."""
        flight.waiting.discard(mine)
        if not flight.waiting:
            self._forget(flight)
            self._asking.give_up(flight.number)

    def _forget(self, flight: _Flight) -> None:
        self._under_way.discard(flight)
        if self._flights.get(flight.wanted) is flight:
            del self._flights[flight.wanted]
