"""Globalping by hand: `check` leaves it alone, `probe` asks it once and counts what it asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.portion import LEDGER
from tests.servers.box import SHIPPED, Box
from tests.servers.program import run_command

SHORT = "https://vm.tiktok.com/"


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box() as box:
        yield box


@pytest.fixture
def configured(box: Box, tmp_path: Path) -> tuple[str | Path, ...]:
    return ("--config.file", SHIPPED, "--config.file", box.write_config(tmp_path, globalping=True))


async def test_check_leaves_it_alone_and_says_so(box: Box, configured: tuple[str | Path, ...]) -> None:
    checked = await run_command("check", "tiktok", *configured)
    assert checked.status == 0
    assert checked.errors == "Globalping is left out: what it is asked is counted, and is for `outage-exporter run`.\n"
    assert box.globalping.asked == []


async def test_probe_asks_strangers_and_counts_them_where_the_program_does(
    box: Box, configured: tuple[str | Path, ...], tmp_path: Path
) -> None:
    box.break_(host="vm.tiktok.com", mode="status 503", region="jp")
    data = tmp_path / "data"
    data.mkdir()
    probed = await run_command("probe", SHORT, "--region", "jp", "--data.dir", data, "--json", *configured)
    found = json.loads(probed.output)
    assert (probed.status, found["reason"]) == (1, "status")
    assert found["message"].startswith("3 of 3 probes fail: status 503, wanted ")
    assert sum(cost for _, cost in json.loads((data / LEDGER).read_text())["spent"]) == box.globalping.tests == 3


async def test_probe_counts_nothing_where_there_is_no_data(
    box: Box, configured: tuple[str | Path, ...], tmp_path: Path
) -> None:
    probed = await run_command("probe", SHORT, "--region", "us", "--data.dir", tmp_path / "gone", *configured)
    assert probed.status == 0
    assert box.globalping.tests == 3
    assert not (tmp_path / "gone").exists()


async def test_probe_of_what_strangers_cannot_do_says_so(configured: tuple[str | Path, ...]) -> None:
    probed = await run_command("probe", "tcp://vm.tiktok.com:443", "--region", "us", *configured)
    assert (probed.status, probed.output) == (1, "")
    assert "region us (globalping) carries dns, http, icmp, not tcp" in probed.errors
