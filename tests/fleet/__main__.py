"""What a fleet comes to by each fault, as a table: `python -m tests.fleet > deploy/fleet/results.md`, as root."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fleet.faults import Outcome, agent_killed, central_killed, cut_off, cut_off_and_restarted
from tests.fleet.fleet import BY_VICTORIA_METRICS, fleet
from tests.fleet.hastened import RANGES, SCRAPED_EVERY, WAITS

HEAD = f"""# What happens to a fleet

Three sites, each with an exporter that probes TikTok in a box and an agent, and a centre in a network namespace of its
own, a cable from each site. Real programs, the files of this folder and the rules that ship, their ranges divided by
{RANGES} and their waits by {WAITS}; scrapes every {SCRAPED_EVERY:g} s. The agents of eu and us are Prometheus, that of
{BY_VICTORIA_METRICS} is VictoriaMetrics' (where that is installed). Written by `python -m tests.fleet >
deploy/fleet/results.md` ({os.cpu_count()} cores).

| fault | fires at the centre meanwhile | longest pause between samples afterwards, in seconds |
|---|---|---|"""


async def outcomes() -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        async with fleet(Path(folder)) as running:
            await running.until_heard()
            return [
                await agent_killed(running, "eu"),
                await cut_off(running, "us", "jp"),
                await central_killed(running),
                await cut_off_and_restarted(running, "us", "jp"),
            ]


def row(outcome: Outcome) -> str:
    fired = ", ".join(f"{alert} {whom}" for alert, whom in sorted(outcome.fired)) or "nothing"
    return f"| {outcome.fault} | {fired} | {'; '.join(pauses(outcome))} |"


def pauses(outcome: Outcome) -> Iterator[str]:
    for store, sites in outcome.pauses.items():
        yield f"{store}: " + ", ".join(f"{site} {pause:.1f}" for site, pause in sites.items())


if __name__ == "__main__":
    found = asyncio.run(outcomes())
    print(HEAD, *map(row, found), sep="\n")
