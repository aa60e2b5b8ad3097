"""The configuration that ships, not a byte changed, merged with the box's file: what `run` does when it is started."""

from __future__ import annotations

from pathlib import Path

from tests.servers.box import SHIPPED, Box
from tests.servers.program import Exporter, until
from tests.servers.proxies import Microsocks, Tinyproxy


async def test_the_first_round_finds_everything_up_in_three_regions_with_one_attempt_each(tmp_path: Path) -> None:
    async with Box() as box, Microsocks(box, "eu-west") as socks, Tinyproxy(box, "us-east") as connect:
        async with Exporter(tmp_path, SHIPPED, box.write_config(tmp_path, [socks, connect])) as exporter:
            fine = "feed, video, login, upload, live, api and ads are fine in 3 regions."
            await until(lambda: exporter.verdict("tiktok"), lambda found: found["sentences"] == [fine], within=15.0)
            for name in box.services:
                await exporter.until_answer(name, "up", within=15.0)
            assert (await exporter.verdict("tiktok"))["answer"] == "up"
            page = await exporter.metrics()
            attempts = page.series("probe_attempts_total")
            assert len(attempts) == 3 * len(box.endpoints)
            assert set(attempts.values()) == {1.0}
            assert page.total("probe_failures_total") == 0
            assert page.total("outage_region_seeing") == 3
            assert (await exporter.get("/-/ready"))[0] == 200
            for name in box.services[1:]:
                assert (await exporter.verdict(name))["sentences"] == ["watch is fine in 3 regions."]
            assert exporter.log.count("\n") == 35  # serving, 21 + 9 states and 4 verdicts
        assert {seen.region for seen in box.requests} == {"here", "eu-west", "us-east"}
        assert all("outage-exporter" in seen.user_agent for seen in box.requests)


async def test_without_any_answer_the_first_round_says_that_the_line_is_cut(tmp_path: Path) -> None:
    async with Box() as box:
        for name in box.services:
            box.break_(service=name, mode="refuse")
        box.break_(feature="controls", mode="refuse")
        async with Exporter(tmp_path, SHIPPED, box.write_config(tmp_path)) as exporter:
            verdict = await until(
                lambda: exporter.verdict("tiktok"), lambda found: "is blind" in found["sentences"][0], within=15.0
            )
            assert verdict["answer"] == "unknown"
            assert verdict["sentences"][-1] == "No region of ours sees the internet: the problem is on your end."
