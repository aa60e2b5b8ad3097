"""From an outage to the page, and from its end to the all-clear: `python -m bench.paging [--stacks 5] [--rounds 2]`.

TikTok in a box, three regions, and the product with what ships: 60 s intervals, 15 s scrapes and evaluations, the rules
and the Alertmanager configuration. Uploads are cut off in most regions; a receiver that speaks the pager's protocol
notes when the page and the all-clear arrive. Several stacks run side by side, because most of the time is waiting.

Every second is accounted for: what the probes took to see it and to confirm it, the scrape and the evaluation, `for`
or `keep_firing_for`, and Alertmanager's wait.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.servers.alertmanager import Alertmanager
from tests.servers.box import SHIPPED, Box
from tests.servers.pages import PAGER, Pages
from tests.servers.program import Exporter, until
from tests.servers.proxies import Microsocks, Tinyproxy
from tests.stack.prometheus import Prometheus

ALERT, FEATURE = "OutageFeatureDown", "upload"
REGIONS = ("eu-west", "us-east")
"""Of three: the third, this machine's own, stays well."""

SCRAPE_SECONDS = 15
INTERVAL = 60.0
GOAL_SECONDS = 120.0
PATIENCE = 900.0
ASK_EVERY = 0.5
"""Seconds: seldom enough that the asking of several stacks does not slow what is asked."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One whole product with its box."""

    box: Box
    exporter: Exporter
    prometheus: Prometheus
    pages: Pages


@dataclass(frozen=True, slots=True)
class Leg:
    """Unix seconds of what happens on the way from a change in the box to the notice."""

    changed: float
    judged: float
    evaluated: float
    decided: float
    noticed: float

    @property
    def parts(self) -> tuple[float, float, float, float, float]:
        """Seconds: probes and confirmation, scrape and evaluation, `for` or `keep_firing_for`, Alertmanager, all."""
        steps = (self.changed, self.judged, self.evaluated, self.decided, self.noticed)
        between = [later - earlier for earlier, later in pairwise(steps)]
        return between[0], between[1], between[2], between[3], self.noticed - self.changed


async def start(stack: AsyncExitStack, folder: Path) -> Stack:
    """Everything that ships, all well."""
    box = await stack.enter_async_context(Box())
    socks = await stack.enter_async_context(Microsocks(box, REGIONS[0], user="box", password="box"))
    connect = await stack.enter_async_context(Tinyproxy(box, REGIONS[1]))
    exporter = await stack.enter_async_context(
        Exporter(folder, SHIPPED, box.write_config(folder, [socks, connect]), arguments=("--workers=1",))
    )
    pages = await stack.enter_async_context(Pages())
    config = pages.write_config(folder)
    alertmanager = await stack.enter_async_context(Alertmanager(folder, config, pages.environment))
    prometheus = await stack.enter_async_context(
        Prometheus(folder, f"127.0.0.1:{exporter.port}", SCRAPE_SECONDS, f"127.0.0.1:{alertmanager.port}")
    )
    await exporter.until_answer("tiktok", "up")
    await prometheus.until_holds(f'service_feature:outage_down:bool{{service="tiktok",feature="{FEATURE}"}} == 0', 120)
    return Stack(box, exporter, prometheus, pages)


async def measure(stack: Stack, phase: random.Random) -> tuple[Leg, Leg]:
    """One outage: the way to the page, and the way to the all-clear."""
    await asyncio.sleep(phase.uniform(0, INTERVAL))
    seen = len(stack.pages.notices)
    changed = time.time()
    for region in REGIONS:
        stack.box.break_(feature=FEATURE, region=region, mode="reset")
    page = await _leg(stack, changed, seen, down=True)
    await asyncio.sleep(phase.uniform(0, INTERVAL))
    changed = time.time()
    stack.box.mend()
    return page, await _leg(stack, changed, seen, down=False)


async def _leg(stack: Stack, changed: float, seen: int, down: bool) -> Leg:
    judged, evaluated, decided, noticed = await asyncio.gather(
        _judged(stack, down), _evaluated(stack, down), _decided(stack, down), _noticed(stack, seen, down)
    )
    return Leg(changed, judged, evaluated, decided, noticed)


async def _judged(stack: Stack, down: bool) -> float:
    """When the exporter says so: the feature's answer, by its quorum."""

    async def ask() -> bool:
        found = (await stack.exporter.verdict("tiktok"))["features"][FEATURE]
        return bool(found == "down") is down

    return await _when(ask)


async def _evaluated(stack: Stack, down: bool) -> float:
    """When the rules know: the recorded quorum."""

    async def ask() -> bool:
        quorum = f'service_feature:outage_down:bool{{service="tiktok",feature="{FEATURE}"}} == {int(down)}'
        return bool(await stack.prometheus.query(quorum))

    return await _when(ask)


async def _decided(stack: Stack, down: bool) -> float:
    """When the alert fires, or fires no longer."""

    async def ask() -> bool:
        states = [one["state"] for one in await stack.prometheus.alerts() if _is_ours(one["labels"])]
        return ("firing" in states) is down

    return await _when(ask)


def _is_ours(labels: Mapping[str, str]) -> bool:
    return labels["alertname"] == ALERT and labels.get("feature") == FEATURE


async def _noticed(stack: Stack, seen: int, down: bool) -> float:
    async def ask() -> bool:
        new = [notice for notice in stack.pages.notices[seen:] if notice.channel == PAGER]
        return any(notice.resolved is not down and FEATURE in notice.title for notice in new)

    return await _when(ask)


async def _when(ask: Callable[[], Awaitable[bool]]) -> float:
    await until(ask, bool, PATIENCE, ASK_EVERY)
    return time.time()


async def run(stacks: int, rounds: int) -> tuple[list[Leg], list[Leg]]:
    """All rounds of all stacks."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paging-")))
        folders = [Path(tempfile.mkdtemp(dir=folder)) for _ in range(stacks)]
        running = [await start(stack, each) for each in folders]

        async def several(number: int) -> list[tuple[Leg, Leg]]:
            phase = random.Random(number)
            return [await measure(running[number], phase) for _ in range(rounds)]

        found = [pair for each in await asyncio.gather(*map(several, range(stacks))) for pair in each]
    return [page for page, _ in found], [clear for _, clear in found]


def report(title: str, legs: Sequence[Leg], third: str) -> None:
    """A row an outage, the medians last."""
    head = f"| {title} | probes, confirmation | scrape, evaluation | {third} | Alertmanager | all |"
    print(f"\n{head}\n|---|---|---|---|---|---|")
    for leg in legs:
        at = datetime.fromtimestamp(leg.changed).strftime("%H:%M:%S")
        print(f"| {at} | " + " | ".join(f"{part:.0f} s" for part in leg.parts) + " |")
    medians = [statistics.median(column) for column in zip(*(leg.parts for leg in legs), strict=True)]
    met = "met" if medians[-1] < GOAL_SECONDS else "**missed**"
    print(
        "| median | " + " | ".join(f"{part:.0f} s" for part in medians) + f" (goal {GOAL_SECONDS:g} s: {met}) |",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.paging", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--stacks", type=int, default=5, help="boxes side by side, at most 10 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="outages in each (default: %(default)s)")
    options = parser.parse_args()
    pages, clears = asyncio.run(run(options.stacks, options.rounds))
    report("outage at", pages, "`for`")
    report("mended at", clears, "`keep_firing_for`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
