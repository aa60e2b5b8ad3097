"""What people report, over real HTTP: counted once, kept before it is answered, and proof against floods."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from exporter import kinds, web
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Signal
from exporter.readings import BUCKET
from exporter.signals.reports import Intake
from tests.configurations import Running, config
from tests.servers.ports import free_port
from tests.servers.program import until

PATH = "/api/v1/reports"
FEED = {"service": "tiktok", "feature": "feed"}
PROXY = tuple(ip_network(network) for network in ("127.0.0.0/8", "10.0.0.0/8"))


class Desk:
    """The page with an intake behind it, reached through a proxy that is trusted. `now` is its clock."""

    def __init__(self, folder: Path) -> None:
        self.now = float(int(time.time() // BUCKET) * BUCKET)
        self.history = History(folder)
        self.crowds = Crowds(self.history.buckets, lambda: self.now)
        self.intake = Intake(self.crowds.add, lambda: self.now)
        self.port = free_port()
        self.apply()

    def apply(self, **options: Any) -> None:
        behind = {"visitor_header": "X-Forwarded-For", "region_header": "CF-IPCountry", "trusted_proxies": PROXY}
        made = kinds.module("signals", "reports").Options(**{**behind, **options})
        self.apply_signals(Signal("people", "reports", made, 10.0, ("tiktok",)))

    def apply_signals(self, *signals: Signal) -> None:
        loaded = replace(config("home"), signals=signals)
        self.crowds.apply(loaded)
        self.intake.apply(loaded)

    async def __aenter__(self) -> Self:
        running = Running(config("home"))
        site = web.Site(
            running.store, running.page, Own(), self.history, self._reload, lambda: True, self.crowds, self.intake
        )
        self.server = await web.serve(web.application(site), [f"127.0.0.1:{self.port}"], None)
        self.session = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.server.close()
        self.intake.close()
        self.history.close()

    async def _reload(self) -> list[str]:
        return []

    async def post(self, visitor: str = "192.0.2.1", headers: dict[str, str] | None = None, **more: Any) -> Any:
        """Status and answer: of FEED as JSON unless `more` says otherwise."""
        sent = {"X-Forwarded-For": visitor, **(headers or {})}
        async with self.session.post(PATH, headers=sent, **(more or {"json": FEED})) as answer:
            self.retry_after = answer.headers.get("Retry-After")
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    def kept(self) -> dict[str, int]:
        """What the database holds, by feature; the empty one is the service as a whole."""
        found: dict[str, int] = {}
        for tally in self.history.buckets.tallies("people", 0):
            found[tally.feature] = found.get(tally.feature, 0) + tally.count
        return found

    def refuse_writes(self, refuse: bool) -> None:
        self.history.buckets._database.execute(f"PRAGMA query_only = {refuse}")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path) as running:
        yield running


async def test_a_report_is_kept_when_it_is_answered_and_hears_what_others_report(desk: Desk) -> None:
    status, answer = await desk.post(headers={"CF-IPCountry": "US"})
    assert status == 202
    assert (answer["counted"], answer["feature"], answer["others"]) == (True, "feed", None)
    assert desk.kept() == {"feed": 1, "": 1}
    assert [tally.region for tally in desk.history.buckets.regions("people", 0)] == ["US", "US"]
    desk.now += BUCKET
    desk.intake.close()  # as the note that nobody reported
    _, answer = await desk.post("192.0.2.2")
    assert (answer["others"]["count"], answer["others"]["usual"]) == (1, 4.0)


async def test_a_visitor_counts_once_an_hour_for_a_feature_and_once_for_the_service(desk: Desk) -> None:
    answers = [await desk.post(), await desk.post(), await desk.post(json={"service": "tiktok"})]
    assert [(status, answer["counted"]) for status, answer in answers] == [(202, True), (202, False), (202, False)]
    assert desk.kept() == {"feed": 1, "": 1}
    assert desk.intake.refused["repeated"] == 2


@pytest.mark.parametrize("minutes", [0, 1, 29, 59])
async def test_the_hour_holds_across_a_change_of_the_key(desk: Desk, minutes: int) -> None:
    await desk.post("198.51.100.1")  # the first key begins
    desk.now += minutes * 60
    await desk.post()
    desk.now += 59 * 60
    assert (await desk.post())[1]["counted"] is False
    desk.now += 60
    assert (await desk.post())[1]["counted"] is True


async def test_an_ipv6_home_is_one_visitor_and_a_port_is_no_part_of_one(desk: Desk) -> None:
    visitors = ("2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.1:4711", "::ffff:192.0.2.1")
    counted = [(await desk.post(visitor))[1]["counted"] for visitor in visitors]
    assert counted == [True, False, True, True, False, False]


async def test_the_last_address_that_a_trusted_proxy_saw_is_the_visitor(desk: Desk) -> None:
    forged = ("192.0.2.1", "203.0.113.9, 192.0.2.1", "rubbish, 192.0.2.1, 10.1.2.3", "203.0.113.9")
    counted = [(await desk.post(visitor))[1]["counted"] for visitor in forged]
    assert counted == [True, False, False, True]


async def test_a_header_of_somebody_who_is_no_trusted_proxy_is_not_believed(desk: Desk) -> None:
    desk.apply(trusted_proxies=PROXY[1:])
    answers = [await desk.post(visitor, {"CF-IPCountry": "US"}) for visitor in ("192.0.2.1", "192.0.2.2")]
    assert [answer["counted"] for _, answer in answers] == [True, False]
    assert list(desk.history.buckets.regions("people", 0)) == []


@pytest.mark.parametrize("said", ["XX", "T1", "", "a b", "x" * 17])
async def test_a_region_that_is_none_is_left_out(desk: Desk, said: str) -> None:
    assert (await desk.post(headers={"CF-IPCountry": said}))[0] == 202
    assert list(desk.history.buckets.regions("people", 0)) == []


async def test_words_are_counted_and_kept_nowhere(desk: Desk) -> None:
    await desk.post(json={**FEED, "words": "unmistakable"})
    await desk.post("192.0.2.2", json={**FEED, "words": " "})
    assert desk.intake.words == {True: 1, False: 1}
    dump = "".join(desk.history.buckets._database.iterdump())
    assert "tiktok" in dump
    assert "unmistakable" not in dump


async def test_a_form_is_answered_in_a_sentence(desk: Desk) -> None:
    assert await desk.post(data=FEED) == (202, "202: thank you.\n")
    assert await desk.post(data={**FEED, "feature": ""}) == (
        202,
        "202: thank you; it counts once an hour, and had been counted.\n",
    )
    status, text = await desk.post(data={"service": "tiktok", "feature": "fed"})
    assert (status, text) == (400, "400: 'fed' is not a feature of TikTok (allowed: feed).\n")


@pytest.mark.parametrize(
    ("status", "told", "sent"),
    [
        (400, {"error": "service is missing", "allowed": ["tiktok"]}, {"json": {}}),
        (400, {"allowed": ["tiktok"]}, {"json": {"service": "youtube_shorts"}}),
        (400, {"error": "'fed' is not a feature of TikTok", "allowed": ["feed"]}, {"json": {**FEED, "feature": "fed"}}),
        (400, {"allowed": ["service", "feature", "words"]}, {"json": {**FEED, "word": "x"}}),
        (400, {"error": "words is not a text"}, {"json": {**FEED, "words": 1}}),
        (400, {"allowed": ["service", "feature", "words"]}, {"json": [1]}),
        (400, {}, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        (400, {}, {"data": b"[" * 4000, "headers": {"Content-Type": "application/json"}}),
        (400, {}, {"data": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}),
        (413, {"error": "a report has at most 4096 bytes"}, {"json": {**FEED, "words": "x" * 4096}}),
        (415, {"allowed": ["application/json", "application/x-www-form-urlencoded"]}, {"data": "x"}),
        (403, {}, {"json": FEED, "headers": {"Origin": "https://evil.example"}}),
        (403, {}, {"json": FEED, "headers": {"Origin": "null"}}),
        (403, {}, {"json": FEED, "headers": {"Sec-Fetch-Site": "cross-site"}}),
        (403, {}, {"json": FEED, "headers": {"Sec-Fetch-Site": "same-site"}}),
    ],
)
async def test_what_is_no_report_is_told_why(desk: Desk, status: int, told: dict[str, Any], sent: Any) -> None:
    found, answer = await desk.post(**sent)
    assert found == status
    assert told.items() <= answer.items()
    assert desk.kept() == {}
    assert sum(desk.intake.refused.values()) == 1


async def test_a_body_without_a_length_is_not_read_beyond_what_is_allowed(desk: Desk) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 1024

    status, _ = await desk.post(data=pieces(), headers={"Content-Type": "application/json"})
    assert status == 413


async def test_our_own_page_may_report(desk: Desk) -> None:
    own = {"Origin": f"http://127.0.0.1:{desk.port}", "Sec-Fetch-Site": "same-origin"}
    assert (await desk.post(headers=own, data=FEED))[0] == 202


async def test_who_reports_too_often_waits_and_nobody_else_does(desk: Desk) -> None:
    desk.apply(visitor_limit=2)
    assert [(await desk.post())[0] for _ in range(3)] == [202, 202, 429]
    assert desk.retry_after == "60"
    assert (await desk.post("192.0.2.2"))[0] == 202
    desk.now += 60
    assert (await desk.post())[0] == 202


async def test_more_than_all_may_report_are_told_to_wait_a_second(desk: Desk) -> None:
    desk.apply(limit=2)
    assert [(await desk.post(f"192.0.2.{n}"))[0] for n in range(3)] == [202, 202, 429]
    assert desk.retry_after == "1"
    desk.now += 1
    assert (await desk.post("192.0.2.9"))[0] == 202


async def test_what_is_remembered_is_bounded_and_what_is_beyond_is_not_counted(desk: Desk) -> None:
    desk.apply(memory=4)
    assert [(await desk.post(f"192.0.2.{n}"))[0] for n in range(3)] == [202, 202, 503]
    assert desk.kept() == {"feed": 2, "": 2}
    desk.now += 7200
    assert (await desk.post("192.0.2.3"))[0] == 202


async def test_a_report_that_cannot_be_kept_is_not_counted_and_may_come_again(desk: Desk) -> None:
    desk.refuse_writes(True)
    answers = await asyncio.gather(desk.post(), desk.post(), desk.post("192.0.2.2"))
    assert [status for status, _ in answers] == [503, 503, 503]
    assert desk.retry_after == "30"
    desk.refuse_writes(False)
    assert desk.kept() == {}
    assert (await desk.post())[1]["counted"] is True
    assert desk.kept() == {"feed": 1, "": 1}


async def test_without_such_a_signal_none_are_taken_until_a_reload_brings_one(desk: Desk) -> None:
    desk.apply_signals()
    status, answer = await desk.post()
    assert (status, answer["error"]) == (404, "reports are not taken here: no signal of kind reports is configured")
    desk.apply()
    assert (await desk.post())[0] == 202


async def test_a_reload_forgets_nobody(desk: Desk) -> None:
    await desk.post()
    desk.apply(prior=2.0)
    assert (await desk.post())[1]["counted"] is False


async def test_in_a_flood_each_visitor_counts_once_and_the_excess_is_counted(desk: Desk) -> None:
    visitors = [f"198.51.{number // 100}.{number % 100}" for number in range(200)]
    posts = [desk.post(visitor) for visitor in visitors] + [desk.post("203.0.113.1") for _ in range(300)]
    statuses = [status for status, _ in await asyncio.gather(*posts)]
    assert desk.kept() == {"feed": 201, "": 201}
    assert desk.intake.accepted["tiktok", "feed"] == 201
    assert (desk.intake.refused["repeated"], desk.intake.refused["limited"]) == (59, 240)
    assert (statuses.count(202), statuses.count(429)) == (260, 240)


async def test_silence_is_noted_so_that_a_bucket_without_reports_is_a_zero(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        assert desk.intake.signal is not None
        desk.apply_signals(replace(desk.intake.signal, interval=0.01))
        listening = asyncio.create_task(desk.intake.listen())
        desk.now += BUCKET

        async def crowds() -> list[int]:
            return [crowd.count for crowd in desk.crowds.crowds()]

        assert await until(crowds, bool) == [0, 0]
        listening.cancel()
