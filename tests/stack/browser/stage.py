"""The application on a port of its own, over a verdict that a test says; it can stop and come again.

    async with Stage(folder) as stage:
        stage.say("down")
        await stage.stop()
        await stage.start()

Reports are taken. `checks` and `controls` are what a visitor's own browser looks at.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from exporter import kinds, web
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Reason, Signal
from exporter.readings import BUCKET
from exporter.signals.reports import Intake
from tests.configurations import NOW, Running, config, failed, ok
from tests.servers.ports import free_port


class Stage:
    """`now` is the clock of what people report; `url` is where it serves, `port` on any name of this machine."""

    def __init__(self, folder: Path) -> None:
        self.now = float(int(time.time() // BUCKET) * BUCKET)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.history = History(folder)
        self.crowds = Crowds(self.history.buckets, lambda: self.now)
        self.intake = Intake(self.crowds.add, lambda: self.now)
        self.running = Running(config("home", "page"))
        self.site = web.Site(
            self.running.store,
            self.running.page,
            Own(),
            self.history,
            _no_reload,
            lambda: True,
            self.crowds,
            self.intake,
        )
        self.apply()

    def apply(self, checks: tuple[str, ...] = (), controls: tuple[str, ...] = (), visitor_limit: int = 60) -> None:
        """Another configuration, of which nothing has been probed yet."""
        options = kinds.module("signals", "reports").Options(visitor_limit=visitor_limit)
        loaded = config("home", "page")
        tiktok = replace(loaded.services[0], browser_checks=checks)
        loaded = replace(
            loaded,
            services=(tiktok, *loaded.services[1:]),
            signals=(Signal("people", "reports", options, 10.0, ("tiktok",)),),
            browser_controls=controls,
        )
        self.running.apply(loaded)
        self.crowds.apply(loaded)
        self.intake.apply(loaded)

    def say(self, answer: str) -> None:
        """`up`, `down` or `unknown`, judged and told."""
        self.running.apply(replace(self.running.store.config, pairs=()))
        self.running.apply(replace(self.running.store.config, pairs=config("home", "page").pairs))
        if answer != "unknown":
            self.running.take("gstatic", ok(NOW - 25), "controls")
        for name in ("home", "page"):
            results = [ok(NOW - 20)] if answer == "up" else []
            if answer == "down":
                results = [failed(Reason.TIMEOUT, NOW - 30 + 10 * attempt, attempt) for attempt in range(3)]
            for result in results:
                self.running.take(name, result)
        assert self.running.store.verdicts["tiktok"].answer == answer
        self.ring()

    def ring(self, beat: bool = False) -> None:
        """A judgement; with a `beat` those who listen hear that there was one."""
        if beat:
            self.site.streams._beaten_at = float("-inf")
        self.site.streams.ring()

    def kept(self) -> dict[str, int]:
        """What people reported, by feature; the empty one is the service as a whole."""
        found: dict[str, int] = {}
        for tally in self.history.buckets.tallies("people", 0):
            found[tally.feature] = found.get(tally.feature, 0) + tally.count
        return found

    async def start(self) -> None:
        self._server = await web.serve(web.application(self.site), [f"127.0.0.1:{self.port}"], None)

    async def stop(self) -> None:
        await self._server.close()

    async def __aenter__(self) -> Self:
        self.say("up")
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self.intake.close()
        self.history.close()


async def _no_reload() -> list[str]:
    return []
