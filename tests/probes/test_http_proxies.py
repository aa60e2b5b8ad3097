"""The http kind through proxies: a region's, and blackbox_exporter's `proxy_url`."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.model import NetworkOptions, Reason
from exporter.options import Secret
from tests.probes.http_connect import connect_proxy
from tests.probes.http_probing import phase, run
from tests.servers.certificates import Authority
from tests.servers.dns import DNSServer, addresses
from tests.servers.torture import Torture, answers, never_answers


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def trusting(authority: Authority, dns: DNSServer | None = None) -> NetworkOptions:
    return NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",) if dns else (), ca_file=str(authority.file))


async def test_https_goes_through_a_proxy_by_connect_with_its_headers(authority: Authority) -> None:
    context = authority.leaf("localhost").server_context()
    async with Torture(answers(), tls=context) as server, connect_proxy() as proxy:
        result = await run(
            f"https://localhost:{server.port}/",
            trusting(authority),
            proxy_url=Secret(proxy.url.replace("//", "//me:pass@")),
            proxy_connect_header={"X-Tenant": (Secret("a"),)},
            skip_resolve_phase_with_proxy=True,
        )
    assert result.ok, result.message
    assert proxy.heads[0].startswith(b"CONNECT localhost:")
    assert b"Proxy-Authorization: Basic bWU6cGFzcw==" in proxy.heads[0]
    assert b"X-Tenant: a" in proxy.heads[0]
    assert b"Proxy-Authorization" not in server.heads[0]
    assert phase(result, "resolve") == 0


async def test_a_proxy_of_the_options_is_given_an_address_as_blackbox_exporter_does(authority: Authority) -> None:
    context = authority.leaf("secure.example").server_context()
    async with (
        DNSServer({"secure.example": addresses("127.0.0.1")}) as dns,
        Torture(answers(), tls=context) as server,
        connect_proxy() as proxy,
    ):
        url = f"https://secure.example:{server.port}/"
        result = await run(url, trusting(authority, dns), proxy_url=Secret(proxy.url))
    assert result.ok, result.message
    assert proxy.heads[0].startswith(b"CONNECT 127.0.0.1:")
    assert result.samples["probe_ip_protocol"] == 4


async def test_a_proxy_is_passed_by_where_no_proxy_says_so() -> None:
    async with Torture(answers()) as server:
        result = await run(server.url, proxy_url=Secret("http://127.0.0.1:1"), no_proxy="a.example")
    assert result.ok, result.message


async def test_a_proxy_that_cannot_be_reached_is_the_vantages_fault() -> None:
    result = await run("http://www.example.com/", through="http://127.0.0.1:1")
    assert result.reason is Reason.VANTAGE


async def test_plain_http_asks_a_proxy_for_the_whole_url() -> None:
    async with Torture(answers(b"from afar")) as proxy:
        through = proxy.url.rstrip("/").replace("//", "//me:pass@")
        result = await run("http://www.example.com/a?b", through=through, fail_if_body_not_matches_regexp=("afar",))
    assert result.ok, result.message
    lines = proxy.heads[0].decode().splitlines()
    assert lines[:2] == ["GET http://www.example.com/a?b HTTP/1.1", "Host: www.example.com"]
    assert "Proxy-Authorization: Basic bWU6cGFzcw==" in lines


async def test_a_proxy_that_asks_for_credentials_is_the_vantages_fault() -> None:
    async with Torture(answers(status="407 Proxy Authentication Required")) as proxy:
        result = await run("http://www.example.com/", through=proxy.url)
    assert result.reason is Reason.VANTAGE
    assert proxy.requests == 1


async def test_a_proxy_that_is_silent_is_the_vantages_fault(authority: Authority) -> None:
    async with Torture(never_answers) as proxy:
        result = await run("https://www.example.com/", through=proxy.url, timeout=0.2)
    assert result.reason is Reason.VANTAGE
