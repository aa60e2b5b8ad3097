"""`/probe` of ours beside blackbox_exporter's, under the same load: `python -m bench.probe_page`.

The same module file, the same nginx, REQUESTS requests, CONNECTIONS of them at once, each for another path, so that
every one is a probe of its own: a new connection, chains verified, the answer compressed. CPU is user and system time
of the whole process tree, divided by the connections that nginx accepted meanwhile; the generator's does not count, but
it has a core's part of the same machine. The programs take turns, each started anew; before it is measured it answers
WARM_UP requests. Ours probes a pair a minute by its own schedule beside it.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import programs
from bench.load import load
from bench.report import Row, percentile, print_machine, print_table

REQUESTS = 2000
CONNECTIONS = 50
WARM_UP = 500
ROUNDS = 3
TIMEOUT = "10s"
"""Of the module: long, because what waits in a queue is to be seen as latency and not as a failure."""

MOST_FAILURES = 0.001
"""Of all probes: with more the comparison says nothing."""


class WrongError(Exception):
    """Probes failed, or were not made."""


class Cost(NamedTuple):
    """CPU seconds per request, requests a second, seconds of half and of 99 of 100 answers, bytes at the end."""

    cpu: float
    rate: float
    half: float
    most: float
    memory: int


Running = AbstractContextManager[tuple[subprocess.Popen[bytes], int]]


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, programs.nginx(Path(name)) as nginx:
        for protocol in ("http", "https"):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(_cost(_ours(Path(name), nginx), nginx, protocol))
                theirs.append(_cost(_theirs(Path(name), nginx), nginx, protocol))
            yield from _rows(protocol, ours, theirs)


@contextmanager
def _ours(folder: Path, nginx: programs.Nginx) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    modules = programs.write_modules(folder, nginx.ca_file, TIMEOUT)
    file = programs.write_config(folder, nginx.urls["http"], 1, 60.0)
    arguments = (f"--blackbox.config={modules}", "--blackbox.allow=127.0.0.0/8")
    with programs.exporter(folder, file, arguments=arguments) as (process, url):
        yield process, int(url.split(":")[2].split("/")[0])


def _theirs(folder: Path, nginx: programs.Nginx) -> Running:
    return programs.blackbox(folder, nginx.ca_file, TIMEOUT)


def _cost(running: Running, nginx: programs.Nginx, protocol: str) -> Cost:
    with running as (process, port):
        _asked(nginx, port, protocol, WARM_UP)
        before, used = nginx.accepted(), programs.cpu_seconds(process)
        report = _asked(nginx, port, protocol, REQUESTS)
        done = nginx.accepted() - before
        cpu, memory = programs.cpu_seconds(process) - used, programs.resident(process)
    if done < report["probes"] or report["failures"] > report["probes"] * MOST_FAILURES:
        raise WrongError(f"{report['failures']} of {report['probes']} failed, {done} were made")
    took = report["took"]
    return Cost(cpu / done, report["probes"] / report["seconds"], percentile(took, 50), percentile(took, 99), memory)


def _asked(nginx: programs.Nginx, port: int, protocol: str, requests: int) -> dict[str, Any]:
    """The generator's report of so many requests."""
    before = nginx.accepted()
    with load(port, nginx.urls[protocol], 0, CONNECTIONS) as generator:
        while nginx.accepted() - before < requests:
            time.sleep(0.01)
        return generator.stop()


def _rows(protocol: str, ours: list[Cost], theirs: list[Cost]) -> Iterator[Row]:
    what = f"/probe, {protocol}, {CONNECTIONS} at once, medians of {len(ours)}:"
    yield _compared(f"{what} CPU per request, us", [c.cpu * 1e6 for c in ours], [c.cpu * 1e6 for c in theirs])
    yield _compared(f"{what} requests a second", [c.rate for c in ours], [c.rate for c in theirs])
    yield _compared(f"{what} half answered within, ms", [c.half * 1e3 for c in ours], [c.half * 1e3 for c in theirs])
    yield _compared(f"{what} 99 of 100 within, ms", [c.most * 1e3 for c in ours], [c.most * 1e3 for c in theirs])
    yield _compared(f"{what} memory at the end, MB", [c.memory / 1e6 for c in ours], [c.memory / 1e6 for c in theirs])


def _compared(what: str, ours: list[float], theirs: list[float]) -> Row:
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    ratio = f"{median(ours) / median(theirs):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return Row(what, f"{median(ours):.0f}", f"{median(theirs):.0f}", ratio)


def main() -> None:
    print_machine()
    print_table(measure())


if __name__ == "__main__":
    main()
