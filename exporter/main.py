"""The main process: workers, signals, store, pages and metrics, started, joined, reloaded, stopped.

It never probes. Results come from the crew, go to the store and the metrics page at once, and are
judged a few times a second. A reload applies a whole new configuration or nothing.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exporter import config, portion, web, wire
from exporter.crew import Crew, capacity, default_count
from exporter.crowd import Crowds
from exporter.errors import ConfigError, Mistake
from exporter.history import History
from exporter.listening import Listening
from exporter.metrics import Own, Page
from exporter.model import Config, Module, PairKey, Result
from exporter.net import Reach
from exporter.sighted import Sighted
from exporter.signals.reports import Intake
from exporter.state import Change, Store

log = logging.getLogger(__name__)

_DOCUMENTED = "tiktok"  # whose past outages ship

_NOTHING = Config(services=(), controls=(), regions=(), pairs=())

JUDGE_EVERY = 0.5
"""Seconds between two judgements."""

_COLLECTIONS = (20_000, 20, 100)


@dataclass(frozen=True, slots=True)
class Blackbox:
    """What the command line says of `/probe`: its module file, seconds that a scrape keeps for the way, what may be
    reached, how many probes may run at once (None for as many as descriptors allow) and how many are remembered."""

    modules: Path
    offset: float
    reach: Reach
    concurrency: int | None
    history: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says; `shard` is (index from 1, count), `log_options` (level, format).

    `public` is whether the public pages need no password on `addresses` either; without `blackbox` `/probe` is off.
    """

    files: tuple[Path, ...]  # none: nothing is watched on a schedule
    addresses: tuple[str, ...]
    public_addresses: tuple[str, ...]
    public: bool
    web_config: Path | None
    data: Path
    shard: tuple[int, int]
    workers: int | None
    log_options: tuple[str, str]
    blackbox: Blackbox | None = None


class Program:
    """One running exporter."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._history = History(settings.data, {_DOCUMENTED: config.past_outages()})
        self._crowds = Crowds(self._history.buckets, time.time)
        self._intake = Intake(self._crowds.add, time.time)
        self._listening = Listening(self._crowds.add, self._history.buckets.bookmark)
        self._store = Store(time.time)
        self._page = Page()
        self._own = Own()
        self._streams = web.Streams()
        workers = settings.workers or default_count()
        asked = workers if settings.blackbox else 0
        self._crew = Crew(workers, self._take, settings.log_options, asked)
        self._prober = self._make_prober(settings.blackbox) if settings.blackbox else None
        self._reloading = asyncio.Lock()
        self._sighted = Sighted()
        self._forgetful = False

    def apply(self, loaded: Config, modules: Mapping[str, Module]) -> None:
        """Make these what runs: drop what went, keep what did not change."""
        self._own.configuration_applied(time.time())
        mine = portion.counted(portion.of_shard(loaded, self._settings.shard), self._settings.data)
        for key in self._store.apply(mine):
            self._page.remove(key)
        for record in self._store.records.values():
            self._page.add(record, histograms=mine.histograms)
        # Signals belong to every shard, as the controls do: each needs its own evidence.
        self._crowds.apply(loaded)
        self._intake.apply(loaded)
        self._listening.apply(loaded)
        self._judge()
        # What a configuration brings stays: the collector need not walk it again and again.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        reach = self._settings.blackbox.reach if self._settings.blackbox else Reach()
        self._crew.assign(mine.network, mine.pairs, modules, reach)
        if (plan := portion.plan(mine)) is not None:
            log.info("globalping is asked", extra=plan)
        if self._prober is not None:
            self._prober.apply(modules)

    async def reload(self) -> list[str]:
        """Read the files again; the mistakes, when there are any and nothing was applied."""
        async with self._reloading:
            try:
                loaded, modules = await asyncio.to_thread(_load, self._settings)
            except ConfigError as error:
                mistakes = [str(mistake) for mistake in error.mistakes]
                self._own.configuration_refused(mistakes)
                log.error("configuration not applied", extra={"mistakes": mistakes})
                return mistakes
            self.apply(loaded, modules)
            log.info("configuration applied", extra={"pairs": len(self._store.records), "modules": len(modules)})
            return []

    async def serve(self, stop: asyncio.Event) -> None:
        """Probe and serve until `stop`."""
        site = web.Site(
            store=self._store,
            page=self._page,
            own=self._own,
            history=self._history,
            reload=self.reload,
            ready=self._ready,
            crowds=self._crowds,
            intake=self._intake,
            files=self._settings.files,
            streams=self._streams,
            prober=self._prober,
        )
        server = await self._listen(site)
        keepers = self._crew.start()
        judging = asyncio.create_task(self._judge_forever())
        intake = asyncio.create_task(self._intake.listen())
        log.info("serving", extra=self._about())
        stopping = asyncio.create_task(stop.wait())
        try:
            # A part that breaks ends the whole, and whoever supervises it starts it anew: a frozen verdict is a lie.
            await asyncio.wait((stopping, judging, intake, *keepers), return_when=asyncio.FIRST_COMPLETED)
            for part in (judging, intake, *keepers):
                if part.done():
                    part.result()
        finally:
            stopping.cancel()
            judging.cancel()
            intake.cancel()
            if self._prober is not None:
                self._prober.end()
            await self._crew.stop()
            await self._listening.close()
            await server.close()
            self._intake.close()
            self._history.close()

    def _make_prober(self, blackbox: Blackbox) -> web.Prober:
        # Half of what descriptors allow: the other is for the pages here, for redirects and resolvers there.
        crowd = web.most() // 2
        limit = blackbox.concurrency or min(self._crew.asked * capacity() // 2, crowd)
        return web.Prober(self._crew.asking, blackbox.modules, blackbox.offset, limit, crowd, blackbox.history)

    def _about(self) -> dict[str, object]:
        """What is served where, for the log."""
        settings = self._settings
        places = {"addresses": settings.addresses, "public_addresses": settings.public_addresses}
        told = {name: ",".join(listed) for name, listed in places.items() if listed}
        return {**told, "workers": self._crew.count}

    async def _listen(self, site: web.Site) -> web.Server:
        settings, shelf = self._settings, web.Shelf()
        if settings.public and settings.web_config is None:
            log.warning("--web.public changes nothing without --web.config.file: no page asks for a password")
        public = web.Public(web.public_application(site, shelf), settings.public_addresses, settings.public)
        return await web.serve(web.application(site, shelf), settings.addresses, settings.web_config, public)

    def _ready(self) -> bool:
        records = self._store.records.values()
        return not records or any(record.attempts for record in records)

    def _take(self, batch: wire.Batch) -> None:
        controls: set[PairKey] = set()
        for key, result, lag in wire.load(batch.results):
            record = self._store.record(key, result)
            if record is None:
                continue
            self._page.update(record, result)
            if result.attempt == 0:
                self._own.observe_lag(lag)
            if self._store.counts(key, result):
                self._count(key[0], result)
            controls.update(self._store.controls_asked(key, result))
        self._own.observe_batch(batch.skipped)
        if controls:
            self._crew.soon(controls)

    def _count(self, service: str, result: Result) -> None:
        # A file that cannot be used is told of when verdicts are remembered.
        with suppress(OSError):
            self._history.lately.take(service, result.started, result.duration if result.ok else None)

    async def _judge_forever(self) -> None:
        while True:
            await asyncio.sleep(JUDGE_EVERY)
            self._judge()
            self._own.workers(self._crew.count, self._crew.restarts, self._crew.in_flight)

    def _judge(self) -> None:
        self._store.hear(self._listening.heard, self._crowds.crowds())
        for change in self._store.judge():
            _log_change(change)
        self._sighted.tell(self._store.sights)
        if self._store.asked_elsewhere:
            self._crew.soon(self._store.asked_elsewhere)
        self._remember()
        self._streams.ring()

    def _remember(self) -> None:
        try:
            for service, verdict in self._store.verdicts.items():
                self._history.incidents.note(verdict, time.time())
                self._crowds.open_incident(service, self._history.incidents.open_incident(service) is not None)
            self._history.lately.keep(time.time())
        except OSError as error:
            if not self._forgetful:
                log.error("incidents are not kept", extra={"reason": str(error)})
            self._forgetful = True
        else:
            self._forgetful = False


def _load(settings: Settings) -> tuple[Config, Mapping[str, Module]]:
    """The configuration and the modules of `/probe`; ConfigError with the mistakes of both."""
    mistakes: list[Mistake] = []
    loaded: Config | None = None
    modules: Mapping[str, Module] = {}
    try:
        loaded = config.load(settings.files, os.environ) if settings.files else _NOTHING
    except ConfigError as error:
        mistakes += error.mistakes
    try:
        modules = config.load_modules(settings.blackbox.modules) if settings.blackbox else {}
    except ConfigError as error:
        mistakes += error.mistakes
    if loaded is None or mistakes:
        raise ConfigError(mistakes)
    for sentence in config.unreadable(modules):
        log.warning(sentence)
    return loaded, modules


def _log_change(change: Change) -> None:
    where = {"feature": change.feature, "region": change.region} if change.feature else {"why": change.sentence}
    log.info(
        "state changed" if change.feature else "verdict changed",
        extra={"service": change.service, **where, "before": change.before, "after": change.after},
    )


async def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; ConfigError or OSError when it cannot start."""
    loaded, modules = _load(settings)
    # What an answer is made of goes by itself when it is sent: to look for rings in it so often is a tenth of the work.
    gc.set_threshold(*_COLLECTIONS)
    web.allow_many()
    program = Program(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[list[str]]] = set()

    def reload() -> None:
        task = loop.create_task(program.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    program.apply(loaded, modules)
    if sys.stderr.isatty():
        _greet(settings.addresses[0])
    try:
        await program.serve(stop)
    except (ConfigError, OSError):
        raise
    except Exception as error:
        log.critical("ended by a fault of this program", exc_info=error)
        return 1
    return 0


def _greet(address: str) -> None:
    host, _, port = address.rpartition(":")
    print(f"Open http://{host or 'localhost'}:{port}/ - metrics at /metrics. Ctrl-C stops.", file=sys.stderr)
