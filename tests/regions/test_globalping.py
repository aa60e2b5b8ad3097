"""Strangers in another country as a region: what they find, judged by the endpoint's options; a real server answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter import kinds
from exporter.assertions import HeaderMatch, JSONMatch
from exporter.assertions.records import Records
from exporter.attempt import run
from exporter.budget import Ledger
from exporter.model import CONTROLS, Endpoint, NetworkOptions, Pair, Quota, Reason, Region, Result
from exporter.net import Network
from exporter.regions import globalping as region
from tests.servers.globalping import POLITE, Found, Globalping, Mood, answered, failed, offline

SHELL = "<title>TikTok - Make Your Day</title>"
HTTP, DNS, ICMP = (kinds.module("probes", kind).Options for kind in ("http", "dns", "icmp"))
BY_TITLE = HTTP(fail_if_body_not_matches_regexp=("<title>TikTok",))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region, "POLL_AFTER", 0.01)


@pytest.fixture
async def globalping() -> AsyncIterator[Globalping]:
    async with Globalping(lambda asked, country: answered(200, SHELL)) as server:
        yield server


def turns(*found: Found) -> Callable[[Mapping[str, Any], str], Found | None]:
    """Strangers who find these, one after the other."""
    left: Iterator[Found] = iter(found)
    return lambda asked, country: next(left, None)


async def ask(
    globalping: Globalping,
    options: Any = BY_TITLE,
    target: str = "https://www.tiktok.com/oembed?url=x",
    *,
    kind: str = "http",
    service: str = "tiktok",
    quota: Mapping[str, Any] | None = None,
    within: float = 10.0,
    **where: Any,
) -> Result:
    endpoint = Endpoint(service, "feed", "page", kind, target, options, 60.0, within)
    there = Region("us", "globalping", region.Options(**{"country": "US", **where}))
    limits = Quota(**{"tests_per_hour": 200, "url": globalping.url, **(quota or {})})
    return await run(Pair(region.planned(endpoint, 0.0), there), Network(NetworkOptions(quota=limits)))


async def test_three_strangers_who_get_what_is_wanted_are_three_witnesses(globalping: Globalping) -> None:
    globalping.find = turns(*(answered(200, SHELL, first_byte=after) for after in (100, 220, 900)))
    result = await ask(globalping)
    assert (result.ok, result.reason, result.witnesses) == (True, None, 3)
    assert result.phases == {"resolve": 0.037, "connect": 0.032, "tls": 0.036, "processing": 0.22, "transfer": 0.001}
    assert result.duration == pytest.approx(sum(result.phases.values()))
    assert result.samples["probe_http_duration_seconds", "processing"] == 0.22
    assert result.samples["probe_http_status_code"] == 200
    assert result.samples["probe_tls_version_info", "TLS 1.3"] == 1
    assert result.samples["probe_ssl_earliest_cert_expiry"] == 1893456000
    known = {family.name for family in kinds.module("probes", "http").FAMILIES}
    assert {key if isinstance(key, str) else key[0] for key in result.samples} <= known


async def test_it_asks_for_what_the_endpoint_asks_for_where_the_region_is(globalping: Globalping) -> None:
    options = HTTP(headers={"User-Agent": "us", "Accept": "text/html", "Host": "other.test"}, method="GET")
    await ask(globalping, options, city="Ashburn", tags=("eyeball-network",), network="Comcast", probes=2)
    (asked,) = globalping.asked
    assert (asked["type"], asked["target"], asked["timeout"]) == ("http", "www.tiktok.com", 10)
    where = {"country": "US", "city": "Ashburn", "network": "Comcast", "tags": ["eyeball-network"], "limit": 2}
    assert asked["locations"] == [where]
    assert asked["measurementOptions"] == {
        "protocol": "HTTPS",
        "port": 443,
        "request": {
            "method": "GET",
            "path": "/oembed",
            "query": "url=x",
            "headers": {"Accept": "text/html"},
            "host": "other.test",
        },
    }


async def test_it_asks_again_no_sooner_than_half_a_second_after_an_answer_and_for_what_has_changed(
    globalping: Globalping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "POLL_AFTER", POLITE)
    globalping.ready_at = 4
    assert (await ask(globalping)).ok
    assert globalping.unchanged == 2
    assert globalping.hasty == []


async def test_a_measurement_that_never_ends_is_judged_by_those_who_have_answered(
    globalping: Globalping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "ANSWERS_WITHIN", 0.1)
    globalping.say(Mood.ENDLESS)
    result = await ask(globalping, within=1.0)
    assert (result.ok, result.witnesses) == (True, 1)
    assert [line.partition(": ")[2] for line in result.facts["probes"]] == [
        "good, status 200",
        "vantage, it was not ready in time",
        "vantage, it was not ready in time",
    ]


async def test_what_a_person_is_told_names_each_stranger_and_the_measurement(globalping: Globalping) -> None:
    globalping.find = turns(answered(200, SHELL), answered(503), failed("internal", "probe broke"))
    facts = (await ask(globalping)).facts
    assert facts["measurement"] == "https://globalping.io/?measurement=made000000000000"
    assert facts["probes"] == [
        "Ashburn, US, Net 0 (AS64500): good, status 200",
        "Ashburn, US, Net 1 (AS64501): status, status 503, wanted 200-299",
        "Ashburn, US, Net 2 (AS64502): vantage, probe broke",
    ]


GOOD, BAD = answered(200, SHELL), answered(503)
INTERNAL, WALL = failed("internal", "probe broke"), answered(403)


@pytest.mark.parametrize(
    ("found", "reason", "witnesses"),
    [
        ([GOOD, GOOD, BAD], None, 2),
        ([GOOD, BAD, BAD], Reason.STATUS, 2),
        ([BAD, BAD, BAD], Reason.STATUS, 3),
        ([GOOD, BAD, INTERNAL], None, 1),
        ([BAD, INTERNAL, offline()], Reason.STATUS, 1),
        ([INTERNAL, INTERNAL, offline()], Reason.VANTAGE, 1),
        ([WALL, WALL, GOOD], None, 1),
        ([WALL, WALL, BAD], Reason.STATUS, 1),
        ([WALL, INTERNAL, WALL], Reason.BLOCKED, 1),
        ([BAD], Reason.STATUS, 1),
    ],
)
async def test_the_majority_decides_of_those_that_can_judge(
    globalping: Globalping, found: list[Found], reason: Reason | None, witnesses: int
) -> None:
    globalping.find = turns(*found)
    result = await ask(globalping)
    assert (result.reason, result.witnesses) == (reason, witnesses)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (failed("target", "connect ECONNREFUSED 192.0.2.7:443"), Reason.CONNECT),
        (failed("target", "Request timeout"), Reason.TIMEOUT),
        (failed("target", "certificate has expired"), Reason.TLS),
        (failed("target", "Parse Error: Expected HTTP/"), Reason.PROTOCOL),
        (failed("target", "something new"), Reason.CONNECT),
        (failed("resolver", "queryA ESERVFAIL"), Reason.RESOLVE),
        (failed(None, "getaddrinfo ENOTFOUND www.tiktok.com"), Reason.RESOLVE),
        (failed(None, "something new"), Reason.VANTAGE),
        (failed("internal", "connect ECONNREFUSED"), Reason.VANTAGE),
        (offline(), Reason.VANTAGE),
        (answered(200, SHELL, trusted=False), Reason.TLS),
        (answered(200, "nginx"), Reason.BODY),
        (answered(200, SHELL + "x" * 20_000), None),
        (answered(200, "x" * 20_000), Reason.VANTAGE),
        (answered(302, "", {"location": "https://elsewhere.test/"}), Reason.VANTAGE),
        ({"status": "finished"}, Reason.VANTAGE),
        ({}, Reason.VANTAGE),
    ],
)
async def test_a_failure_of_the_target_counts_and_one_of_a_stranger_does_not(
    globalping: Globalping, found: Found, reason: Reason | None
) -> None:
    globalping.find = lambda asked, country: found
    assert (await ask(globalping, probes=1)).reason is reason


@pytest.mark.parametrize(
    ("options", "found", "reason"),
    [
        (HTTP(valid_status_codes=(range(302, 303),), follow_redirects=False), answered(302), None),
        (HTTP(valid_status_codes=(range(403, 404),)), answered(403), None),
        (HTTP(fail_if_body_matches_regexp=("sorry",)), answered(200, "sorry"), Reason.BODY),
        (HTTP(fail_if_body_matches_regexp=("sorry",)), answered(200, "x" * 20_000), Reason.VANTAGE),
        (HTTP(fail_if_body_matches_regexp=("sorry",)), answered(200, "sorry" * 5_000), Reason.BODY),
        (HTTP(fail_if_body_json_not_matches_cel="body.n > 1"), answered(200, '{"n": 2}'), None),
        (HTTP(fail_if_body_json_not_matches_cel="body.n > 1"), answered(200, '{"n": 1}'), Reason.BODY),
    ],
)
async def test_the_endpoints_own_options_judge(
    globalping: Globalping, options: Any, found: Found, reason: Reason | None
) -> None:
    globalping.find = lambda asked, country: found
    assert (await ask(globalping, options, probes=1)).reason is reason


async def test_headers_and_json_are_judged_as_at_home(globalping: Globalping) -> None:
    options = HTTP(
        fail_if_header_not_matches=(HeaderMatch(header="Server", regexp="^edge$"),),
        fail_if_json_not_matches=(JSONMatch(path="version", regexp="^1"),),
    )
    for headers, body, reason in (
        ({"server": "edge"}, '{"version":"1.0"}', None),
        ({"server": ["edge", "edge"]}, '{"version":"1.0"}', None),
        ({"server": "other"}, '{"version":"1.0"}', Reason.BODY),
        ({"server": "edge"}, '{"version":"2.0"}', Reason.BODY),
    ):
        globalping.find = turns(answered(200, body, headers))
        assert (await ask(globalping, options, probes=1)).reason is reason


async def test_a_control_is_asked_of_one_stranger(globalping: Globalping) -> None:
    assert (await ask(globalping, HTTP(), "http://captive.test/", service=CONTROLS)).ok
    assert globalping.tests == 1


async def test_a_name_is_looked_up_by_strangers(globalping: Globalping) -> None:
    record = {"name": "www.tiktok.com.", "type": "A", "ttl": 60, "class": "IN", "value": "192.0.2.7"}
    answer = {"status": "finished", "statusCodeName": "NOERROR", "answers": [record], "timings": {"total": 15}}
    globalping.find = lambda asked, country: answer
    result = await ask(globalping, DNS(query_name="www.tiktok.com", query_type="A"), "192.0.2.53", kind="dns")
    assert (result.ok, result.phases) == (True, {"request": 0.015})
    (asked,) = globalping.asked
    assert (asked["type"], asked["target"]) == ("dns", "www.tiktok.com")
    resolver = {"query": {"type": "A"}, "resolver": "192.0.2.53", "port": 53, "protocol": "UDP"}
    assert asked["measurementOptions"] == resolver
    globalping.find = lambda asked, country: answer | {"statusCodeName": "SERVFAIL"}
    result = await ask(globalping, DNS(query_name="www.tiktok.com", query_type="A"), "192.0.2.53", kind="dns")
    assert (result.reason, result.witnesses) == (Reason.STATUS, 3)


@pytest.mark.parametrize(("address", "reason"), [("192.0.2.7", None), ("198.51.100.1", Reason.BODY)])
async def test_the_records_that_strangers_get_are_judged_as_at_home(
    globalping: Globalping, address: str, reason: Reason | None
) -> None:
    record = {"name": "www.tiktok.com.", "type": "A", "ttl": 60, "class": "IN", "value": address}
    answer = {"status": "finished", "statusCodeName": "NOERROR", "answers": [record], "timings": {"total": 15}}
    globalping.find = lambda asked, country: answer
    wanted = Records(fail_if_not_matches_regexp=(r"\tIN\tA\t192\.0\.2\.",))
    options = DNS(query_name="www.tiktok.com", query_type="A", validate_answer_rrs=wanted)
    assert (await ask(globalping, options, "192.0.2.53", kind="dns")).reason is reason


@pytest.mark.parametrize(("arrived", "reason"), [(3, None), (0, Reason.TIMEOUT)])
async def test_a_host_is_pinged_by_strangers(globalping: Globalping, arrived: int, reason: Reason | None) -> None:
    stats = {"min": 8, "avg": 9 if arrived else None, "max": 10, "total": 3, "rcv": arrived, "drop": 3 - arrived}
    globalping.find = lambda asked, country: {"status": "finished", "stats": stats}
    result = await ask(globalping, ICMP(), "192.0.2.1", kind="icmp")
    assert (result.reason, result.phases["rtt"] if result.ok else None) == (reason, 0.009 if arrived else None)


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (Mood.FAILING, "Globalping refuses: status 500"),
        (Mood.GARBAGE, "what Globalping answers is no measurement"),
        (Mood.SPENT, "Globalping refuses: API rate limit exceeded. (status 429)"),
    ],
)
async def test_what_is_wrong_with_globalping_says_nothing_of_the_service(
    globalping: Globalping, mood: Mood, said: str
) -> None:
    globalping.say(mood)
    result = await ask(globalping)
    assert (result.reason, result.message) == (Reason.VANTAGE, said)


async def test_a_measurement_that_globalping_has_forgotten_is_no_outage(
    globalping: Globalping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "POLL_AFTER", 0.2)
    made = asyncio.Event()

    def find(asked: Mapping[str, Any], country: str) -> Found:
        made.set()
        return GOOD

    globalping.find = find
    asking = asyncio.create_task(ask(globalping))
    await made.wait()
    globalping.forget()
    result = await asking
    assert result.reason is Reason.VANTAGE
    assert result.message.startswith("Globalping does not show its measurement: Couldn't find the requested")


async def test_a_country_without_probes_is_no_outage(globalping: Globalping) -> None:
    globalping.find = lambda asked, country: None
    result = await ask(globalping)
    assert (result.reason, result.message) == (
        Reason.VANTAGE,
        "Globalping refuses: No suitable probes found. (status 422)",
    )


async def test_silence_ends_with_the_timeout_and_says_whose_it_is(
    globalping: Globalping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "PATIENCE", 0.2)
    globalping.say(Mood.SILENT)
    result = await ask(globalping, within=0.1)
    assert result.reason is Reason.VANTAGE
    assert result.message == "no answer within 0.3 s while waiting for Globalping"


async def test_nobody_there_to_ask_is_told_without_an_address(globalping: Globalping) -> None:
    result = await ask(globalping, quota={"url": "http://127.0.0.1:1"})
    assert (result.reason, result.message) == (Reason.VANTAGE, "Globalping cannot be asked: it lets nobody connect")


async def test_a_token_is_shown_to_globalping_and_nobody_else(globalping: Globalping, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    await ask(globalping, quota={"token": "secret"})
    await ask(globalping, quota={"token_file": str(tmp_path / "token")})
    assert globalping.tokens == {"secret", "from-a-file"}
    assert "secret" not in str(globalping.asked)


async def test_a_spent_hour_asks_nobody_and_says_until_when(globalping: Globalping, tmp_path: Path) -> None:
    quota = {"tests_per_hour": 5, "ledger": str(tmp_path / "ledger")}
    assert (await ask(globalping, quota=quota)).ok
    result = await ask(globalping, quota=quota)
    assert result.reason is Reason.VANTAGE
    assert result.message.startswith("the hour's 5 tests of Globalping are spent until ")
    assert (len(globalping.asked), globalping.tests) == (1, 3)


async def test_what_globalping_says_is_left_is_heeded(globalping: Globalping, tmp_path: Path) -> None:
    quota = {"ledger": str(tmp_path / "ledger")}
    globalping.limit = 5
    assert (await ask(globalping, quota=quota)).ok
    assert "are spent until" in (await ask(globalping, quota=quota)).message
    globalping.limit, globalping.tests = 250, 0
    assert "are spent until" in (await ask(globalping, quota=quota)).message
    assert len(globalping.asked) == 1


async def test_after_a_429_nobody_is_asked_until_the_time_it_names(globalping: Globalping, tmp_path: Path) -> None:
    quota = {"ledger": str(tmp_path / "ledger")}
    globalping.say(Mood.SPENT)
    assert "429" in (await ask(globalping, quota=quota)).message
    globalping.say(Mood.FINE)
    assert "are spent until" in (await ask(globalping, quota=quota)).message
    assert globalping.asked == []


async def test_tests_that_cannot_be_counted_are_not_made(globalping: Globalping, tmp_path: Path) -> None:
    result = await ask(globalping, quota={"ledger": str(tmp_path / "gone" / "ledger")})
    assert result.reason is Reason.VANTAGE
    assert "cannot be counted: No such file or directory" in result.message
    assert globalping.asked == []


async def test_tests_are_counted_before_they_are_asked_for(
    globalping: Globalping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "PATIENCE", 0.2)
    globalping.say(Mood.SILENT)
    ledger = tmp_path / "ledger"
    result = await ask(globalping, within=0.1, quota={"ledger": str(ledger)})
    assert not result.ok
    assert Ledger(ledger, 200).spent(result.started) == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nobody.invalid"])
async def test_a_line_that_is_cut_takes_no_quota_with_it(globalping: Globalping, tmp_path: Path, url: str) -> None:
    ledger = tmp_path / "ledger"
    result = await ask(globalping, quota={"ledger": str(ledger), "url": url})
    assert not result.ok
    assert Ledger(ledger, 200).spent(result.started) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (HTTP(method="POST"), "without a body"),
        (HTTP(headers={"Cookie": "a=b"}), "credentials would go to strangers"),
        (HTTP(bearer_token="secret"), "credentials would go to strangers"),
        (HTTP(proxy_url="http://proxy.test:3128"), "a proxy"),
        (HTTP(valid_http_versions=("HTTP/1.0",)), "HTTP/1.1 and HTTP/2"),
        (HTTP(enable_http3=True, enable_http2=False), "HTTP/1.1 and HTTP/2"),
    ],
)
async def test_what_strangers_cannot_do_is_refused_and_not_sent(
    globalping: Globalping, options: Any, said: str
) -> None:
    result = await ask(globalping, options)
    assert result.reason is Reason.VANTAGE
    assert said in result.message
    assert globalping.asked == []
