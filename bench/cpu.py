"""CPU per probe, ours against blackbox_exporter: a new connection each, chains verified, all metrics recorded.

User and system time of the whole process tree, divided by the connections that nginx accepted meanwhile. Ours probes by
its own schedule and is scraped every 5 s; theirs is asked for each probe over kept-alive connections by a generator
whose CPU does not count. Both compress what they serve, as Prometheus asks them to. The programs take turns.

At saturation ours has as many pairs at 1 s as it can do, but for one in a thousand; theirs gets 50 requests
at a time. At 100/s ours has 500 pairs at 5 s, so that each scrape shows each probe once.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import programs
from bench.load import load
from bench.pages import MetricsPage, Scraper, scrape
from bench.report import Row

ROUNDS = 3
SCRAPE_EVERY = 5.0
WARM_UP = 10.0
"""Seconds."""

MOST_FAILURES = 0.001
"""Of all probes, and of all runs for those skipped: with more the comparison says nothing."""


class Case(NamedTuple):
    """`rate` in probes a second, 0 for saturation; there ours is given one of `offers`, also in probes a second."""

    protocol: str
    rate: int
    offers: tuple[int, ...]
    interval: float
    probes: int
    goal: float


CASES = (
    Case("http", 0, (5500, 4800, 4200, 3600, 3000, 2000, 1000), 1.0, 15_000, 1 / 4),
    Case("https", 0, (1000, 900, 800, 700, 600, 400), 1.0, 6_000, 1 / 1.3),
    Case("http", 100, (100,), 5.0, 1_000, 1 / 4),
    Case("https", 100, (100,), 5.0, 1_000, 1 / 1.3),
)


class OverloadError(Exception):
    """The offered probes were not all done, or not all succeeded."""


class Cost(NamedTuple):
    """CPU seconds per probe, and probes a second."""

    cpu: float
    rate: float


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, programs.nginx(Path(name)) as nginx:
        for case in CASES:
            offers = list(case.offers)
            rounds = [
                (_possible(Path(name), nginx, case, offers), _theirs(Path(name), nginx, case)) for _ in range(ROUNDS)
            ]
            yield _row(case, [ours for ours, _ in rounds], [theirs for _, theirs in rounds])


def _possible(folder: Path, nginx: programs.Nginx, case: Case, offers: list[int]) -> Cost:
    """Ours at the highest offer that it does whole; those that are too high are taken out of `offers`."""
    while len(offers) > 1:
        with contextlib.suppress(OverloadError):
            return _ours(folder, nginx, case, offers[0])
        del offers[0]
    return _ours(folder, nginx, case, offers[0])


def _ours(folder: Path, nginx: programs.Nginx, case: Case, offer: int) -> Cost:
    pairs = int(offer * case.interval)
    file = programs.write_config(folder, nginx.urls[case.protocol], pairs, case.interval, nginx.ca_file)
    with programs.exporter(folder, file) as (process, url), Scraper(url, SCRAPE_EVERY):
        time.sleep(WARM_UP)
        before = _losses(scrape(url))
        cost = _cost(process, nginx, case.probes)
        losses = _losses(scrape(url)) - before
    if losses > case.probes * MOST_FAILURES:
        raise OverloadError(f"{losses:g} of {case.probes} probes of ours failed or were skipped")
    return cost


def _losses(page: MetricsPage) -> float:
    return page.sum("probe_failures_total") + page.sum("outage_exporter_runs_skipped_total")


def _theirs(folder: Path, nginx: programs.Nginx, case: Case) -> Cost:
    with (
        programs.blackbox(folder, nginx.ca_file) as (process, port),
        load(port, nginx.urls[case.protocol], case.rate, connections=50) as generator,
    ):
        time.sleep(WARM_UP / 2)
        cost = _cost(process, nginx, case.probes)
        report = generator.stop()
    if report["failures"] > report["probes"] * MOST_FAILURES:
        raise OverloadError(f"{report['failures']} of {report['probes']} probes of blackbox_exporter failed")
    return cost


def _cost(process: subprocess.Popen[bytes], nginx: programs.Nginx, probes: int) -> Cost:
    before, used, began = nginx.accepted(), programs.cpu_seconds(process), time.monotonic()
    while (done := nginx.accepted() - before) < probes:
        time.sleep(0.05)
    return Cost((programs.cpu_seconds(process) - used) / done, done / (time.monotonic() - began))


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
