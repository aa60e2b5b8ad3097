"""One round of probes now, in this process, and what came of it: for `outage-exporter check`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from exporter import attempt
from exporter.model import CONTROLS, NOT_THE_SERVICE, Config, Pair, PairKey, Result, Service
from exporter.net import Network
from exporter.state import Store
from exporter.verdict import FAILURES_TO_DOWN

AT_ONCE = 50
CONFIRM_AFTER = 1.0
"""Seconds: a person waits, so failures are confirmed sooner than in scheduled mode."""

Progress = Callable[[int, int], None]


def narrow(config: Config, names: Sequence[str]) -> Config:
    """The configuration with these services only (all when empty) and the controls. KeyError names a stranger."""
    known = {service.name: service for service in config.services}
    services: tuple[Service, ...] = tuple(known[name] for name in names) or config.services
    wanted = {service.name for service in services} | {CONTROLS}
    pairs = tuple(pair for pair in config.pairs if pair.endpoint.service in wanted)
    return replace(config, services=services, pairs=pairs)


async def check(config: Config, progress: Progress) -> Store:
    """Probe every pair once, confirm what failed unless no region sees the internet, and judge."""
    store = Store(time.time)
    store.apply(config)
    network = Network(config.network)
    await _round(config.pairs, network, store, 0, progress)
    for number in range(1, FAILURES_TO_DOWN):
        controls, failing = _unproven(config, store)
        if not (controls or failing) or not any(sight.seeing for sight in store.sights.values()):
            break
        await asyncio.sleep(CONFIRM_AFTER)
        # The controls first: a failure counts when it comes again after one of them has answered.
        for pairs in (controls, failing):
            await _round(pairs, network, store, number, progress)
    return store


def _unproven(config: Config, store: Store) -> tuple[list[Pair], list[Pair]]:
    """The controls of the regions where anything fails, and the pairs whose failure is not confirmed."""
    failing = [pair for pair in config.pairs if store.records[pair.key].track.failures]
    regions = {pair.region.name for pair in failing}
    controls = [p for p in config.pairs if p.endpoint.service == CONTROLS and p.region.name in regions]
    return controls, [pair for pair in failing if pair.endpoint.service != CONTROLS]


async def _round(pairs: Sequence[Pair], network: Network, store: Store, number: int, progress: Progress) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    finished = 0

    async def one(pair: Pair) -> None:
        nonlocal finished
        async with gate:
            store.record(pair.key, await attempt.run(pair, network, number))
        finished += 1
        progress(finished, len(pairs))

    await asyncio.gather(*map(one, pairs))
    store.judge()


def as_json(store: Store) -> dict[str, Any]:
    """The verdicts with the newest result of every pair, for `--json`."""
    results = [result_json(key, record.results[0]) for key, record in store.records.items() if record.results]
    return {**store.as_json(), "results": results}


def result_json(key: PairKey, result: Result) -> dict[str, Any]:
    """A result as JSON; `counts` tells whether it says anything of the service."""
    service, endpoint, region = key
    return {
        "service": service,
        "endpoint": endpoint,
        "region": region,
        "ok": result.ok,
        "reason": result.reason,
        "message": result.message,
        "duration_seconds": round(result.duration, 6),
        "counts": result.ok or result.reason not in NOT_THE_SERVICE,
    }
