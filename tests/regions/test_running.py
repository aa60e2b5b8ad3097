"""An exporter with an edge and a remote as regions, the remote being its own `/probe`: all the way to its metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from exporter.model import Endpoint, Reason, Result
from exporter.regions import remote
from tests.probes.http_probing import page, site
from tests.regions.probing import endpoint, probe_from
from tests.servers.certificates import Authority
from tests.servers.dns import Answer, DNSServer, addresses, by_subnet
from tests.servers.ports import free_port
from tests.servers.program import Exporter
from tests.servers.torture import Torture, answers

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = """
defaults: {{interval: 2s, timeout: 1900ms}}
network: {{nameservers: ["{resolver}"]}}
regions:
  de: {{kind: edge, subnet: 203.0.113.0/24, resolvers: ["{resolver}"]}}
  there: {{kind: remote, url: "{url}/probe"}}
controls:
  nearby: {{url: "http://127.0.0.1:{port}/"}}
services:
  shop:
    features:
      page: {{core: true, endpoints: {{home: {{url: "http://www.example:{port}/"}}}}}}
"""
HERE = by_subnet({"203.0.113.0/24": addresses("127.0.0.2")}, addresses("127.0.0.1"))


@dataclass(frozen=True, slots=True)
class Stage:
    exporter: Exporter
    zone: dict[str, object]
    resolver: str

    async def ask(self, probed: Endpoint) -> Result:
        """What our own `/probe` says to somebody who asks it as a remote."""
        return await probe_from("remote", remote.Options(url=f"{self.exporter.url}/probe"), probed)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder, port = tmp_path_factory.mktemp("running"), free_port()
    modules, file = folder / "blackbox.yml", folder / "shop.yaml"
    modules.write_text(json.dumps({"modules": {"http_2xx": {"prober": "http"}}}))
    zone = {"www.example": HERE}
    async with (
        DNSServer(zone) as dns,
        Torture(answers()) as near,
        Torture(answers(), address="127.0.0.2", port=near.port),
    ):
        resolver = f"{dns.address}:{dns.port}"
        file.write_text(SHOP.format(resolver=resolver, url=f"http://127.0.0.1:{port}", port=near.port))
        allowed = ("--blackbox.config", str(modules), "--blackbox.allow", "127.0.0.0/8")
        async with Exporter(folder, file, arguments=allowed, port=port) as exporter:
            yield Stage(exporter, zone, resolver)


async def test_what_an_edge_and_a_remote_see_is_told_by_region(stage: Stage) -> None:
    exporter = stage.exporter
    for region in ("de", "there"):
        await exporter.until_value("outage_state", bool, service="shop", region=region, state="up")
        assert (await exporter.metrics()).total("outage_region_seeing", region=region) == 1
    metrics = await exporter.metrics()
    edge = {"service": "shop", "region": "de", "address": "127.0.0.2", "resolver": stage.resolver, "scope": "24"}
    assert metrics.total("probe_edge_info", **edge) == 1
    assert metrics.total("probe_http_status_code", service="shop", region="there") == 200
    hashes = {name: metrics.total("probe_ip_addr_hash", service="shop", region=name) for name in ("de", "there")}
    assert hashes["de"] != hashes["there"]


async def test_our_own_probe_says_the_reason_itself(stage: Stage, tmp_path: Path) -> None:
    async with site(page()) as url:
        result = await stage.ask(endpoint("http", url))
    assert result.ok, result.message
    assert result.samples["probe_tcp_retransmits"] == 0  # what only ours measures comes along
    tls = Authority(tmp_path / "ca").self_signed("127.0.0.1").server_context()
    async with site(page(), tls) as url:
        result = await stage.ask(endpoint("http", url))
    assert (result.reason, result.message) == (Reason.TLS, "the remote prober says that it fails by tls")


async def test_our_own_probe_is_not_sent_where_it_may_not_go(stage: Stage) -> None:
    assert (await stage.ask(endpoint("http", "http://192.0.2.1/"))).reason is Reason.INTERNAL
    result = await stage.ask(endpoint("tcp", "127.0.0.1:1"))
    assert result.reason is Reason.VANTAGE
    assert result.message == 'the remote prober answers status 400: Unknown module "tcp_connect"'


async def test_a_region_whose_edge_is_no_longer_said_is_unknown_and_others_are_not(stage: Stage) -> None:
    stage.zone["www.example"] = Answer(("A 127.0.0.2",), scope=0)
    try:
        await stage.exporter.until_value("outage_state", bool, service="shop", region="de", state="unknown")
        metrics = await stage.exporter.metrics()
        assert metrics.total("outage_state", service="shop", region="there", state="up") == 1
        assert metrics.total("probe_failures_total", service="shop", region="de", reason="vantage") > 0
        assert not metrics.series("probe_edge_info", service="shop")
    finally:
        stage.zone["www.example"] = HERE
