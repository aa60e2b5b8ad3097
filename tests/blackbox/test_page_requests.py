"""`/probe` takes what a Prometheus asks of a blackbox_exporter, and answers what that answers."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.blackbox.asked import SCRAPE, Asked
from tests.servers.certificates import Authority
from tests.servers.origin import Origin, Reply
from tests.servers.ports import free_port
from tests.servers.program import run_command

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODULES = {
    "http_2xx": {"prober": "http"},
    "short": {"prober": "http", "timeout": "300ms"},
    "called": {"prober": "http", "http": {"headers": {"Host": "shop.example"}}},
    "tcp": {"prober": "tcp"},
    "dns": {"prober": "dns", "dns": {"query_name": "shop.example"}},
    "icmp": {"prober": "icmp"},
}

CONTRADICTION = (
    "host header defined both in module configuration (shop.example) and with URL-parameter 'hostname' (other.example)"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Asked]:
    trusting = {"ca_file": str(authority.file)}
    modules = MODULES | {
        "https": {"prober": "http", "http": {"tls_config": trusting}},
        "tls": {"prober": "tcp", "tcp": {"tls": True, "tls_config": trusting}},
        "tls_named": {"prober": "tcp", "tcp": {"tls": True, "tls_config": trusting | {"server_name": "own.example"}}},
    }
    async with Asked(tmp_path_factory.mktemp("asked"), modules) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def origin() -> AsyncIterator[Origin]:
    async with Origin(lambda request: Reply(b"hello")) as running:
        yield running


async def test_a_target_that_answers_is_a_success_with_the_metrics_of_the_original(
    asked: Asked, origin: Origin
) -> None:
    answer = await asked.probe(origin.url, "http_2xx")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.value("probe_success") == 1
    assert answer.value("probe_http_status_code") == 200
    assert answer.value("probe_http_duration_seconds", phase="tls") == 0
    assert answer.reason is None
    assert (
        "# HELP probe_success Displays whether or not the probe was a success\n# TYPE probe_success gauge\n"
        in answer.text
    )
    assert [request.path for request in origin.requests] == ["/"]


async def test_without_a_module_it_is_http_2xx(asked: Asked, origin: Origin) -> None:
    assert (await asked.probe(origin.url)).value("probe_success") == 1


async def test_a_probe_that_fails_is_answered_with_200_and_its_reason(asked: Asked) -> None:
    answer = await asked.probe(f"127.0.0.1:{free_port()}", "tcp")
    assert (answer.status, answer.value("probe_success"), answer.reason) == (200, 0, "connect")


@pytest.mark.parametrize("module", ["http_2xx", "tcp", "dns", "icmp"])
@pytest.mark.parametrize(
    "target", ["ftp://x", "http://[::1", "a b", "::bad::", "host:99999", "\N{SNOWMAN}\n\x00", "x" * 5000]
)
async def test_a_target_that_makes_no_sense_is_a_failed_probe(asked: Asked, module: str, target: str) -> None:
    answer = await asked.probe(target, module)
    assert (answer.status, answer.value("probe_success")) == (200, 0)
    assert answer.reason in ("internal", "resolve")


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ([], 400, "Target parameter is missing"),
        ([("target", "")], 400, "Target parameter is missing"),
        ([("module", "no_such"), ("target", "x")], 400, 'Unknown module "no_such"'),
        ([("module", "<b>\n\x1b"), ("target", "x")], 400, 'Unknown module "<b>\\n\\u001b"'),
        ([("module", "called"), ("target", "x"), ("hostname", "other.example")], 400, CONTRADICTION),
        ([("target", "x"), ("hostname", "a\r\nX: y")], 400, "'a\\r\\nX: y' is not a host name"),
        *[
            ([("target", "x"), ("hostname", name)], 400, f"'{name}' is not a host name")
            for name in ("[", "a]b", ".x", "a..b", "a/b", "a@b", "x:99999", "xn--é", "x" * 64, "a." * 130 + "b")
        ],
    ],
)  # fmt: skip
async def test_a_request_that_makes_no_sense_is_told_what_is_wrong(
    asked: Asked, query: list[tuple[str, str]], status: int, sentence: str
) -> None:
    answer = await asked.ask("/probe", query)
    assert (answer.status, answer.text) == (status, f"{sentence}\n")


@pytest.mark.parametrize("header", ["abc", "1s", "nan", "inf", "0x10", "1_0", "--1", "1,5"])
async def test_a_scrape_timeout_that_is_no_number_is_an_error_of_the_server_as_there(asked: Asked, header: str) -> None:
    answer = await asked.probe("127.0.0.1:1", "tcp", {SCRAPE: header})
    assert answer.status == 500
    assert answer.text.startswith("Failed to parse timeout from Prometheus header: ")


@pytest.mark.parametrize(
    ("module", "header", "seconds"),
    [
        ("http_2xx", "", 119.5),
        ("http_2xx", "0", 119.5),
        ("http_2xx", "10", 9.5),
        ("http_2xx", "1.5e1", 14.5),
        ("http_2xx", "1e300", 3600),
        ("short", "10", 0.3),
        ("short", "0.6", 0.1),
        ("short", "0.2", 0.3),  # less than the offset: the module's own, as there
        ("http_2xx", "0.2", 0),
    ],
)
async def test_the_deadline_is_the_scrapers_less_the_offset_or_the_modules(
    asked: Asked, origin: Origin, module: str, header: str, seconds: float
) -> None:
    answer = await asked.probe(origin.url, module, {SCRAPE: header} if header else None)
    assert answer.value("probe_timeout_seconds") == pytest.approx(seconds)


async def test_the_first_of_two_parameters_counts(asked: Asked, origin: Origin) -> None:
    query = [("target", origin.url), ("target", "x"), ("module", "http_2xx"), ("module", "no_such")]
    assert (await asked.ask("/probe", query)).value("probe_success") == 1


async def test_a_hostname_becomes_the_host_header(asked: Asked, origin: Origin) -> None:
    assert (await asked.probe(origin.url, hostname="shop.example")).value("probe_success") == 1
    assert (await asked.probe(origin.url, "called", hostname="shop.example")).value("probe_success") == 1
    assert {request.headers["host"] for request in origin.requests} == {"shop.example"}


async def test_a_hostname_is_sent_as_it_is_said_and_in_ascii(asked: Asked, origin: Origin) -> None:
    for name in ("Shop.Example:8080", "[2001:db8::1]:80", "bücher.example"):
        assert (await asked.probe(origin.url, hostname=name)).value("probe_success") == 1
    sent = [request.headers["host"] for request in origin.requests]
    assert sent == ["Shop.Example:8080", "[2001:db8::1]:80", "xn--bcher-kva.example"]


async def test_a_hostname_is_what_the_certificate_must_be_for(asked: Asked, authority: Authority) -> None:
    tls = authority.leaf("shop.example", "own.example").server_context()
    async with Origin(lambda request: Reply(), tls=tls) as origin:
        target = origin.url.removeprefix("https://")
        assert (await asked.probe(origin.url, "https")).reason == "tls"
        assert (await asked.probe(origin.url, "https", hostname="shop.example")).value("probe_success") == 1
        assert (await asked.probe(target, "tls")).reason == "tls"
        assert (await asked.probe(target, "tls", hostname="shop.example")).value("probe_success") == 1
        assert (await asked.probe(target, "tls", hostname="other.example")).reason == "tls"
        # What the module names wins, as there.
        assert (await asked.probe(target, "tls_named", hostname="other.example")).value("probe_success") == 1


async def test_whoever_prefers_openmetrics_gets_it(asked: Asked, origin: Origin) -> None:
    wanted = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = await asked.probe(origin.url, headers=wanted)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("\n# EOF\n")


async def test_it_is_packed_for_who_can_unpack(asked: Asked, origin: Origin) -> None:
    async with aiohttp.ClientSession(asked.url, auto_decompress=False) as session:
        for accepted, packed in (("gzip", True), ("gzip;q=0", False), ("", False)):
            headers = {"Accept-Encoding": accepted}
            async with session.get("/probe", params={"target": origin.url}, headers=headers) as answer:
                assert (answer.headers.get("Content-Encoding") == "gzip") is packed
                body = await answer.read()
                assert b"probe_success 1\n" in (gzip.decompress(body) if packed else body)


async def test_without_a_module_file_it_is_not_there_and_says_how_it_would_be(tmp_path: Path) -> None:
    async with Asked(tmp_path, None) as running:
        answer = await running.probe("x")
        assert answer.status == 404
        assert "--blackbox.config" in answer.text
        assert "--blackbox.config" in await running.history()
        assert await running.post("/-/reload") == (200, "applied.\n")


async def test_a_module_file_with_mistakes_stops_the_program_with_all_of_them(tmp_path: Path) -> None:
    asked = Asked(tmp_path, {"web": {"prober": "htp"}, "db": {"prober": "tcp", "tcp": {"tsl": True}}})
    ended = await run_command("run", "--blackbox.config", asked.modules, "--config.file", asked.file)
    assert ended.status == 1
    assert "htp" in ended.errors
    assert "tsl" in ended.errors
    assert "2 mistakes; nothing was applied." in ended.errors
