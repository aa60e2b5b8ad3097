"""CPU per probe, ours against blackbox_exporter: a new connection each, chains verified, all metrics recorded.

User and system time of the whole process tree, divided by the connections that nginx accepted meanwhile. Ours probes by
its own schedule every 5 s and is scraped every 5 s; theirs is asked for each probe over kept-alive connections by a
generator whose CPU does not count. Both compress what they serve, as Prometheus asks them to. The programs take turns.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import programs
from bench.load import load
from bench.pages import Scraper, scrape
from bench.report import Row

ROUNDS = 3
INTERVAL = 5.0
"""Seconds between two probes of a pair and between two scrapes, so that each scrape tells each probe once."""

WARM_UP = 2 * INTERVAL
MOST_FAILURES = 0.001
"""Of all probes: with more the comparison says nothing."""


class Case(NamedTuple):
    """`rate` in probes a second, 0 for saturation; there our schedule offers `offered` a second."""

    protocol: str
    rate: int
    offered: int
    probes: int
    goal: float


CASES = (
    Case("http", 0, 2200, 15_000, 1 / 4),
    Case("https", 0, 1200, 8_000, 1 / 1.3),
    Case("http", 100, 100, 1_500, 1 / 4),
    Case("https", 100, 100, 1_500, 1 / 1.3),
)


class Cost(NamedTuple):
    """CPU seconds per probe, and probes a second."""

    cpu: float
    rate: float


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, programs.nginx(Path(name)) as nginx:
        for case in CASES:
            rounds = [(_ours(Path(name), nginx, case), _theirs(Path(name), nginx, case)) for _ in range(ROUNDS)]
            yield _row(case, [ours for ours, _ in rounds], [theirs for _, theirs in rounds])


def _ours(folder: Path, nginx: programs.Nginx, case: Case) -> Cost:
    pairs = int(case.offered * INTERVAL)
    file = programs.write_config(folder, nginx.urls[case.protocol], pairs, INTERVAL, nginx.ca_file)
    with programs.exporter(folder, file) as (process, url), Scraper(url, INTERVAL):
        time.sleep(WARM_UP)
        cost = _cost(process, nginx, case.probes)
        page = scrape(url)
    _refuse_failures(page.sum("probe_failures_total"), page.sum("probe_attempts_total"))
    return cost


def _theirs(folder: Path, nginx: programs.Nginx, case: Case) -> Cost:
    with (
        programs.blackbox(folder, nginx.ca_file) as (process, port),
        load(port, nginx.urls[case.protocol], case.rate, connections=50) as generator,
    ):
        time.sleep(WARM_UP / 2)
        cost = _cost(process, nginx, case.probes)
        report = generator.stop()
    _refuse_failures(report["failures"], report["probes"])
    return cost


def _cost(process: subprocess.Popen[bytes], nginx: programs.Nginx, probes: int) -> Cost:
    before, used, began = nginx.accepted(), programs.cpu_seconds(process), time.monotonic()
    while (done := nginx.accepted() - before) < probes:
        time.sleep(0.05)
    return Cost((programs.cpu_seconds(process) - used) / done, done / (time.monotonic() - began))


def _refuse_failures(failures: float, probes: float) -> None:
    if failures > probes * MOST_FAILURES:
        raise RuntimeError(f"{failures:g} of {probes:g} probes failed: nothing was compared")


def _row(case: Case, ours: list[Cost], theirs: list[Cost]) -> Row:
    mine, other = (statistics.median(cost.cpu for cost in costs) for costs in (ours, theirs))
    ratios = sorted(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))
    where = f"{case.rate}/s" if case.rate else "saturation"
    return Row(
        f"CPU per {case.protocol} probe, {where}, median of {len(ours)}",
        _text(mine, ours),
        _text(other, theirs),
        f"{mine / other:.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
        f"at most {case.goal:.3f}",
        mine / other <= case.goal,
    )


def _text(seconds: float, costs: list[Cost]) -> str:
    return f"{seconds * 1e6:.0f} us ({statistics.median(cost.rate for cost in costs):.0f}/s)"
