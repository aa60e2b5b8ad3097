"""A fleet for real: three sites with an exporter and an agent each, and a centre that is a cable away.

    async with fleet(folder) as running:
        await running.until_heard()

The centre is Prometheus, Alertmanager and, where Debian's package is installed, VictoriaMetrics as the store for years.
Site `jp` has VictoriaMetrics' agent then, the others, and else all, Prometheus as an agent.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy.build import COMPOSE
from tests.fleet.cables import Cables
from tests.fleet.hastened import FLEET, LOOK_BACK, write_agent, write_central, write_site
from tests.servers.alertmanager import find_program
from tests.servers.box import Box
from tests.servers.ports import free_port
from tests.servers.program import Exporter, until

SITES = ("eu", "us", "jp")
WATCH = len(SITES)
"""The number of the cable that is never cut, by which the tests look at the centre."""

WATCHED = ("OutageSiteSilent", "OutageRegionSilent", "OutageExporterGone", "OutageExporterAbsent", "OutageServiceDown")
"""Alerts that must have ended when all is well; those about objectives remember longer."""

BY_VICTORIA_METRICS = "jp"

_CENTRAL_PORT, _STORE_PORT = 9090, 8428  # as they ship: the centre's namespace is its own
_STARTS_WITHIN = 60.0

# The head takes samples as old as half of its shortest block: an hour, here 15 s, or a cut of half a minute would not
# need the window for what is out of order.
_SHORT_BLOCKS = ("--storage.tsdb.min-block-duration=30s", "--storage.tsdb.max-block-duration=5m")


class Program:
    """A process that can be ended and started again with all that it kept; `ready` is an address that answers 200."""

    def __init__(
        self, log: Path, command: Sequence[str], ready: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log, self._command, self._ready_url = log, command, ready
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=log, stderr=log, env=self._environment
            )
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session:
            await until(lambda: self._is_ready(session), bool, _STARTS_WITHIN, every=0.2)

    async def kill(self) -> None:
        """At once, with nothing written that was not."""
        await self._end(kill=True)

    async def stop(self) -> None:
        await self._end(kill=False)

    async def _end(self, kill: bool) -> None:
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill() if kill else process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10.0)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise ChildProcessError(f"{self._command} ended: {self._log.read_text()[-2000:]}")
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(self._ready_url) as response:
                return response.status == 200
        return False


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything, running; `store` is None where VictoriaMetrics is not installed."""

    box: Box
    cables: Cables
    exporters: Mapping[str, Exporter]
    agents: Mapping[str, Program]
    central: Program
    store: Program | None
    session: aiohttp.ClientSession

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """What the centre finds now."""
        async with self.session.get(f"{_central()}/api/v1/query", params={"query": expression}) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    async def until_holds(self, expression: str, within: float = 60.0) -> float:
        """Seconds until `expression` (a comparison) selects something; it is asked over restarts of the centre too."""
        began = time.monotonic()

        async def ask() -> list[dict[str, Any]]:
            with suppress(aiohttp.ClientError, TimeoutError):
                return await self.query(expression)
            return []

        await until(ask, bool, within, every=0.2)
        return time.monotonic() - began

    async def until_heard(self) -> None:
        """All sites are heard, all is well there, and nobody is told otherwise."""
        await self.until_holds(f"count(up{{job='outage-exporter'}} == 1) == {len(SITES)}")
        await self.until_holds(f"count(outage_verdict{{service='tiktok',verdict='up'}} == 1) == {len(SITES)}")
        await self.until_holds(f"absent(ALERTS{{alertname=~'{'|'.join(WATCHED)}',alertstate='firing'}})")

    async def firing(self) -> set[tuple[str, str]]:
        """(alert, region or site) of all that fires but the Watchdog."""
        found = await self.query("ALERTS{alertname!='Watchdog',alertstate='firing'}")
        return {(one["metric"]["alertname"], whom(one["metric"])) for one in found}

    async def kept(self, site: str, since: float, store: bool = False) -> list[float]:
        """When the samples were taken that the centre, or the store, has of that site's agent since then."""
        what = f'up{{site="{site}",job="outage-exporter"}}'
        if store:
            return await self._exported(what, since)
        # A range of raw samples, from the left open end up to now.
        async with self.session.get(
            f"{_central()}/api/v1/query", params={"query": f"{what}[{time.time() - since + 1:.0f}s]"}
        ) as response:
            (series,) = (await response.json())["data"]["result"]
        return sorted(at for at, _ in series["values"] if at >= since)

    async def _exported(self, what: str, since: float) -> list[float]:
        url = f"http://{Cables.centre(WATCH)}:{_STORE_PORT}/api/v1/export"
        async with self.session.get(url, params={"match[]": what, "start": f"{since:.3f}"}) as response:
            (series,) = [json.loads(line) for line in (await response.text()).splitlines()]
        return sorted(at / 1000 for at in series["timestamps"] if at / 1000 >= since)


def whom(labels: Mapping[str, str]) -> str:
    """Whom an alert is about."""
    return labels.get("region") or labels.get("site") or labels.get("feature") or labels.get("instance") or ""


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """All of it, started; not yet all heard."""
    async with AsyncExitStack() as running:
        cables = running.enter_context(Cables(len(SITES) + 1))
        box = await running.enter_async_context(Box())
        exporters = {site: await running.enter_async_context(_exporter(folder / site, box)) for site in SITES}
        store = await _store(running, folder, cables)
        await _start(running, _alertmanager(folder, cables))
        central = await _start(running, _central_prometheus(folder, cables))
        agents = {}
        for number, (site, exporter) in enumerate(exporters.items()):
            # What fails while everything starts at once is nobody's outage.
            await exporter.until_answer("tiktok", "up", 60.0)
            target = f"127.0.0.1:{exporter.port}"
            agent = _agent(folder / site, Cables.centre(number), target, store is not None)
            agents[site] = await _start(running, agent)
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0))
        await running.enter_async_context(session)
        yield Fleet(box, cables, exporters, agents, central, store, session)


async def _start(running: AsyncExitStack, program: Program) -> Program:
    running.push_async_callback(program.kill)
    await program.start()
    return program


def _central() -> str:
    return f"http://{Cables.centre(WATCH)}:{_CENTRAL_PORT}"


def _central_prometheus(folder: Path, cables: Cables) -> Program:
    command = cables.command(
        "prometheus",
        f"--config.file={write_central(folder)}",
        "--web.enable-remote-write-receiver",
        f"--storage.tsdb.path={folder / 'central'}",
        f"--query.lookback-delta={LOOK_BACK}",
        *_SHORT_BLOCKS,
    )
    return Program(folder / "central.log", command, f"{_central()}/-/ready")


def _alertmanager(folder: Path, cables: Cables) -> Program:
    command = cables.command(
        find_program(),
        f"--config.file={COMPOSE / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
    )
    return Program(folder / "alertmanager.log", command, f"http://{Cables.centre(WATCH)}:9093/-/ready")


async def _store(running: AsyncExitStack, folder: Path, cables: Cables) -> Program | None:
    if shutil.which("victoria-metrics") is None:
        return None
    command = cables.command(
        "victoria-metrics",
        f"-storageDataPath={folder / 'store'}",
        "-retentionPeriod=5y",
        "-search.latencyOffset=0s",
        "-memory.allowedBytes=200MB",
    )
    return await _start(
        running, Program(folder / "store.log", command, f"http://{Cables.centre(WATCH)}:{_STORE_PORT}/health")
    )


def _exporter(place: Path, box: Box) -> Exporter:
    place.mkdir()
    return Exporter(place, *write_site(place, place.name, box), arguments=("--workers=1",))


def _agent(place: Path, centre: str, exporter: str, victoria_metrics: bool) -> Program:
    port = free_port()
    config = write_agent(place, centre, exporter, f"127.0.0.1:{port}")
    by_other = victoria_metrics and place.name == BY_VICTORIA_METRICS
    words = _vmagent(place, config, centre, port) if by_other else _prometheus_agent(place, config, port)
    ready = "/health" if by_other else "/-/ready"
    return Program(place / "agent.log", words, f"http://127.0.0.1:{port}{ready}", {"SITE": place.name})


def _prometheus_agent(place: Path, config: Path, port: int) -> Sequence[str]:
    return (
        "prometheus",
        "--enable-feature=agent,expand-external-labels",
        f"--config.file={config}",
        f"--storage.agent.path={place / 'agent'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )


def _vmagent(place: Path, config: Path, centre: str, port: int) -> Sequence[str]:
    stores = [f"http://{centre}:{_CENTRAL_PORT}/api/v1/write", f"http://{centre}:{_STORE_PORT}/api/v1/write"]
    return (
        "vmagent",
        f"-promscrape.config={config}",
        "-promscrape.config.strictParse=false",
        f"-remoteWrite.tmpDataPath={place / 'agent'}",
        f"-remoteWrite.label=site={place.name}",
        "-remoteWrite.sendTimeout=5s",
        f"-httpListenAddr=127.0.0.1:{port}",
        *(f"-remoteWrite.url={url}" for url in stores),
        *(f"-remoteWrite.urlRelabelConfig={FLEET / 'relabel.yml'}" for _ in stores),
    )
