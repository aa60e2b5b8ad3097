"""2,000 pairs at 15 s for ten minutes: `python -m bench.soak [--minutes 10]`.

What is skipped, how late runs start, and whether memory or descriptors grow between minute two and the end.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import programs
from bench.pages import MetricsPage, Scraper, scrape
from bench.report import Row, print_machine, print_table

PAIRS, INTERVAL = 2_000, 15.0
SETTLED_AFTER = 120.0
"""Seconds, within which every buffer has found its size."""


class Size(NamedTuple):
    """Of one process: resident bytes, open descriptors."""

    resident: int
    descriptors: int


def measure(minutes: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, programs.nginx(Path(name)) as nginx:
        file = programs.write_config(Path(name), nginx.urls["https"], PAIRS, INTERVAL, nginx.ca_file)
        with programs.exporter(Path(name), file) as (process, url), Scraper(url, INTERVAL):
            time.sleep(SETTLED_AFTER)
            before = _sizes(process)
            time.sleep(max(0.0, minutes * 60 - SETTLED_AFTER))
            after = _sizes(process)
            yield from _rows(scrape(url), minutes)
    for role, old, new in zip(("main", "worker"), before, after, strict=True):
        yield Row(
            f"{role}: from minute 2 to {minutes:g}",
            f"RSS {old.resident / 1e6:.1f} to {new.resident / 1e6:.1f} MB, "
            f"descriptors {old.descriptors} to {new.descriptors}",
            goal="no growth",
            met=new.resident < old.resident * 1.02 and new.descriptors <= old.descriptors + 5,
        )


def _sizes(process: subprocess.Popen[bytes]) -> list[Size]:
    # Descriptors of probes in flight come and go: the least of a few looks is what is held.
    looks = []
    for _ in range(20):
        looks.append([Size(one.memory_info().rss, one.num_fds()) for one in programs.tree(process)])
        time.sleep(0.1)
    return [Size(each[-1].resident, min(size.descriptors for size in each)) for each in zip(*looks, strict=True)]


def _rows(page: MetricsPage, minutes: float) -> Iterator[Row]:
    attempts, failures = page.sum("probe_attempts_total"), page.sum("probe_failures_total")
    skipped = page.sum("outage_exporter_runs_skipped_total")
    yield Row(f"{PAIRS} pairs at {INTERVAL:g} s for {minutes:g} min", f"{attempts:g} probes, {failures:g} failed")
    yield Row("skipped runs", f"{skipped:g}", goal="none", met=not skipped)
    yield Row("restarts of the worker", f"{page.sum('outage_exporter_worker_restarts_total'):g}")
    yield Row("lag, upper bound of its p99", f"{_quantile(page, 'outage_exporter_schedule_lag_seconds', 0.99):g} s")


def _quantile(page: MetricsPage, name: str, share: float) -> float:
    """The smallest bucket bound under which `share` of the observations lie, in seconds."""
    buckets = sorted(
        (float(labels.split(b'le="')[1].split(b'"')[0]), count) for labels, count in page.values(f"{name}_bucket")
    )
    return next(bound for bound, count in buckets if count >= share * buckets[-1][1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    print_machine()
    print_table(measure(minutes))


if __name__ == "__main__":
    main()
