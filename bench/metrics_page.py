"""`/metrics` with 10,000 https targets: time, size and memory, beside the same gauges in prometheus_client.

Each program is measured in a process of its own. Memory is what the page adds to records that are there
anyway.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import psutil

from bench.report import Row
from exporter import kinds, web
from exporter.history import History
from exporter.metrics import Own, Page
from exporter.model import Config, Endpoint, Feature, Pair, Reason, Region, Result, SampleKey, Service
from exporter.state import Store

TARGETS = 10_000
REPEATS = 5
SERVE_GOAL = 0.060
MEMORY_GOAL = 5e3
UPDATE_GOAL = 25e-6
_NOW = 1_790_000_000.0
_PHASES = ("resolve", "connect", "tls", "processing", "transfer")
_LEAF = ("5b1f8c0d" * 8, "CN=www.example", "CN=Box CA", "www.example,example", "4d2a")
_STEADY: dict[SampleKey, float] = {
    "probe_ip_protocol": 4.0,
    "probe_ip_addr_hash": 3.21443351e08,
    "probe_tcp_retransmits": 0.0,
    ("probe_clock_info", "kernel"): 1.0,
    "probe_http_status_code": 200.0,
    "probe_http_content_length": -1.0,
    "probe_http_redirects": 0.0,
    "probe_http_ssl": 1.0,
    "probe_http_version": 2.0,
    "probe_failed_due_to_regex": 0.0,
    "probe_ssl_earliest_cert_expiry": 1.797e09,
    "probe_ssl_last_chain_expiry_timestamp_seconds": 1.799e09,
    ("probe_ssl_last_chain_info", *_LEAF): 1.0,
    ("probe_tls_version_info", "TLS 1.3"): 1.0,
    ("probe_tls_cipher_info", "TLS_AES_128_GCM_SHA256"): 1.0,
    "probe_http_last_modified_timestamp_seconds": 1.78e09,
}
_OWN: dict[SampleKey, float] = {
    **dict.fromkeys(
        (
            *("probe_success", "probe_duration_seconds", "probe_attempts_total", "probe_last_run_timestamp_seconds"),
            *("probe_all_success_sum", "probe_all_success_count"),
            ("probe_info", "http", "https://www-00000.example/", "www-00000.example", ""),
        ),
        1.0,
    ),
    **{("probe_failures_total", reason.value): 0.0 for reason in Reason},
}
"""What the page adds to the 24 samples of a result, for prometheus_client."""


def measure() -> Iterator[Row]:
    client = _child("client")
    for mode, name in (("plain", "histograms off"), ("histograms", "histograms on")):
        yield from _rows(name, _child(mode), client)


def _rows(name: str, ours: dict[str, float], client: dict[str, float]) -> Iterator[Row]:
    what = f"/metrics, {TARGETS} targets x {ours['samples']:.0f} lines, {name}"
    is_goal = name == "histograms off"
    pairs = (("making the pieces", "render"), ("GET over loopback", ""), ("GET, gzip", ""))
    for title, theirs in pairs:
        goal = SERVE_GOAL if is_goal and title != "GET, gzip" else None
        yield _time_row(f"{what}: {title}", ours[title], client.get(theirs), goal)
    yield Row(f"{what}: longest stop of the loop", f"{ours['stop'] * 1e3:.1f} ms")
    yield Row(f"{what}: size, gzip", f"{ours['size'] / 1e6:.1f} MB, {ours['gzip size'] / 1e6:.1f} MB")
    for kind in ("RSS", "tracemalloc"):
        mine, their = ours[kind] / TARGETS, client[kind] / TARGETS
        yield Row(
            f"{what}: memory per target, {kind}", f"{mine:.0f} B", f"prometheus_client {their:.0f} B",
            f"{mine / their:.2f}", f"{MEMORY_GOAL:g} B" if is_goal else "-", mine <= MEMORY_GOAL if is_goal else None,
        )  # fmt: skip
    update = ours["update"]
    yield Row(
        f"{what}: taking one result", f"{update * 1e6:.1f} us", f"prometheus_client {client['update'] * 1e6:.1f} us",
        f"{update / client['update']:.2f}", f"{UPDATE_GOAL * 1e6:g} us", update <= UPDATE_GOAL,
    )  # fmt: skip


def _time_row(what: str, ours: float, theirs: float | None, goal: float | None) -> Row:
    return Row(
        what,
        f"{ours * 1e3:.0f} ms",
        f"prometheus_client {theirs * 1e3:.0f} ms" if theirs else "-",
        f"{ours / theirs:.3f}" if theirs else "-",
        f"{goal * 1e3:g} ms" if goal else "-",
        ours <= goal if goal else None,
    )


def _child(mode: str) -> dict[str, float]:
    timed = _run(mode, "timed")
    return {**_run(mode, "traced"), **timed}


def _run(mode: str, how: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.metrics_page", mode, how]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


def _samples(draw: random.Random) -> dict[SampleKey, float]:
    """24 samples of an https probe, of which eight differ from run to run."""
    varying: dict[SampleKey, float] = {("probe_http_duration_seconds", phase): draw.random() / 10 for phase in _PHASES}
    for name in ("probe_dns_lookup_time_seconds", "probe_tcp_round_trip_seconds"):
        varying[name] = draw.random() / 10
    varying["probe_http_uncompressed_body_length"] = float(draw.randrange(100_000, 200_000))
    return {**varying, **_STEADY}


def _result(draw: random.Random, started: float) -> Result:
    samples = _samples(draw)
    phases = {phase: samples["probe_http_duration_seconds", phase] for phase in _PHASES}
    return Result(True, None, "", started, sum(phases.values()), phases, samples)


def _config() -> Config:
    options = kinds.module("probes", "http").Options()
    region = Region("eu-west", "local", kinds.module("regions", "local").Options())
    endpoints = tuple(
        Endpoint("tiktok", "feed", f"homepage-{n:05}", "http", f"https://www-{n:05}.example/", options, 60.0, 10.0)
        for n in range(TARGETS)
    )
    pairs = tuple(Pair(endpoint, region) for endpoint in endpoints)
    service = Service("tiktok", "TikTok", (Feature("feed", True, endpoints),))
    return Config((service,), (), (region,), pairs)


class _Grown:
    """Memory gained since the making, in bytes."""

    def __init__(self, traced: bool) -> None:
        self._traced = traced
        if traced:
            tracemalloc.start()
        self._before = self._now()

    def _now(self) -> int:
        return tracemalloc.get_traced_memory()[0] if self._traced else psutil.Process().memory_info().rss

    def report(self) -> dict[str, float]:
        return {"tracemalloc" if self._traced else "RSS": self._now() - self._before}


def _ours(histograms: bool, traced: bool) -> dict[str, float]:
    store, draw, page = Store(lambda: _NOW), random.Random(1), Page(lambda: _NOW)
    store.apply(_config())
    store.judge()
    results = {key: _result(draw, _NOW) for key in store.records}
    for key, result in results.items():
        store.record(key, result)
    grown = _Grown(traced)
    for key, record in store.records.items():
        page.add(record, histograms)
        page.update(record, results[key])
    for _ in page.pieces(store, False):
        pass
    found = grown.report()
    if traced:
        return found
    found["update"] = _median(lambda: _update(page, store, draw))
    found["making the pieces"] = _median(lambda: _timed(lambda: [len(piece) for piece in page.pieces(store, False)]))
    body = b"".join(page.pieces(store, False))
    found |= {"size": len(body), "samples": body.count(b'endpoint="homepage-00000"')}
    return {**found, **asyncio.run(_served(page, store))}


def _update(page: Page, store: Store, draw: random.Random) -> float:
    """Seconds for one result, as the second of each pair comes in."""
    results = [(record, _result(draw, _NOW + 1)) for record in store.records.values()]
    for record, result in results:
        record.take(result, 0.0)

    def update_all() -> None:
        for record, result in results:
            page.update(record, result)

    return _timed(update_all) / len(results)


async def _served(page: Page, store: Store) -> dict[str, float]:
    async def reload() -> list[str]:
        return []

    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        app = web.application(web.Site(store, page, Own(), history, reload, lambda: True))
        address = "127.0.0.1:19799"
        server = await web.serve(app, [address], None)
        found = {}
        for title, coding in (("", "identity"), (", gzip", "gzip")):
            took = []
            for _ in range(REPEATS):
                seconds, size = await _curl(address, coding)
                took.append(seconds)
            found[f"GET{title or ' over loopback'}"] = statistics.median(took)
        found["gzip size"] = size
        watcher = asyncio.create_task(_longest_stop())
        await _curl(address, "identity")
        watcher.cancel()
        found["stop"] = await watcher
        await server.close()
        history.close()
    return found


async def _curl(address: str, coding: str) -> tuple[float, float]:
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "-o", "/dev/null", "-H", f"Accept-Encoding: {coding}"),
        *("-w", "%{time_total} %{size_download}", f"http://{address}/metrics"),
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate()
    seconds, size = said.decode().split()
    return float(seconds), float(size)


async def _longest_stop() -> float:
    longest, before = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
    except asyncio.CancelledError:
        return longest


def _client(traced: bool) -> dict[str, float]:
    draw = random.Random(1)
    several = [_samples(draw) for _ in range(TARGETS)]
    grown = _Grown(traced)
    registry, gauges = prometheus_client.CollectorRegistry(), {}
    own = ("service", "feature", "endpoint", "region")
    for key in (*_OWN, *several[0]):
        name, extra = (key, ()) if isinstance(key, str) else (key[0], key[1:])
        if name not in gauges:
            labels = (*own, *(f"label_{n}" for n, _ in enumerate(extra)))
            gauges[name] = prometheus_client.Gauge(name, "Help.", labels, registry=registry)

    def take(number: int, samples: dict[SampleKey, float]) -> None:
        pair = ("tiktok", "feed", f"homepage-{number:05}", "eu-west")
        for key, value in {**_OWN, **samples}.items():
            name, extra = (key, ()) if isinstance(key, str) else (key[0], key[1:])
            gauges[name].labels(*pair, *extra).set(value)

    def take_all() -> None:
        for number, samples in enumerate(several):
            take(number, samples)

    take_all()
    found = grown.report()
    if traced:
        return found
    found["update"] = _median(lambda: _timed(take_all) / TARGETS)
    found["render"] = _median(lambda: _timed(lambda: prometheus_client.generate_latest(registry)))
    return found


def _timed(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _median(action: Callable[[], float]) -> float:
    return statistics.median(action() for _ in range(REPEATS))


def main() -> None:
    if len(sys.argv) == 1:
        for row in measure():
            print(row, flush=True)
        return
    mode, traced = sys.argv[1], sys.argv[2] == "traced"
    print(json.dumps(_client(traced) if mode == "client" else _ours(mode == "histograms", traced)))


if __name__ == "__main__":
    main()
