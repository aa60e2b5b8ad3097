"""People who read a service's page, while the exporter probes: what they wait, what it costs, and what the probes see.

A hundred probes a second of a server that answers 50 ms after the request arrived; the page is read 200 times a second
by people who have never seen it, then by caches that ask with its tag, and before and after by nobody. Each time the
probes' first-byte times are compared with what the server did. Beside it nginx with the page as it is exported, read
the same way. `python -m bench.readers [SECONDS]`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import crowd, programs
from bench.delayed import DELAY, delayed
from bench.pages import scrape
from bench.report import percentile
from exporter.export import export

SECONDS = 40.0
RATE = 200.0
"""Readings of the page, a second."""

REGIONS, FEATURES, ENDPOINTS = 5, 7, 30
INTERVAL = 10.0
"""Seconds: of 1,050 pairs."""

_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 900; }}
http {{
  access_log off; include /etc/nginx/mime.types; gzip on; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fast; scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {folder}/export; }}
}}
"""

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen for some time: the probes' errors in seconds, shares of a core of the main process and of all."""

    errors: list[float]
    main: float
    all: float
    came: crowd.Came | None


def write_config(folder: Path, url: str) -> Path:
    features = {
        f"feature-{f}": {
            "core": True,
            "endpoints": {f"e{f}-{n}": {"url": f"{url}{f}/{n}"} for n in range(ENDPOINTS)},
        }
        for f in range(FEATURES)
    }
    made = {
        "defaults": {"interval": f"{INTERVAL:g}s", "timeout": programs.TIMEOUT},
        "regions": {f"region-{number}": {"kind": "local"} for number in range(REGIONS)},
        "controls": {"control": {"url": url, "interval": "60s"}},
        "services": {"bench": {"title": "Bench", "features": features}},
    }
    file = folder / "outage.yaml"
    file.write_text(json.dumps(made), encoding="utf-8")
    return file


def watch(process: subprocess.Popen[bytes], url: str, seconds: float, reading: bool, tagged: bool = False) -> Window:
    """Some seconds of probing, with people who read the page or without."""
    began, program = time.time(), psutil.Process(process.pid)
    main, everything = sum(program.cpu_times()[:2]), programs.cpu_seconds(process)
    if reading:
        came = crowd.came_of(crowd.start(url.replace("/metrics", "/bench"), seconds, RATE, tagged))
    else:
        came = None
        time.sleep(seconds)
    took = time.time() - began
    main, everything = sum(program.cpu_times()[:2]) - main, programs.cpu_seconds(process) - everything
    return Window(_errors(url, began), main / took, everything / took, came)


def _errors(url: str, began: float) -> list[float]:
    """Of each pair's latest probe, if it has run since."""
    page = scrape(url)
    runs = dict(page.values("probe_last_run_timestamp_seconds", 'service="bench"'))
    return [
        abs(value - DELAY)
        for labels, value in page.values("probe_http_duration_seconds", "processing")
        if runs.get(labels.replace(b',phase="processing"', b""), 0.0) >= began
    ]


@contextmanager
def hosted(folder: Path, url: str) -> Iterator[str]:
    """The exporter's pages as files, with nginx: the address of the same page."""
    export(url.replace("/metrics", "/export.tar"), folder / "export")
    port, file = programs.free_port(), folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, port=port), encoding="utf-8")
    process = programs.start("nginx", "-c", str(file), "-e", str(folder / "nginx.log"))
    with programs.ended(process):
        programs.await_port(port, process)
        yield f"http://127.0.0.1:{port}/bench/index.html"


PLANS = {
    "nobody reads": (False, False),
    "read with no tag": (True, False),
    "read with its tag": (True, True),
    "nobody reads again": (False, False),
}
"""Whether the page is read, and with its tag."""


def measure(seconds: float) -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        delayed() as server,
        programs.exporter(Path(name), write_config(Path(name), server.url)) as (process, url),
    ):
        time.sleep(1.5 * INTERVAL)
        found = {title: watch(process, url, seconds, *plan) for title, plan in PLANS.items()}
        with hosted(Path(name), url) as address:
            theirs = {
                title: crowd.came_of(crowd.start(address, seconds, RATE, tagged))
                for title, (reading, tagged) in PLANS.items()
                if reading
            }
        for title, window in found.items():
            yield from _rows(title, window, theirs.get(title))


def _rows(title: str, window: Window, theirs: crowd.Came | None) -> Iterator[Row]:
    if window.came and theirs:
        yield f"{title}, {RATE:g}/s: p50, p99, max", _waited(window.came), _waited(theirs)
        yield f"{title}: answers; bytes of one", _answers(window.came), _answers(theirs)
    yield f"{title}: CPU of the main process, of all", f"{window.main:.1%}, {window.all:.1%} of a core", "-"
    p50, p99 = percentile(window.errors, 50) * 1e3, percentile(window.errors, 99) * 1e3
    yield f"{title}: first-byte error of {len(window.errors)} probes: p50, p99", f"{p50:.3f}, {p99:.3f} ms", "-"


def _waited(came: crowd.Came) -> str:
    return f"{came.p50 * 1e3:.2f}, {came.p99 * 1e3:.2f}, {came.most * 1e3:.1f} ms"


def _answers(came: crowd.Came) -> str:
    told = ", ".join(f"{status}: {count}" for status, count in sorted(came.statuses.items()))
    return f"{told}{f', lost: {came.lost}' if came.lost else ''}; {came.size}"


def main() -> None:
    print("| what | outage-exporter | nginx with the export |\n|---|---|---|", flush=True)
    for row in measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
