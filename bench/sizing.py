"""What 1,000 pairs cost to watch: exporter and Prometheus, beside blackbox_exporter and Prometheus on the same targets.

`python -m bench.sizing [--pairs 1000] [--interval 15] [--minutes 5]`

Both probe the same nginx as often, a new connection each, chains verified. Ours probes by its own schedule, and
Prometheus scrapes one page at the same interval; theirs is a target of Prometheus for each pair, as its documentation
has it. The systems take turns: one runs at a time, each with an empty Prometheus that evaluates no rules and scrapes
nothing else. CPU is user and system time of the whole process trees; memory is their resident memory at the end; disk
is reckoned from a block of the samples, as Prometheus writes it for good (a snapshot): chunks as many as the samples of
a day need, and an index for every two hours.

Ours is as it ships, with a histogram of each pair's attempts. blackbox_exporter has no histograms at all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench import programs
from bench.pages import MetricsPage, scrape
from bench.report import Row, print_machine, print_table

PROMETHEUS = "prometheus"

TIMEOUT = "10s"
"""Of both: all are probed for the first time within seconds, and what waits then must not fail."""

WARM_UP = 2
"""Intervals, in which every pair is probed and every series begun."""

BLOCKS_A_DAY = 12
"""As they are first written; merging them later makes the indices fewer."""

MOST_FAILURES = 0.001
"""Of all probes: with more the comparison says nothing."""

FEWEST = 0.99
"""Of theirs: a probe more or less falls into the time that is measured."""

MOST_CONTROLS = 1.1
"""Ours probes a control a minute in each region as well, of which there are a hundred at most."""

PROMETHEUS_GOAL = 1 / 20
WHOLE_GOALS = {"http": 1 / 6, "https": 1 / 3}
"""Of the CPU of theirs."""


class WrongError(Exception):
    """The two did not do the same work."""


class Setting(NamedTuple):
    """So many pairs, probed every `interval` seconds, measured for `seconds`."""

    pairs: int
    interval: float
    seconds: float

    @property
    def thousands(self) -> float:
        return self.pairs / 1000


class Cost(NamedTuple):
    """CPU is cores; memory and disk (a day) are bytes; samples and probes are of a second."""

    prober_cpu: float
    prometheus_cpu: float
    prober_memory: int
    prometheus_memory: int
    series: float
    samples: float
    disk: float
    probes: float

    @property
    def cpu(self) -> float:
        return self.prober_cpu + self.prometheus_cpu

    @property
    def memory(self) -> int:
        return self.prober_memory + self.prometheus_memory


class Block(NamedTuple):
    """Bytes: the index grows with series, the chunks with samples."""

    indices: int
    chunks: int


class Prometheus(NamedTuple):
    process: subprocess.Popen[bytes]
    url: str
    data: Path

    def page(self) -> MetricsPage:
        return scrape(f"{self.url}/metrics")

    def failures(self) -> float:
        """Targets and pairs whose last probe failed."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query=count(probe_success==0)", timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def block(self) -> Block:
        """All samples so far, written as a block."""
        asked = urllib.request.Request(f"{self.url}/api/v1/admin/tsdb/snapshot", method="POST")
        with urllib.request.urlopen(asked, timeout=120) as answer:
            folder = self.data / "snapshots" / str(json.load(answer)["data"]["name"])
        index = sum(file.stat().st_size for file in folder.rglob("index"))
        chunks = sum(file.stat().st_size for file in folder.rglob("chunks/*"))
        shutil.rmtree(folder)
        return Block(index, chunks)


def measure(setting: Setting) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, programs.nginx(Path(name)) as nginx:
        for protocol in ("http", "https"):
            ours = _ours(Path(name), nginx, protocol, setting)
            theirs = _theirs(Path(name), nginx, protocol, setting)
            if not FEWEST <= ours.probes / theirs.probes <= MOST_CONTROLS:
                raise WrongError(f"{protocol}: {ours.probes:.1f} probes a second, theirs {theirs.probes:.1f}")
            yield from _rows(protocol, setting, ours, theirs)


def _ours(folder: Path, nginx: programs.Nginx, protocol: str, setting: Setting) -> Cost:
    url = nginx.urls[protocol]
    file = programs.write_config(folder, url, setting.pairs, setting.interval, nginx.ca_file, TIMEOUT)
    with programs.exporter(folder, file) as (process, url):
        job = {
            "job_name": "outage-exporter",
            "honor_labels": True,
            "static_configs": [{"targets": [_address(url)]}],
        }
        with _prometheus(folder, setting.interval, job) as prometheus:
            return _cost(process, prometheus, nginx, setting)


def _theirs(folder: Path, nginx: programs.Nginx, protocol: str, setting: Setting) -> Cost:
    targets = [f"{nginx.urls[protocol]}{number}" for number in range(setting.pairs)]
    with programs.blackbox(folder, nginx.ca_file, TIMEOUT) as (process, port):
        job = {
            "job_name": "blackbox",
            "metrics_path": "/probe",
            "params": {"module": ["http"]},
            "static_configs": [{"targets": targets}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{port}"},
            ],
        }
        with _prometheus(folder, setting.interval, job) as prometheus:
            return _cost(process, prometheus, nginx, setting)


def _cost(prober: subprocess.Popen[bytes], prometheus: Prometheus, nginx: programs.Nginx, setting: Setting) -> Cost:
    time.sleep(WARM_UP * setting.interval)
    began, accepted, appended = time.monotonic(), nginx.accepted(), _appended(prometheus.page())
    used = programs.cpu_seconds(prober), programs.cpu_seconds(prometheus.process)
    time.sleep(setting.seconds)
    seconds, probes = time.monotonic() - began, nginx.accepted() - accepted
    prober_cpu, prometheus_cpu = (
        programs.cpu_seconds(prober) - used[0],
        programs.cpu_seconds(prometheus.process) - used[1],
    )
    if (failures := prometheus.failures()) > setting.pairs * MOST_FAILURES:
        raise WrongError(f"{failures:g} of {setting.pairs} probes failed")
    page = prometheus.page()
    rate = (_appended(page) - appended) / seconds
    memory = programs.resident(prober), programs.resident(prometheus.process)  # before the snapshot, which takes some
    block = prometheus.block()
    return Cost(
        prober_cpu / seconds,
        prometheus_cpu / seconds,
        *memory,
        series=page.sum("prometheus_tsdb_head_series"),
        samples=rate,
        disk=block.chunks / _appended(page) * rate * 86400 + block.indices * BLOCKS_A_DAY,
        probes=probes / seconds,
    )


def _appended(page: MetricsPage) -> float:
    return page.sum("prometheus_tsdb_head_samples_appended_total")


@contextlib.contextmanager
def _prometheus(folder: Path, interval: float, job: dict[str, Any]) -> Iterator[Prometheus]:
    """An empty one that scrapes `job` every `interval` seconds and nothing else."""
    file, data, port = folder / "prometheus.yml", folder / "prometheus", programs.free_port()
    often = {"scrape_interval": f"{interval:g}s", "scrape_timeout": f"{min(10.0, interval):g}s"}
    file.write_text(json.dumps({"global": often, "scrape_configs": [job]}), encoding="utf-8")
    process = programs.start(
        PROMETHEUS, f"--config.file={file}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-admin-api", "--log.level=error",
    )  # fmt: skip
    try:
        with programs.ended(process):
            programs.await_port(port, process)
            yield Prometheus(process, f"http://127.0.0.1:{port}", data)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _address(url: str) -> str:
    return url.removeprefix("http://").removesuffix("/metrics")


def _rows(protocol: str, setting: Setting, ours: Cost, theirs: Cost) -> Iterator[Row]:
    each = 1 / setting.thousands
    what = f"{protocol}, 1,000 pairs at {setting.interval:g} s: "
    yield _compared(f"{what}CPU of the prober, cores", ours.prober_cpu * each, theirs.prober_cpu * each, ".4f")
    yield _compared(
        f"{what}CPU of Prometheus, cores", ours.prometheus_cpu * each, theirs.prometheus_cpu * each, ".4f",
        PROMETHEUS_GOAL,
    )  # fmt: skip
    yield _compared(f"{what}CPU of both, cores", ours.cpu * each, theirs.cpu * each, ".4f", WHOLE_GOALS[protocol])
    # Memory has a part that pairs do not add to, so it is that of this many pairs.
    pairs = f"{protocol}, {setting.pairs:,} pairs: "
    megabytes = [(one.prober_memory / 1e6, one.prometheus_memory / 1e6, one.memory / 1e6) for one in (ours, theirs)]
    for part, mine, other in zip(("the prober", "Prometheus", "both"), *megabytes, strict=True):
        yield _compared(f"{pairs}resident memory of {part}, MB", mine, other, ".0f")
    yield _compared(f"{what}series in Prometheus", ours.series * each, theirs.series * each, ".0f")
    yield _compared(f"{what}samples a second", ours.samples * each, theirs.samples * each, ".0f")
    yield _compared(f"{what}disk a day, MB", ours.disk * each / 1e6, theirs.disk * each / 1e6, ".1f")
    yield _compared(f"{what}probes a second", ours.probes * each, theirs.probes * each, ".1f")


def _compared(what: str, mine: float, other: float, form: str, goal: float | None = None) -> Row:
    ratio = mine / other
    wanted, met = ("-", None) if goal is None else (f"at most {goal:.3f}", ratio <= goal)
    return Row(what, format(mine, form), format(other, form), f"{ratio:.3f}", wanted, met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=15.0, help="seconds between two probes of a pair")
    parser.add_argument("--minutes", type=float, default=5.0, help="measured, of each of the four systems")
    chosen = parser.parse_args()
    print_machine()
    version = subprocess.run([PROMETHEUS, "--version"], capture_output=True, text=True, check=True)
    print(f"Prometheus {(version.stdout or version.stderr).split('version ')[1].split(' ')[0]}.\n")
    print_table(measure(Setting(chosen.pairs, chosen.interval, chosen.minutes * 60)))


if __name__ == "__main__":
    main()
