"""What `/probe` probes: the modules in use, single flight, a limit, and the newest results, which are kept.

1. Requests for the same (module, target, hostname) share one probe while it runs, unless its deadline is later than
   theirs: then they get one of their own, which those that come later may share. A result is never given out again.
2. A probe is given up when nobody waits for it any more.
3. More probes at once than `limit` are refused; to share one that runs costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.model import Module, Result
from exporter.web.probed import History, Probed

Ask = Callable[[str, str, str, float], "asyncio.Future[Result]"]
"""Has (module, target, hostname, timeout) probed; to cancel what is returned gives the probe up."""

_Key = tuple[str, str, str]


class TooManyError(Exception):
    """As many probes run as may run at once."""


@dataclass(slots=True, eq=False)
class _Flight:
    """A probe that runs and how many wait for it; `deadline` is on the loop's clock."""

    deadline: float
    result: asyncio.Future[Result]
    probed: asyncio.Future[Probed] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    waiting: int = 0


class Prober:
    """`file` is that of the modules, `offset` the seconds of a scrape's time that are left for the way.

    `running` probes are waited for by `waiting` requests.
    """

    def __init__(self, ask: Ask, file: Path, offset: float, limit: int, kept: int) -> None:
        self.file = file
        self.offset = offset
        self.limit = limit
        self.modules: Mapping[str, Module] = {}
        self.history = History(kept)
        self.running = 0
        self.waiting = 0
        self._ask = ask
        self._flights: dict[_Key, _Flight] = {}

    def apply(self, modules: Mapping[str, Module]) -> None:
        """Probe by these from now on; what runs ends by those that it began with, and nobody new waits for it."""
        self.modules = modules
        self._flights = {}

    async def probe(self, module: Module, target: str, hostname: str, within: float) -> Probed:
        """What came of a probe that ends `within` seconds; TooManyError when one more would be too many."""
        key = (module.name, target, hostname)
        flight = self._flights.get(key)
        if flight is None or flight.deadline > asyncio.get_running_loop().time() + within:
            flight = self._begin(key, module, within)
        flight.waiting += 1
        self.waiting += 1
        try:
            # Shielded, because who goes away must not take the result from the others.
            return await asyncio.shield(flight.probed)
        finally:
            self.waiting -= 1
            flight.waiting -= 1
            if not flight.waiting and not flight.result.done():
                self._forget(key, flight)
                flight.result.cancel()

    def _begin(self, key: _Key, module: Module, within: float) -> _Flight:
        if self.running >= self.limit:
            raise TooManyError
        self.running += 1
        flight = _Flight(asyncio.get_running_loop().time() + within, self._ask(*key, within))
        self._flights[key] = flight
        flight.result.add_done_callback(lambda result: self._end(key, module, within, flight))
        return flight

    def _end(self, key: _Key, module: Module, within: float, flight: _Flight) -> None:
        self.running -= 1
        self._forget(key, flight)
        if flight.result.cancelled():
            flight.probed.cancel()
        else:
            _, target, hostname = key
            flight.probed.set_result(self.history.keep(module, target, hostname, within, flight.result.result()))

    def _forget(self, key: _Key, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
