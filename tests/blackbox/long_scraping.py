"""Who scrapes blackbox_exporter goes on when the address is ours: the same modules, rules and dashboards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.blackbox.cell import Cell
from tests.blackbox.differences import listed
from tests.blackbox.matrix import all_modules
from tests.blackbox.pages import NEWER_LABEL, Difference
from tests.blackbox.programs import blackbox_exporter, outage_exporter, running
from tests.blackbox.targets import opened
from tests.grafana.promql import inside, parsed, syntax
from tests.probing import needs
from tests.servers.ports import free_port
from tests.servers.program import until

Labels = frozenset[frozenset[tuple[str, str]]]

DEBIANS = Path("/etc/prometheus/blackbox.yml")
"""The module file that comes with the package."""


def job(name: str, address: str, module: str, *targets: str) -> dict[str, Any]:
    """As blackbox_exporter's README has it."""
    return {
        "job_name": f"{name}-{module}",
        "metrics_path": "/probe",
        "params": {"module": [module]},
        "static_configs": [{"targets": list(targets)}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": address},
        ],
    }


class Prometheus:
    """Asks a running one."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant vector, as (labels, value)."""
        async with self._session.get("/api/v1/query", params={"query": expression}) as response:
            if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                return []  # it listens before it is ready
            answer = await response.json()
        return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]

    async def series(self, side: str, selector: str = '{job=~".+"}') -> dict[frozenset[tuple[str, str]], float]:
        """What jobs of this side have recorded, without the side and the label that is newer."""
        found = {}
        for labels, value in await self.query(selector):
            if labels["job"].startswith(f"{side}-"):
                told = {**labels, "job": labels["job"].removeprefix(f"{side}-")}
                found[frozenset(pair for pair in told.items() if pair[0] != NEWER_LABEL)] = value
        return found

    async def sides(self, selector: str) -> tuple[Labels, Labels]:
        """The labels of the series of theirs and of ours."""
        theirs, ours = [await self.series(side, selector) for side in ("theirs", "ours")]
        return frozenset(theirs), frozenset(ours)


def ours_has_all(sides: tuple[Labels, Labels]) -> bool:
    """Whether there are series of ours, and one for each of theirs."""
    theirs, ours = sides
    return bool(ours) and theirs <= ours


@asynccontextmanager
async def scraping(folder: Path, jobs: list[dict[str, Any]]) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes every second, from when all targets have been scraped."""
    port = free_port()
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    listens = f"--web.listen-address=127.0.0.1:{port}"
    command = (needs("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", listens)
    wanted = sum(len(each["static_configs"][0]["targets"]) for each in jobs)
    async with (
        running(port, *command, "--log.level=error"),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        prometheus = Prometheus(session)
        await until(lambda: prometheus.query("up"), lambda found: len(found) == wanted)
        yield prometheus


@pytest.mark.skipif(not DEBIANS.exists(), reason=f"{DEBIANS} is not there")
async def test_an_existing_scrape_configuration_works_by_changing_the_address_alone(tmp_path: Path) -> None:
    async with (
        opened(tmp_path / "targets") as targets,
        blackbox_exporter(DEBIANS) as theirs,
        outage_exporter(tmp_path, DEBIANS) as ours,
    ):
        jobs = []
        for side, url in (("theirs", theirs), ("ours", ours)):
            address, at = url.removeprefix("http://"), targets.at
            jobs += [
                job(side, address, "http_2xx", f"http://{at['web']}/ok", f"http://{at['web']}/404", at["refuses"]),
                job(side, address, "tcp_connect", at["says banner"], at["refuses"]),
                job(side, address, "icmp", "127.0.0.1"),
            ]
        async with scraping(tmp_path, jobs) as prometheus:
            await until(lambda: prometheus.query("probe_success == 1"), lambda found: len(found) == 2 * 3)
            expected, found = await prometheus.series("theirs"), await prometheus.series("ours")
    assert set(expected) <= set(found)
    assert {dict(labels)["__name__"] for labels in set(found) - set(expected) if not besides(labels)} == set()
    for labels, value in expected.items():
        if dict(labels)["__name__"] in ("up", "probe_success", "probe_http_status_code"):
            assert found[labels] == value, dict(labels)
    assert sum(value for labels, value in found.items() if ("__name__", "probe_success") in labels) == 3.0


def besides(labels: frozenset[tuple[str, str]]) -> bool:
    """Whether the list of differences has this series."""
    return listed(Cell("", "", "", ""), Difference(dict(labels)["__name__"], ours=1.0)) is not None


RULES = """
probe_success == 0
avg_over_time(probe_success[5m]) < 0.95
avg_over_time(probe_duration_seconds[1m]) > 1
probe_http_status_code <= 199 or probe_http_status_code >= 400
avg_over_time(probe_http_duration_seconds[1m]) > 1
sum by (instance) (probe_http_duration_seconds{phase=~"connect|tls|processing|transfer|resolve"}) > 3
probe_http_duration_seconds{phase="resolve"}
probe_http_duration_seconds{phase="connect"}
probe_http_duration_seconds{phase="tls"}
probe_http_duration_seconds{phase="processing"}
probe_http_duration_seconds{phase="transfer"}
probe_ssl_earliest_cert_expiry - time() < 86400 * 20
round((last_over_time(probe_ssl_earliest_cert_expiry[10m]) - time()) / 86400, 0.1) < 3
probe_ssl_last_chain_expiry_timestamp_seconds - time() < 86400 * 7
probe_ssl_last_chain_info{subject="CN=localhost", issuer="CN=Box CA"}
probe_tls_version_info{version=~"TLS 1.[23]"}
probe_http_version < 1.1
probe_http_ssl == 0
probe_http_redirects > 3
probe_http_content_length
probe_http_uncompressed_body_length
probe_failed_due_to_regex == 1
probe_ip_protocol
changes(probe_ip_addr_hash[1h]) > 0
probe_dns_lookup_time_seconds > 0.5
avg_over_time(probe_icmp_duration_seconds[1m]) > 1
probe_icmp_duration_seconds{phase="rtt"}
probe_icmp_duration_seconds{phase="setup"}
probe_icmp_reply_hop_limit
probe_dns_duration_seconds{phase="request"} > 1
probe_dns_query_succeeded == 0
probe_dns_answer_rrs < 1
probe_dns_serial
"""
"""What the usual alerts and dashboards of blackbox_exporter ask, the collections' and its mixin's."""


async def test_what_usual_rules_and_dashboards_select_is_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path / "targets") as targets:
        at = targets.at
        asked = {
            "http, tls": f"https://{at['tls good']}/",
            "plain": f"http://{at['web']}/ok",
            "tcp, tls": at["tls good"],
            "icmp": "127.0.0.1",
            "dns example SOA": at["dns"],
        }
        modules = {name: block for name, block in all_modules(targets).items() if name in asked}
        file = tmp_path / "blackbox.yml"
        file.write_text(yaml.safe_dump({"modules": modules}))
        async with blackbox_exporter(file) as theirs, outage_exporter(tmp_path, file) as ours:
            jobs = [
                job(side, url.removeprefix("http://"), module, target)
                for side, url in (("theirs", theirs), ("ours", ours))
                for module, target in asked.items()
            ]
            async with scraping(tmp_path, jobs) as prometheus:
                for selector in selectors():
                    # On a busy machine a probe can be late for a scrape, and its series come with the next.
                    await until(partial(prometheus.sides, selector), ours_has_all)


def selectors() -> set[str]:
    """What the rules are made of."""
    found = (each for line in RULES.strip().splitlines() for each in inside(parsed(line)))
    return {each.prettify() for each in found if isinstance(each, syntax.VectorSelector)}
