"""`/status` and `/config`: what an operator reads of the exporter itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import kinds
from exporter.model import Reason, Signal
from exporter.readings import Fault, Heard, Reading
from exporter.signals.reports import Report
from tests.configurations import NOW, failed, ok
from tests.web.served import Served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        running.site.own.configuration_applied(NOW)
        yield running


def read(text: str) -> str:
    """What a person reads of a page, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<main")[2]).split())


async def status(served: Served) -> str:
    return read((await served.get("/status"))[1])


async def test_it_says_which_signals_speak_which_are_silent_and_why(served: Served) -> None:
    signals = (
        Signal("ioda", "ioda", None, 900.0, title="IODA"),
        Signal("aws", "aws", None, 300.0),
        Signal("google", "google", None, 300.0),
        Signal("people", "reports", kinds.module("signals", "reports").Options(), 10.0),
    )
    served.running.apply(replace(served.running.store.config, signals=signals))
    heard = {
        "ioda": Heard("ioda", "ioda", Reading(NOW), NOW, fresh=True),
        "aws": Heard("aws", "aws", failure="status 500", failed_at=NOW, errors={Fault.STATUS: 3, Fault.LATE: 1}),
    }
    served.running.store.hear(heard, ())
    said = await status(served)
    at = "2023-11-14 22:13:20 UTC"
    assert f"IODA ioda, ioda speaks {at} up to {at}" in said
    assert f"aws aws silent never 3 × status, 1 × late {at}: status 500" in said  # noqa: RUF001
    assert "google google not read yet" in said
    assert "people reports open" in said


async def test_it_says_which_regions_see_and_why_one_is_blind(served: Served) -> None:
    assert "its controls have not all been tried" in await status(served)
    served.running.take("gstatic", ok(), "controls")
    assert "here sees the internet" in await status(served)
    for number in (1, 2):
        served.running.take("gstatic", failed(Reason.RESOLVE, NOW + number), "controls")
    assert "here is blind its only control does not answer" in await status(served)


async def test_it_says_how_late_runs_begin_and_what_is_skipped(served: Served) -> None:
    assert "Half of the runs began within not known yet" in await status(served)
    for lag in (0.0004, 0.002, 0.03, 60.0):
        served.site.own.observe_lag(lag)
    served.site.own.observe_batch({"late": 2})
    said = await status(served)
    assert "Half of the runs began within 2.5 ms 99 of 100 began within longer than is counted" in said
    assert "Skipped: overlap 0 Skipped: late 2 Skipped: capacity 0" in said


async def test_it_says_what_of_the_newest_configuration_is_wrong_until_it_is_right(served: Served) -> None:
    assert "The newest configuration is in use. Applied 2023-11-14 22:13:20 UTC." in await status(served)
    served.site.own.configuration_refused(["outage.yaml:3: regions: <wrong>"])
    said = await status(served)
    assert (
        "The newest configuration was refused, the one before is in use: outage.yaml:3: regions: &lt;wrong&gt;" in said
    )
    served.site.own.configuration_applied(NOW)
    assert "refused, the one before" not in await status(served)


async def test_it_says_what_came_of_reports(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        assert "None are taken" in await status(served)
        people = Signal("people", "reports", kinds.module("signals", "reports").Options(), 10.0, ("tiktok",))
        served.apply(replace(served.running.store.config, signals=(people,)))
        for _ in range(2):
            await served.intake.take(Report(b"visitor", "tiktok", "feed"))
        assert "Counted 1 Refused: repeated 1" in await status(served)


async def test_it_says_what_the_process_is_and_takes(served: Served) -> None:
    served.site.own.workers(3, 2, 7)
    said = await status(served)
    assert re.search(r"runs since 20\d\d-.* UTC. Memory [1-9]\d+ MiB Descriptors \d+ of \d+ Workers 3", said)
    assert "Workers that were replaced 2 Probes under way 7" in said


async def test_a_browser_is_shown_the_configuration_and_a_program_gets_it_plain(served: Served) -> None:
    status, text, headers = await served.get("/config", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<code>services: {}" in text
    status, text, headers = await served.get("/config", headers={"Accept": "*/*"})
    assert (status, headers["Content-Type"], text) == (200, "text/plain; charset=utf-8", "services: {}\n")


@pytest.mark.parametrize("path", ["/status", "/probes", "/config"])
async def test_operators_pages_lead_to_each_other_and_no_cache_keeps_them(served: Served, path: str) -> None:
    _, text, headers = await served.get(path, headers={"Accept": "text/html"})
    assert headers["Cache-Control"] == "no-store"
    for there in re.findall(r'href="([^"]+)"', text.partition("operator-nav")[2].partition("</nav>")[0]):
        assert (await served.get(there))[0] == 200, there
    assert text.count('aria-current="page"') == 1
