"""A live stack for the dashboards: TikTok in a box behind three regions, exporter, Prometheus, Alertmanager.

Beside what ships it has what a configuration of somebody's own may have: probes by DNS and ICMP, app reviews, places
and countries of regions. What happens in it leaves no panel without something to show.
"""

from __future__ import annotations

import copy
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from exporter.history import History
from exporter.model import Answer
from exporter.readings import BUCKET, Reading, Tally
from exporter.verdict import Verdict
from tests.servers.alertmanager import Alertmanager
from tests.servers.box import HERE, Box, Proxy
from tests.servers.faults import read
from tests.servers.program import Exporter, hastened
from tests.servers.proxies import Microsocks, Tinyproxy
from tests.stack.prometheus import Prometheus

EVERY = 4.0
"""Seconds between two probes of a pair: a hundred pairs, their servers and proxies share a processor or two."""

SCRAPED_EVERY = 1
"""Seconds."""

DEATHS = 4
"""Of workers: three and one more, so that an increase that is reckoned is not a little less than three."""

HEARD = 192
"""Quarters of an hour, two days."""

SETTLES_WITHIN = 120.0
"""Seconds: a few on a quiet machine."""

PLACES: dict[str, dict[str, Any]] = {
    HERE: {"location": {"lat": 50.1, "lon": 8.7}, "country": "DE"},
    "us-east": {"location": {"lat": 39.0, "lon": -77.5}, "country": "US"},
    "br-south": {"location": {"lat": -23.5, "lon": -46.6}, "country": "BR"},
}
"""The country of the last blocks the service."""

SOCKS, CONNECT = "br-south", "us-east"

_ALERTMANAGER = """
route: {{receiver: nobody, group_wait: 0s, group_interval: 1s, routes: [
  {{matchers: [alertname="Watchdog"], receiver: people, continue: true}}, {{receiver: wall}}]}}
receivers:
  - name: nobody
  - {{name: people, webhook_configs: [{{url: "{url}/people"}}]}}
  - {{name: wall, webhook_configs: [{{url: "{url}/wall"}}]}}
"""


@dataclass(frozen=True, slots=True)
class Live:
    """Everything, running."""

    box: Box
    exporter: Exporter
    alertmanager: Alertmanager
    prometheus: Prometheus

    async def break_and_mend(self) -> None:
        """An outage of everything, from the first failure to the all-clear."""
        # Not refused: what tinyproxy says of that is no word about the target, and its region would not vote.
        self.box.break_(mode="reset")
        await self.exporter.until_answer("tiktok", "down", within=SETTLES_WITHIN)
        self.box.mend(service="tiktok")
        await self.exporter.until_answer("tiktok", "up", within=SETTLES_WITHIN)

    async def kill_workers(self) -> None:
        """As often as an alert wants it, which counts from what was scraped first."""
        await self.prometheus.until_holds("count_over_time(outage_exporter_worker_restarts_total[1m]) > 1")
        for count in range(1, DEATHS + 1):
            for worker in self.exporter.workers():
                worker.kill()
            restarts = "outage_exporter_worker_restarts_total"
            await self.exporter.until_value(restarts, lambda value, count=count: value >= count, SETTLES_WITHIN)

    async def report(self) -> None:
        """Post a report, and one that is refused: there is no such service."""
        async with aiohttp.ClientSession(self.exporter.url) as session:
            for service in ("tiktok", "nobody"):
                await session.post("/api/v1/reports", json={"service": service})


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[Box, Exporter]]:
    """The box, and an exporter that has found all well; signals tell of trouble, and one cannot be read."""
    first = _configuration(folder)
    _remember(folder / "data")
    async with AsyncExitStack() as running:
        box = await running.enter_async_context(Box(first))
        socks = await running.enter_async_context(Microsocks(box, SOCKS, user="box", password="box"))
        connect = await running.enter_async_context(Tinyproxy(box, CONNECT))
        file = _placed(first, box, [socks, connect])
        exporter = await running.enter_async_context(Exporter(folder, file, arguments=("--workers=1",)))
        await exporter.until_answer("tiktok", "up", within=SETTLES_WITHIN)
        for signal in ("oracle", "tiktok_business"):
            box.publish(signal)
        box.publish("ooni", country=PLACES[SOCKS]["country"])
        box.publish("ioda", "wrong")
        yield box, exporter


@asynccontextmanager
async def live(folder: Path, box: Box, exporter: Exporter) -> AsyncIterator[Live]:
    """Prometheus and Alertmanager beside them; what is in `folder`/prometheus is there from the beginning."""
    async with AsyncExitStack() as running:
        url = await running.enter_async_context(_receivers())
        config = folder / "alertmanager.yml"
        config.write_text(_ALERTMANAGER.format(url=url), encoding="utf-8")
        alertmanager = await running.enter_async_context(Alertmanager(folder, config))
        addresses = f"127.0.0.1:{exporter.port}", f"127.0.0.1:{alertmanager.port}"
        prometheus = await running.enter_async_context(
            Prometheus(folder, addresses[0], interval=SCRAPED_EVERY, alertmanager=addresses[1])
        )
        yield Live(box, exporter, alertmanager, prometheus)


async def until_everything_is_there(stack: Live) -> None:
    """Until what takes longest has been scraped: the rules' first evaluations, notifications, an alert about us."""
    await stack.kill_workers()
    await stack.report()
    for expression in (
        'ALERTS{alertname="OutageWorkerRestarting", alertstate="firing"}',
        "slo:objective:ratio",
        "outage_chatter_ratio",
        "outage_corroboration_score",
        "service_feature:outage_regions_voting:count",
        "rate(alertmanager_notifications_failed_total[5s]) > 0",
        "rate(outage_reports_refused_total[5s]) > 0 or increase(outage_reports_refused_total[1m]) > 0",
    ):
        await stack.prometheus.until_holds(expression, within=SETTLES_WITHIN)


def _remember(folder: Path) -> None:
    """Let the exporter have listened for days, so that it knows what is usual, and have seen an outage long ago.

    What it is told reaches to the next quarter of an hour: the end of this one leaves no gap, whenever it comes.
    """
    history, now = History(folder), time.time()
    until = now + BUCKET
    start = until // BUCKET * BUCKET - HEARD * BUCKET
    quiet = [start + number * BUCKET for number in range(HEARD)]
    for signal, out_of in (("people", None), ("bluesky", 50000), ("app_store", 40)):
        tallies = tuple(Tally("tiktok", "", at, 3, out_of) for at in quiet)
        history.buckets.add(signal, Reading(until, tallies, start))
    for answer, ago in ((Answer.DOWN, 7200.0), (Answer.DOWN, 7190.0), (Answer.UP, 7180.0)):
        history.incidents.note(Verdict("tiktok", "TikTok", answer, {}, {}, ("remembered",)), now - ago)
    history.close()


def _configuration(folder: Path) -> Path:
    """What the box serves: the shipped configuration in haste, and app reviews."""
    content = copy.deepcopy(read(hastened(folder, EVERY)))
    content["signals"]["app_store"] = {
        "kind": "appstore",
        "services": ["tiktok"],
        "apps": {"tiktok": 835599320},
        "interval": "1s",
    }
    return _write(folder / "served.yaml", content)


def _placed(served: Path, box: Box, proxies: list[Proxy]) -> Path:
    """The same with regions, and with probes of the box's own nameserver and machine."""
    content = copy.deepcopy(read(served)) | yaml.safe_load(box.network_yaml)
    nameserver = content["network"]["nameservers"][0]
    zone = {"kind": "dns", "target": nameserver, "dns": {"query_name": "www.tiktok.com", "query_type": "A"}}
    machine = {"kind": "icmp", "target": nameserver.rpartition(":")[0]}
    content["services"]["tiktok"]["features"]["names"] = {
        "regions": [HERE],
        "endpoints": {"zone": zone, "nameserver": machine},
    }
    content["regions"] = {HERE: {"kind": "local", **PLACES[HERE]}} | {
        proxy.region: {"kind": "proxy", "url": proxy.url, **PLACES[proxy.region]} for proxy in proxies
    }
    return _write(served.with_name("outage.yaml"), content)


def _write(file: Path, content: dict[str, Any]) -> Path:
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file


@asynccontextmanager
async def _receivers() -> AsyncIterator[str]:
    """Who is told by Alertmanager: people take it, a wall refuses it."""
    app = web.Application()
    app.router.add_post("/people", _take)
    app.router.add_post("/wall", _refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _take(request: web.Request) -> web.Response:
    return web.Response()


async def _refuse(request: web.Request) -> web.Response:
    return web.Response(status=400)
