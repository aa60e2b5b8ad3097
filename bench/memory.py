"""Memory and the time to start with the shipped configuration, unchanged, against the TikTok in a box of the tests."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

from bench import programs
from bench.pages import scrape
from bench.report import Row
from exporter import config
from tests.servers.box import Box

SETTLED_AFTER = 120.0
"""Seconds, within which every endpoint has been probed."""

STARTS = 5
MEMORY_GOAL = 110e6
START_GOAL = 1.0


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _box(Path(name)) as overlay:
        files = (config.shipped(), overlay)
        took = statistics.median(_start(Path(name), *files) for _ in range(STARTS))
        yield Row(
            f"process start to the first answered /metrics, median of {STARTS}", f"{took:.2f} s",
            goal=f"{START_GOAL:g} s", met=took <= START_GOAL,
        )  # fmt: skip
        with programs.exporter(Path(name), *files) as (process, url):
            time.sleep(SETTLED_AFTER)
            page = scrape(url)
            yield _row(process)
        attempts, failures = page.sum("probe_attempts_total"), page.sum("probe_failures_total")
        yield Row("probes of the shipped configuration until then", f"{attempts:g}, {failures:g} failed")


def _start(folder: Path, *files: Path) -> float:
    began = time.monotonic()
    with programs.exporter(folder, *files) as (_, url):
        with contextlib.suppress(urllib.error.URLError):
            scrape(url)
        return time.monotonic() - began


def _row(process: subprocess.Popen[bytes]) -> Row:
    found = [one.memory_full_info() for one in programs.tree(process)]
    resident = sum(memory.rss for memory in found)
    own = sum(memory.pss for memory in found)
    each = " + ".join(f"{memory.rss / 1e6:.0f}" for memory in found)
    return Row(
        "resident memory after two minutes, main + worker",
        f"RSS {each} = {resident / 1e6:.0f} MB, PSS {own / 1e6:.0f} MB",
        goal=f"below {MEMORY_GOAL / 1e6:g} MB",
        met=resident < MEMORY_GOAL,
    )


@contextlib.contextmanager
def _box(folder: Path) -> Iterator[Path]:
    """A box in a thread with a loop of its own; the configuration that points at it."""
    ready, done = threading.Event(), threading.Event()
    overlays: list[Path] = []

    async def stand() -> None:
        async with Box() as box:
            overlays.append(box.write_config(folder))
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(stand(),), daemon=True)
    thread.start()
    try:
        if not ready.wait(60):
            raise RuntimeError("the box does not stand")
        yield overlays[0]
    finally:
        done.set()
        thread.join(20)
