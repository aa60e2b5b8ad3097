"""The shipped configuration with strangers in eight countries, in the box: what the whole program says of outages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.box import Box
from tests.servers.faults import CONTROLS
from tests.servers.program import Exporter, hastened, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNTRIES = {"us", "br", "gb", "de", "za", "jp", "id", "au"}
ROUND = 8 * (3 * 3 + 1)
"""Tests that it costs to ask everything once: two canaries, a short link and a control."""

WITHIN = 60.0
"""Seconds from a fault to what is said of it: a failure is confirmed for 15 s, and strangers need a few."""

Start = Callable[..., AbstractAsyncContextManager["Watched"]]


class Watched:
    """A program that watches the box."""

    def __init__(self, box: Box, exporter: Exporter) -> None:
        self.box = box
        self.exporter = exporter

    async def until(self, answer: str, **regions: set[str]) -> Any:
        """TikTok's verdict as soon as it is `answer` and the feed has these states in these regions."""

        def holds(verdict: Any) -> bool:
            return verdict["answer"] == answer and all(
                feed_in(verdict, state) == wanted for state, wanted in regions.items()
            )

        return await until(lambda: self.exporter.verdict("tiktok"), holds, WITHIN, every=0.25)


def feed_in(verdict: Any, state: str) -> set[str]:
    return {each["region"] for each in verdict["states"] if each["feature"] == "feed" and each["state"] == state}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Box]:
    async with Box() as box:
        box.globalping.limit = 10_000
        yield box


@pytest.fixture
def start(box: Box, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def started(tests_per_hour: int = 2000) -> AsyncIterator[Watched]:
        quota = tmp_path / "quota.yaml"
        quota.write_text(f"globalping: {{tests_per_hour: {tests_per_hour}}}\n")
        files = (hastened(tmp_path, 4.0), box.write_config(tmp_path, globalping=True), quota)
        try:
            async with Exporter(tmp_path, *files) as exporter:
                yield Watched(box, exporter)
        finally:
            box.mend()

    return started


async def test_an_outage_of_one_country_is_partial_one_of_all_is_down_within_a_minute_and_its_end_is_soon_seen(
    start: Start, box: Box
) -> None:
    box.break_(mode="refuse", region="jp")
    async with start() as watched:
        verdict = await watched.until("partial", down={"jp"}, up={"here", *COUNTRIES} - {"jp"})
        assert any(line.startswith("feed is down in 1 of 9 regions (jp): 3 of 3") for line in verdict["sentences"])
        assert 'msg="globalping is asked" regions=8 pairs=32' in watched.exporter.log
        assert box.globalping.hasty == []
        assert {seen.region for seen in box.requests} == {"here", *COUNTRIES}
        box.break_(mode="refuse")
        await watched.until("down", down={"here", *COUNTRIES})
        box.mend()
        await watched.until("up", up={"here", *COUNTRIES})


async def test_when_globalping_is_gone_this_machine_alone_decides_and_with_it_gone_nobody(start: Start) -> None:
    async with start() as watched:
        await watched.until("up", up={"here", *COUNTRIES})
        watched.box.globalping.say("failing")
        watched.box.break_(mode="refuse")
        verdict = await watched.until("down", down={"here"}, unknown=COUNTRIES)
        assert any(line.startswith("feed is down in 1 of 1 region (here): ") for line in verdict["sentences"])
        watched.box.break_(feature=CONTROLS, mode="refuse")
        verdict = await watched.until("unknown", unknown={"here", *COUNTRIES})
        assert verdict["sentences"][-1] == "No region of ours sees the internet: the problem is on your end."
        assert "Traceback" not in watched.exporter.log


async def test_when_the_hour_is_spent_this_machine_alone_decides_and_nobody_is_asked(start: Start) -> None:
    async with start(tests_per_hour=ROUND) as watched:
        await watched.until("up", up={"here", *COUNTRIES})
        before = watched.box.globalping.tests
        watched.box.break_(mode="refuse")
        await watched.until("down", down={"here"}, unknown=COUNTRIES)
        assert watched.box.globalping.tests == before
