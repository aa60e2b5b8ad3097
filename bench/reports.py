"""The intake in a flood: counts, what a scrape and a report take meanwhile, memory, and what a kill takes away.

20,000 reports in 10 s from 5,000 visitors and one attacker with 15,000, through a proxy on loopback that names the
visitor, against the program as a process of its own. Then again, and a `kill -9` in the middle: everything that was
answered 202 must be in the database. `python -m bench.reports`.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import flood
from bench.pages import MetricsPage, Scraper, scrape
from bench.programs import exporter, free_port
from bench.report import percentile

SECONDS = 10.0
VISITORS = 5_000
ATTACKS = 15_000
SCRAPED_EVERY = 0.05

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Flooded:
    """What came of a flood on the one side, and what is in the database on the other, by feature."""

    came: flood.Came
    kept: dict[str, int]


def write_config(folder: Path) -> Path:
    """A service with the usual features, nothing of which answers, and the intake behind a trusted proxy."""
    nowhere = {"kind": "tcp", "target": f"127.0.0.1:{free_port()}"}
    features = {name: {"core": True, "endpoints": {f"{name}_one": nowhere}} for name in flood.FEATURES}
    people = {"kind": "reports", "visitor_header": "X-Forwarded-For", "trusted_proxies": ["127.0.0.1/32"]}
    file = folder / "outage.yaml"
    config = {
        "regions": {"here": {"kind": "local"}},
        "controls": {"control": nowhere},
        "services": {"bench": {"title": "Bench", "features": features}},
        "signals": {"people": people},
    }
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def start_flood(url: str, seconds: float, visitors: int, attacks: int) -> subprocess.Popen[bytes]:
    port = url.split(":")[2].split("/")[0]
    command = [sys.executable, "-m", "bench.flood", port, f"{seconds}", f"{visitors}", f"{attacks}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def outcome(running: subprocess.Popen[bytes]) -> flood.Came:
    """What the flood says when it has ended."""
    said, _ = running.communicate()
    if running.returncode:
        raise RuntimeError(f"the flood ended with status {running.returncode}")
    found = json.loads(said.splitlines()[-1])
    found["statuses"] = {int(status): count for status, count in found["statuses"].items()}
    return flood.Came(**found)


def kept(folder: Path) -> dict[str, int]:
    """Reports in the database of the program that keeps its data in `folder`, by feature."""
    database = sqlite3.connect(folder / "data" / "history.sqlite")
    rows = database.execute("SELECT feature, sum(count) FROM tallies WHERE signal = 'people' GROUP BY feature")
    found = dict(rows)
    database.close()
    return found


def killed(folder: Path, seconds: float, visitors: int, attacks: int) -> Flooded:
    """A flood in the middle of which the program is killed."""
    with exporter(folder, write_config(folder)) as (process, url):
        running = start_flood(url, seconds, visitors, attacks)
        assert running.stdout is not None
        running.stdout.readline()
        process.kill()
        process.wait()
        came = outcome(running)
    return Flooded(came, kept(folder))


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with exporter(folder, write_config(folder)) as (process, url):
            yield from _in_a_flood(process, url, folder)
    with tempfile.TemporaryDirectory() as name:
        yield from _over_a_kill(killed(Path(name), SECONDS, VISITORS, ATTACKS))


def _in_a_flood(process: subprocess.Popen[bytes], url: str, folder: Path) -> Iterator[Row]:
    program = psutil.Process(process.pid)
    with Scraper(url, SCRAPED_EVERY) as quiet:
        time.sleep(SECONDS)
    before, cpu = program.memory_info().rss, sum(program.cpu_times()[:2])
    with Scraper(url, SCRAPED_EVERY) as loud:
        came = outcome(start_flood(url, SECONDS, VISITORS, ATTACKS))
    cpu = sum(program.cpu_times()[:2]) - cpu
    after = program.memory_info().rss
    yield "sent in", f"{came.sent} in {came.seconds:.1f} s"
    yield "answers by status", ", ".join(f"{status}: {count}" for status, count in sorted(came.statuses.items()))
    yield "of these counted", f"{sum(came.counted.values())} ({VISITORS} visitors and the attacker once)"
    yield "in the database: whole service, features added up", f"{kept(folder)['']}, {_features(kept(folder))}"
    yield "refused by reason", _refused(scrape(url))
    for title, found in (("quiet", quiet.took), ("in the flood", loud.took)):
        p50, p99 = percentile(found, 50) * 1e3, percentile(found, 99) * 1e3
        yield f"/metrics, {title}: p50, p99, max", f"{p50:.1f}, {p99:.1f}, {max(found) * 1e3:.1f} ms ({len(found)})"
    yield "a report answered, p99", f"{came.p99 * 1e3:.1f} ms"
    yield "the main process: CPU", f"{cpu / came.seconds:.0%} of a core"
    yield "the main process: memory before, after", f"{before / 1e6:.1f} MB, {after / 1e6:.1f} MB"


def _over_a_kill(found: Flooded) -> Iterator[Row]:
    counted, came = sum(found.came.counted.values()), found.came
    yield "kill -9 in the middle: answered 202 and counted", f"{counted} of {came.sent} sent"
    yield "in the database afterwards", f"{_features(found.kept)}"
    lost = {name: n - found.kept.get(name, 0) for name, n in came.counted.items() if n > found.kept.get(name, 0)}
    yield "answered 202 and not in the database", f"{lost or 'none'}"
    yield "kept, and killed before the answer", f"{_features(found.kept) - counted} of {came.lost} without an answer"


def _features(kept: dict[str, int]) -> int:
    return sum(count for feature, count in kept.items() if feature)


def _refused(page: MetricsPage) -> str:
    values = page.values("outage_reports_refused_total")
    return ", ".join(f"{labels.decode()}: {value:.0f}" for labels, value in values if value)


def main() -> None:
    print("| what | found |\n|---|---|", flush=True)
    for what, found in measure():
        print(f"| {what} | {found} |", flush=True)


if __name__ == "__main__":
    main()
