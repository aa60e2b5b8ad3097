"""`proxy_from_environment`: the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go reads them."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.model import NetworkOptions, Reason, Result
from exporter.net import parse_route
from tests.probes.http_probing import run
from tests.servers.dns import DNSServer, addresses
from tests.servers.torture import Torture, answers, redirects_to

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
SITE = "http://www.example.com/"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def asked(url: str, **options: Any) -> Result:
    """A probe through whatever proxy the environment names, which is given the name."""
    return await run(url, proxy_from_environment=True, skip_resolve_phase_with_proxy=True, timeout=2.0, **options)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("scheme", ["", "http://", "http://me:pass@"])
async def test_a_plain_url_goes_by_http_proxy(monkeypatch: pytest.MonkeyPatch, name: str, scheme: str) -> None:
    async with Torture(answers(b"from afar")) as proxy:
        monkeypatch.setenv(name, f"{scheme}127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        result = await asked(SITE, fail_if_body_not_matches_regexp=("afar",))
    assert result.ok, result.message
    assert proxy.heads[0].startswith(b"GET http://www.example.com/ HTTP/1.1\r\n")
    assert (b"Proxy-Authorization: Basic bWU6cGFzcw==" in proxy.heads[0]) is ("pass" in scheme)


async def test_a_url_with_tls_goes_by_https_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Torture(answers(status="403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("https_proxy", proxy.url)
        result = await asked("https://www.example.com/")
    assert result.reason is Reason.VANTAGE
    assert proxy.heads[0].startswith(b"CONNECT www.example.com:443 HTTP/1.1\r\n")


async def test_each_hop_takes_the_proxy_of_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    redirect = redirects_to("https://login.example.com/")
    async with Torture(redirect) as plain, Torture(answers(status="403 Forbidden")) as tls:
        monkeypatch.setenv("HTTP_PROXY", plain.url)
        monkeypatch.setenv("HTTPS_PROXY", tls.url)
        await asked(SITE)
    assert (plain.requests, tls.requests) == (1, 1)
    assert tls.heads[0].startswith(b"CONNECT login.example.com:443 ")


@pytest.mark.parametrize("excepted", ["www.example.com", "example.com", ".example.com", "a.test, *.example.com", "*"])
async def test_no_proxy_excepts_a_host(monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", excepted)
    async with DNSServer({"www.example.com": addresses("127.0.0.1")}) as dns, Torture(answers()) as server:
        network = NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",))
        result = await asked(f"http://www.example.com:{server.port}/", network=network)
    assert result.ok, result.message


async def test_this_machine_is_never_asked_for_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Torture(answers()) as server:
        assert (await asked(server.url)).ok


async def test_an_environment_without_proxies_changes_nothing() -> None:
    async with Torture(answers()) as server:
        assert (await asked(server.url)).ok


async def test_a_proxy_that_cannot_be_used_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://me:hunter2@proxy.example")
    result = await asked(SITE)
    assert result.reason is Reason.INTERNAL
    assert (
        result.message
        == "the environment names no proxy that can be used: 'ftp' is not a kind of proxy (http, socks5h)"
    )


def test_a_proxy_whose_url_names_no_port_listens_where_http_does() -> None:
    assert parse_route("http://proxy.example").port == 80
    assert parse_route("socks5h://proxy.example").port == 1080
