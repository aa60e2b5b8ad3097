"""Debian's Prometheus, scraping one exporter; with an Alertmanager it also evaluates the alerts that ship."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from tests.servers.ports import free_port
from tests.servers.program import Page, until

_STARTS_WITHIN = 30.0
_REFUSED_SAMPLES = (
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "prometheus_target_scrape_pool_exceeded_label_limits_total",
)


RULES = Path(__file__).parents[2] / "alerts" / "rules"


class Prometheus:
    """`honor_labels: true`, as every scrape configuration that ships has it; `interval` is seconds.

    With the address of an `alertmanager` it evaluates `rules` and watches itself and that Alertmanager.
    """

    def __init__(
        self, folder: Path, target: str, interval: int = 1, alertmanager: str | None = None, rules: Path = RULES
    ) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = folder / "prometheus.log"
        self._file = folder / "prometheus.yml"
        self._data = folder / "prometheus"
        # As a ServiceMonitor of Kubernetes labels its targets: without honor_labels, ours would be renamed.
        labels = {"service": "monitoring", "endpoint": "web", "region": "scraper"}
        jobs = [_job("outage-exporter", target, labels)]
        self._content: dict[str, Any] = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{interval}s"),
            "scrape_configs": jobs,
        }
        if alertmanager is not None:
            jobs += [_job("prometheus", f"127.0.0.1:{self._port}"), _job("alertmanager", alertmanager)]
            self._content["rule_files"] = [str(rules / "*.yml")]
            self._send_to(alertmanager)
        self._write()

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "prometheus",
                f"--config.file={self._file}",
                f"--storage.tsdb.path={self._data}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                stdout=log,
                stderr=log,
            )
        self._session = aiohttp.ClientSession(self.url)
        try:
            await until(self._ready, bool, _STARTS_WITHIN)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    @property
    def complaints(self) -> list[str]:
        """The lines of its log that are not merely information."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "level=error" in line or "level=warn" in line]

    async def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant vector, as (labels, value)."""
        async with self._session.get("/api/v1/query", params={"query": expression}) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return [(item["metric"], float(item["value"][1])) for item in answer["data"]["result"]]

    async def until_holds(self, expression: str, within: float = 30.0) -> None:
        """Return as soon as `expression` (a comparison) selects something."""
        await until(lambda: self.query(expression), bool, within)

    async def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing: labels, annotations, state, activeAt, value."""
        async with self._session.get("/api/v1/alerts") as response:
            return list((await response.json())["data"]["alerts"])

    def reload(self, *alertmanagers: str, mistake: str = "") -> None:
        """Send alerts to these from now on; with a `mistake` the file cannot be read."""
        self._send_to(*alertmanagers)
        self._write(mistake)
        self._process.send_signal(signal.SIGHUP)

    async def target(self) -> dict[str, Any]:
        """The one target as Prometheus sees it: health, lastError, ..."""
        async with self._session.get("/api/v1/targets") as response:
            (target,) = (await response.json())["data"]["activeTargets"]
        return dict(target)

    async def refused_samples(self) -> dict[str, float]:
        """How many samples it did not take, by why; empty when it took all."""
        async with self._session.get("/metrics") as response:
            page = Page(await response.text())
        counts = {name: page.total(name) for name in _REFUSED_SAMPLES}
        return {name: count for name, count in counts.items() if count}

    def _send_to(self, *alertmanagers: str) -> None:
        self._content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]}

    def _write(self, mistake: str = "") -> None:
        # Whole or not at all: a reload that is still under way would take half of it, or nothing, for what is wanted.
        new = self._file.with_suffix(".new")
        new.write_text(yaml.safe_dump(self._content) + mistake, encoding="utf-8")
        new.replace(self._file)

    async def _ready(self) -> bool:
        if self._process.returncode is not None:
            raise ChildProcessError(f"Prometheus ended: {self._log.read_text()}")
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False


def _job(name: str, target: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    targets = {"targets": [target], "labels": dict(labels or {})}
    return {"job_name": name, "honor_labels": True, "static_configs": [targets]}
