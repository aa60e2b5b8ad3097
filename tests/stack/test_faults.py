"""What happens to the program itself: killed, stopped, reloaded, starved, cut off. It says so, and goes on or ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import yaml

from tests.servers.program import ENDS_WITHIN, Exporter, Page, run_command, until
from tests.servers.torture import Torture, answers_after, never_answers

QUICK = {"interval": "1s", "timeout": "900ms"}
CONTROL = "control"


def write_config(
    folder: Path, endpoints: dict[str, str], *, control: str, times: dict[str, str] = QUICK, network: Any = None
) -> Path:
    """A service `shop` with one core feature `buy`: `endpoints` are URLs by name."""
    content: dict[str, Any] = {
        "defaults": times,
        "regions": {"here": {"kind": "local"}},
        "controls": {CONTROL: {"url": control}},
        "services": {
            "shop": {
                "title": "Shop",
                "features": {
                    "buy": {"core": True, "endpoints": {name: {"url": url} for name, url in endpoints.items()}}
                },
            }
        },
    }
    if network:
        content["network"] = network
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def names(count: int) -> list[str]:
    return [f"item{number}" for number in range(count)]


async def gone(processes: Sequence[psutil.Process], within: float = ENDS_WITHIN) -> None:
    """Return when none of them lives."""

    async def alive() -> list[int]:
        return [p.pid for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    await until(alive, lambda found: not found, within)


async def attempts(exporter: Exporter) -> dict[str, float]:
    page = await exporter.metrics()
    return {dict(labels)["endpoint"]: value for labels, value in page.series("probe_attempts_total").items()}


async def until_all_run_again(exporter: Exporter) -> None:
    """Every pair has been tried twice more."""
    before = await attempts(exporter)
    await until(lambda: attempts(exporter), lambda now: all(now[name] >= before[name] + 2 for name in before))


async def test_a_worker_that_is_killed_is_replaced_and_counted_and_its_pairs_run_on(tmp_path: Path) -> None:
    async with Torture(answers_after(0.0)) as server:
        file = write_config(tmp_path, dict.fromkeys(names(20), server.url), control=server.url)
        async with Exporter(tmp_path, file, arguments=("--workers", "2")) as exporter:
            await exporter.until_answer("shop", "up")
            killed = exporter.workers()[0]
            killed.kill()
            await exporter.until_value("outage_exporter_worker_restarts_total", lambda count: count == 1)
            await until_all_run_again(exporter)
            assert (await exporter.verdict("shop"))["answer"] == "up"
            assert len(exporter.workers()) == 2
            assert killed.pid not in {worker.pid for worker in exporter.workers()}
            assert 'msg="worker ended, starting another"' in exporter.log
            assert "exit_code=-9" in exporter.log


async def test_when_the_main_process_is_killed_its_workers_end(tmp_path: Path) -> None:
    async with Torture(never_answers) as server:
        file = write_config(tmp_path, dict.fromkeys(names(20), server.url), control=server.url)
        async with Exporter(tmp_path, file, arguments=("--workers", "2")) as exporter:
            await exporter.until_value("outage_exporter_probes_in_flight", bool)
            workers = exporter.workers()
            assert len(workers) == 2
            exporter.process.kill()
            await gone(workers)
            assert "Traceback" not in exporter.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_in_five_seconds_with_500_probes_in_flight(tmp_path: Path, number: signal.Signals) -> None:
    async with Torture(never_answers) as server:
        times = {"interval": "60s", "timeout": "50s"}
        file = write_config(tmp_path, dict.fromkeys(names(500), server.url), control=server.url, times=times)
        async with Exporter(tmp_path, file, arguments=("--workers", "2")) as exporter:
            await exporter.until_value("outage_exporter_probes_in_flight", lambda count: count >= 500)
            workers = exporter.workers()
            began = time.monotonic()
            exporter.process.send_signal(number)
            assert await asyncio.wait_for(exporter.process.wait(), ENDS_WITHIN) == 0
            await gone(workers, ENDS_WITHIN - (time.monotonic() - began))
            assert "Traceback" not in exporter.log
            assert "level=error" not in exporter.log


@asynccontextmanager
async def scraped_without_pause(exporter: Exporter) -> AsyncIterator[None]:
    """Meanwhile page after page is fetched, and each comes whole."""
    stop = asyncio.Event()

    async def scrape() -> None:
        while not stop.is_set():
            status, page = await exporter.get("/metrics")
            assert status == 200
            assert Page(page).total("outage_exporter_build_info") == 1

    async with asyncio.TaskGroup() as group:
        group.create_task(scrape())
        yield
        stop.set()


@pytest.mark.parametrize("way", ["SIGHUP", "POST"])
async def test_a_reload_under_load_drops_what_went_and_keeps_what_stayed(tmp_path: Path, way: str) -> None:
    async with Torture(answers_after(0.05)) as server:
        file = write_config(tmp_path, dict.fromkeys(names(200), server.url), control=server.url)
        async with Exporter(tmp_path, file) as exporter, scraped_without_pause(exporter):
            before = await until(lambda: attempts(exporter), lambda now: len(now) == 201 and min(now.values()) >= 3)
            stayed = dict.fromkeys(names(100), server.url)
            write_config(tmp_path, stayed | {"new": server.url}, control=server.url)
            if way == "POST":
                assert await exporter.post("/-/reload") == (200, "applied.\n")
            else:
                exporter.process.send_signal(signal.SIGHUP)
            after = await until(lambda: attempts(exporter), lambda now: now.get("new", 0) >= 1)
            assert set(after) == {*stayed, "new", CONTROL}
            assert all(after[name] >= before[name] for name in (*stayed, CONTROL))
            assert 'endpoint="item150"' not in (await exporter.get("/metrics"))[1]
            await until_all_run_again(exporter)
            page = await exporter.metrics()
            assert page.total("probe_failures_total") == 0
            assert page.total("outage_exporter_worker_restarts_total") == 0
            assert "Traceback" not in exporter.log


async def test_a_reload_with_mistakes_lists_them_all_and_changes_nothing(tmp_path: Path) -> None:
    async with Torture(answers_after(0.0)) as server:
        file = write_config(tmp_path, dict.fromkeys(names(5), server.url), control=server.url)
        good = file.read_text(encoding="utf-8")
        async with Exporter(tmp_path, file) as exporter:
            await exporter.until_answer("shop", "up")
            shown = await exporter.get("/config")
            file.write_text(good.replace("title: Shop", "titel: Shop").replace("kind: local", "kind: locall"))
            status, text = await exporter.post("/-/reload")
            assert status == 400
            lines = text.splitlines()
            assert lines[-1] == "2 mistakes; nothing was applied."
            places = [line.split(": ")[:2] for line in lines[:-1]]
            wrong = file.read_text(encoding="utf-8").splitlines()
            expected = {
                (f"{file}:{number}", path)
                for number, line in enumerate(wrong, 1)
                for word, path in (("locall", "regions.here.kind"), ("titel", "services.shop.titel"))
                if word in line
            }
            assert {(place, path) for place, path in places} == expected
            assert "did you mean" in text
            successful = "outage_exporter_config_last_reload_successful"
            assert (await exporter.metrics()).total(successful) == 0
            assert await exporter.get("/config") == shown
            await until_all_run_again(exporter)
            assert (await exporter.verdict("shop"))["answer"] == "up"
            file.write_text(good, encoding="utf-8")
            assert (await exporter.post("/-/reload"))[0] == 200
            assert (await exporter.metrics()).total(successful) == 1


async def test_a_full_descriptor_table_is_internal_and_not_an_outage_and_passes(tmp_path: Path) -> None:
    async with Torture(answers_after(0.0)) as server:
        file = write_config(tmp_path, dict.fromkeys(names(20), server.url), control=server.url)
        async with Exporter(tmp_path, file) as exporter:
            await exporter.until_answer("shop", "up")
            (worker,) = exporter.workers()
            exporter.allow_descriptors(worker, 3)
            await exporter.until_value("probe_failures_total", lambda count: count > 60, reason="internal")
            page = await exporter.metrics()
            assert page.total("probe_failures_total") == page.total("probe_failures_total", reason="internal")
            assert page.total("outage_region_seeing", region="here") == 0
            assert (await exporter.verdict("shop"))["answer"] == "unknown"
            exporter.allow_descriptors(worker, None)
            await exporter.until_answer("shop", "up")
            assert [each.pid for each in exporter.workers()] == [worker.pid]
            assert "Traceback" not in exporter.log


async def test_a_main_process_without_descriptors_answers_again_when_it_has_some(tmp_path: Path) -> None:
    async with Torture(answers_after(0.0)) as server:
        file = write_config(tmp_path, {"item": server.url}, control=server.url)
        async with Exporter(tmp_path, file) as exporter:
            await exporter.until_answer("shop", "up")
            main = psutil.Process(exporter.process.pid)
            exporter.allow_descriptors(main, 3)
            with pytest.raises((aiohttp.ClientError, TimeoutError)):
                async with aiohttp.ClientSession(exporter.url, timeout=aiohttp.ClientTimeout(total=0.5)) as stranger:
                    await stranger.get("/-/healthy")
            exporter.allow_descriptors(main, None)
            async with aiohttp.ClientSession(exporter.url) as stranger, stranger.get("/-/healthy") as answer:
                assert answer.status == 200
            await until_all_run_again(exporter)
            assert "Traceback" not in exporter.log


async def test_with_few_descriptors_from_the_start_runs_are_skipped_and_counted(tmp_path: Path) -> None:
    async with Torture(never_answers) as server:
        file = write_config(tmp_path, dict.fromkeys(names(100), server.url), control=server.url)
        few = ("prlimit", "--nofile=100")
        async with Exporter(tmp_path, file, prefix=few) as exporter:
            await exporter.until_value("outage_exporter_runs_skipped_total", bool, reason="capacity")
            page = await exporter.metrics()
            assert page.total("probe_failures_total", reason="internal") == 0


async def test_a_dead_nameserver_fails_by_the_deadline_and_blinds_the_region(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{dead.getsockname()[1]}"
        names_alone = {"item": "http://shop.example/", "other": "http://other.example/"}
        file = write_config(
            tmp_path, names_alone, control="http://control.example/", network={"nameservers": [address]}
        )
        async with Exporter(tmp_path, file) as exporter:
            await exporter.until_value("probe_failures_total", lambda count: count >= 9, reason="resolve")
            page = await exporter.metrics()
            assert page.total("probe_failures_total") == page.total("probe_failures_total", reason="resolve")
            durations = page.series("probe_duration_seconds").values()
            assert len(durations) == 3
            assert all(0.85 < seconds < 1.2 for seconds in durations)
            status = await exporter.status()
            assert status["regions"][0]["seeing"] is False
            verdict = status["services"][0]
            assert verdict["answer"] == "unknown"
            assert verdict["sentences"][-1] == "No region of ours sees the internet: the problem is on your end."


async def test_a_port_in_use_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = await run_command("run", "--web.listen-address", address, "--data.dir", tmp_path)
    assert ended.status == 1
    *told, last = ended.errors.splitlines()
    assert last == f"outage-exporter: cannot listen on {address}: Address already in use"
    assert all('msg="globalping is asked"' in line for line in told)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"services: [", b"- 1\n"])
async def test_a_configuration_that_cannot_be_read_names_the_file_and_status_1(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "broken.yaml"
    if content is not None:
        file.write_bytes(content)
    ended = await run_command("run", "--config.file", file, "--data.dir", tmp_path)
    assert ended.status == 1
    first, *_, last = ended.errors.splitlines()
    assert first.startswith(f"{file}")
    assert last == "1 mistake; nothing was applied."
    assert "Traceback" not in ended.errors
