"""`/api/v1/incidents`, asked over real HTTP on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter import config as configuration
from exporter import web
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Answer, Cause, Confidence
from exporter.verdict import Verdict
from tests.configurations import NOW, Running, config

SHIPPED = configuration.past_outages()


class Served:
    """The application on a port of its own, over a history that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder / "data", {"tiktok": SHIPPED})
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    async def __aenter__(self) -> Served:
        running = Running(config("home"))
        site = web.Site(
            store=running.store,
            page=running.page,
            own=Own(),
            history=self.history,
            reload=self._reload,
            ready=lambda: True,
        )
        self.server = await web.serve(web.application(site), [f"127.0.0.1:{self.port}"], None)
        self.session = aiohttp.ClientSession(f"http://localhost:{self.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.server.close()
        self.history.close()

    async def _reload(self) -> list[str]:
        return []

    async def get(self, query: str = "") -> tuple[int, str]:
        async with self.session.get(f"/api/v1/incidents{query}") as answer:
            return answer.status, await answer.text()

    async def told(self, query: str = "") -> Any:
        status, text = await self.get(query)
        assert status == 200
        return json.loads(text)

    def note(self, answer: Answer, at: float, service: str = "tiktok", sentence: str = "feed is down.") -> None:
        verdict = Verdict(service, service, answer, {"feed": answer}, {}, (sentence,))
        self.history.incidents.note(verdict, at)

    def incident(self, start: float, end: float | None, service: str = "tiktok") -> None:
        self.note(Answer.DOWN, start, service)
        if end is not None:
            self.note(Answer.UP, end, service)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        yield running


async def test_an_incident_is_told_whole_with_each_time_in_both_forms(served: Served) -> None:
    verdict = Verdict("tiktok", "TikTok", Answer.DOWN, {"feed": Answer.DOWN}, {}, ("feed is down.",))
    said = replace(verdict, cause=Cause.UPSTREAM, because="oracle says so", confidence=Confidence.HIGH, since=NOW - 60)
    served.history.incidents.note(said, NOW)
    served.note(Answer.UP, NOW + 30.0)
    (incident,) = [one for one in (await served.told())["incidents"] if not one["documented"]]
    assert incident == {
        "id": "tiktok-1",
        "service": "tiktok",
        "documented": False,
        "open": False,
        "started_at": "2023-11-14T22:12:20Z",
        "started": NOW - 60,
        "ended_at": "2023-11-14T22:13:50Z",
        "ended": NOW + 30.0,
        "duration_seconds": 90.0,
        "last_bad_at": "2023-11-14T22:13:20Z",
        "last_bad": NOW,
        "changed_at": "2023-11-14T22:13:50Z",
        "changed": NOW + 30.0,
        "reopened": 0,
        "worst": "down",
        "peak": {"regions": 0, "features": 1},
        "regions": [],
        "features": ["feed"],
        "causes": [
            {"cause": "upstream", "named_at": "2023-11-14T22:13:20Z", "named": NOW, "because": "oracle says so"}
        ],
        "confidence": "high",
        "sentences": ["feed is down."],
        "evidence": [{"said_at": "2023-11-14T22:13:20Z", "said": NOW, "sentence": "feed is down."}],
    }


async def test_open_ones_come_first_and_then_the_newest(served: Served) -> None:
    served.incident(NOW, None)
    served.incident(NOW - 9000.0, NOW - 8940.0, "youtube_shorts")
    served.incident(NOW + 9000.0, NOW + 9060.0, "youtube_shorts")
    found = [one for one in (await served.told("?limit=500"))["incidents"] if not one["documented"]]
    assert [one["id"] for one in found] == ["tiktok-1", "youtube_shorts-3", "youtube_shorts-2"]
    assert found[0]["ended_at"] is None
    assert found[0]["open"]
    assert found[0]["duration_seconds"] > 0


async def test_documented_outages_stand_beside_and_say_whether_anybody_corroborates_them(served: Served) -> None:
    found = (await served.told("?service=tiktok&limit=500"))["incidents"]
    told = {one["id"]: one["corroborated"] for one in found}
    assert told == {f"tiktok-documented-{outage.name}": outage.corroborated for outage in SHIPPED}
    assert {one["documented"] for one in found} == {True}
    assert set(told.values()) == {True, False}
    assert (await served.told("?service=youtube_shorts"))["incidents"] == []


async def test_documented_outages_count_in_no_statistics(served: Served) -> None:
    (about,) = (await served.told("?service=tiktok"))["services"]
    assert about["incidents"]["all"] == 0
    assert about["mean_time_to_recovery_seconds"] is None
    assert about["availability"]["365d"]["ratio"] is None


async def test_statistics_are_told_by_service_with_how_much_was_observed(served: Served) -> None:
    now = datetime.now().timestamp()
    for step in range(101):
        served.note(Answer.DOWN if step < 10 else Answer.UP, now - 500.0 + 5.0 * step)
    served.history.incidents.keep()
    served.note(Answer.UP, now + 61.0)
    tiktok, youtube = (await served.told())["services"]
    assert (tiktok["service"], tiktok["title"], youtube["service"]) == ("tiktok", "TikTok", "youtube_shorts")
    assert tiktok["availability"]["30d"]["seconds"]["down"] == pytest.approx(50.0)
    assert tiktok["availability"]["30d"]["ratio"] == pytest.approx(0.9)
    assert tiktok["availability"]["30d"]["observed_ratio"] == pytest.approx(500.0 / (30 * 86400))
    assert tiktok["mean_time_to_recovery_seconds"] == pytest.approx(50.0)
    assert tiktok["incidents"] == {"all": 1, "degraded": 0, "partial": 0, "down": 1}
    assert youtube["availability"]["30d"]["ratio"] is None


@pytest.mark.parametrize(
    "since", [f"{NOW}", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20%2B01:00", "2023-11-14 22:13:20"]
)
async def test_since_takes_every_incident_that_lasted_until_then(served: Served, since: str) -> None:
    served.incident(NOW - 9000.0, NOW - 1.0, "youtube_shorts")
    served.incident(NOW - 8000.0, NOW, "tiktok")
    found = (await served.told(f"?since={since}"))["incidents"]
    assert [one["id"] for one in found if not one["documented"]] == ["tiktok-2"]


async def test_the_limit_is_of_all_together(served: Served) -> None:
    for number in range(5):
        served.incident(NOW + 1000.0 * number, NOW + 1000.0 * number + 60.0)
    assert len((await served.told("?limit=3"))["incidents"]) == 3


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?limit=0", "limit '0' is not a number from 1 to 500"),
        ("?limit=501", "limit '501' is not a number from 1 to 500"),
        ("?limit=%C2%B2", r"limit '\xb2' is not a number from 1 to 500"),
        ("?limit=-1", "limit '-1' is not a number from 1 to 500"),
        ("?since=", "since '' is not a time; write it as 2026-03-03T13:24:00Z or in unix seconds"),
        ("?since=nan", "since 'nan' is not a time; write it as 2026-03-03T13:24:00Z or in unix seconds"),
        ("?since=yesterday", "since 'yesterday' is not a time; write it as 2026-03-03T13:24:00Z or in unix seconds"),
        ("?sinse=1", "'sinse' is not a parameter; there are service, since, limit"),
    ],
)
async def test_a_bad_parameter_is_said_in_a_sentence(served: Served, query: str, sentence: str) -> None:
    assert await served.get(query) == (400, f"400: {sentence}.\n")


async def test_a_number_without_end_is_no_fault_of_ours(served: Served) -> None:
    status, text = await served.get(f"?limit={'9' * 5000}")
    assert (status, len(text) < 200) == (400, True)


async def test_an_unknown_service_is_not_found_and_those_that_are_there_are_named(served: Served) -> None:
    assert await served.get("?service=tiktak%0A") == (
        404,
        r"404: no service 'tiktak\n' is configured; there are tiktok, youtube_shorts." + "\n",
    )


async def test_other_sites_pages_may_read_it(served: Served) -> None:
    async with served.session.get("/api/v1/incidents") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_history_that_cannot_be_read_is_said_so_and_takes_no_metrics_along(served: Served) -> None:
    served.history.close()
    assert await served.get() == (503, "503: the history cannot be read; the log says why.\n")
    async with served.session.get("/metrics") as answer:
        text = await answer.text()
    assert "outage_availability" not in text
    assert "outage_verdict{" in text
