"""Error of the measured first-byte time against a server that answers 50 ms after the request arrived.

The measured time is the phase `processing`. Ours has 10,000 pairs whose page is scraped every second; each pair's
latest value is read once. blackbox_exporter keeps no page of its targets, so nothing comparable disturbs it: it only
probes. The server's own lateness is the floor, and it is not subtracted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import programs
from bench.delayed import DELAY, Delayed, delayed
from bench.load import load
from bench.pages import Scraper, scrape
from bench.report import Row, percentile

PAIRS = 10_000
WINDOWS = {500: 20.0, 100: 40.0}
"""Probes a second: seconds of measuring."""

GOAL = 0.0005
"""Seconds, of the 99th percentile."""


def measure() -> Iterator[Row]:
    for rate, window in WINDOWS.items():
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            with delayed() as server:
                ours, scrapes = _ours(Path(name), server, rate, window)
                floor = server.take_lateness()
            with delayed() as server:
                theirs = _theirs(Path(name), server, rate, window)
                their_floor = server.take_lateness()
        yield _row(rate, ours, theirs)
        yield Row(f"scrapes of {PAIRS} targets meanwhile, {rate}/s", f"{len(scrapes)}, median {median(scrapes):.2f} s")
        yield Row(f"the server's own lateness meanwhile, {rate}/s", _text(floor), _text(their_floor))


def _ours(folder: Path, server: Delayed, rate: int, window: float) -> tuple[list[float], list[float]]:
    """The errors, and what each scrape took; seconds."""
    interval = PAIRS / rate
    file = programs.write_config(folder, server.url, PAIRS, interval)
    with programs.exporter(folder, file) as (_, url), Scraper(url, 1.0) as scraper:
        # First runs come early and second ones may come late: steady after an interval and a half.
        time.sleep(1.5 * interval)
        server.take_lateness()
        scraper.took.clear()
        began = time.time()
        time.sleep(window)
        took = scraper.took[:]
        page = scrape(url)
    runs = dict(page.values("probe_last_run_timestamp_seconds"))
    measured = {
        labels.replace(b',phase="processing"', b""): value
        for labels, value in page.values("probe_http_duration_seconds", "processing")
    }
    errors = [measured[labels] - DELAY for labels, at in runs.items() if at >= began and labels in measured]
    return errors, took


def _theirs(folder: Path, server: Delayed, rate: int, window: float) -> list[float]:
    with programs.blackbox(folder) as (_, port), load(port, server.url, rate, connections=100) as generator:
        time.sleep(window)
        return [value - DELAY for value in generator.stop()["processing"][rate:]]


def _row(rate: int, ours: list[float], theirs: list[float]) -> Row:
    mine, other = (percentile([abs(error) for error in errors], 99) for errors in (ours, theirs))
    return Row(
        f"first-byte error, {rate} http probes/s ({len(ours)} and {len(theirs)} probes)",
        _text(ours),
        _text(theirs),
        f"{mine / other:.2f}",
        f"p99 below {GOAL * 1e3:g} ms",
        mine < GOAL,
    )


def _text(errors: list[float]) -> str:
    sizes = [abs(error) for error in errors]
    return f"p50 {percentile(sizes, 50) * 1e3:.3f} ms, p99 {percentile(sizes, 99) * 1e3:.3f} ms"
