"""What happens to a fleet, one fault after the other: what fires at the centre, and what samples are missing after it.

Each fault begins and ends with all well. What is missing is counted in the agents' own word `up`, which they say at
every scrape.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from tests.fleet.fleet import BY_VICTORIA_METRICS, SITES, Fleet
from tests.fleet.hastened import SCRAPED_EVERY
from tests.servers.program import until

CUT_FOR = 22.0
"""Seconds: half as long again as the centre takes old samples without its window for what is out of order."""

DOWN_FOR = 6.0
"""Seconds."""

WHOLE = 1.9 * SCRAPED_EVERY
"""Seconds between two samples, below which none is missing."""

_COMES_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`fired` while the fault lasted, as (alert, whom about).

    `pauses` is the longest time without a sample, in seconds, by store and site.
    """

    fault: str
    fired: frozenset[tuple[str, str]]
    pauses: Mapping[str, Mapping[str, float]]


async def agent_killed(running: Fleet, site: str) -> Outcome:
    """An agent dies, and is started again when it has been missed."""
    since = time.time()
    await running.agents[site].kill()
    fired = await _missed(running, site)
    await running.agents[site].start()
    return Outcome(f"the agent of {site} killed, started again when missed", fired, await _pauses(running, since))


async def cut_off(running: Fleet, *sites: str) -> Outcome:
    """The lines of these sites cut, until they have been missed and for `CUT_FOR` at least."""
    since = time.time()
    _cut(running, sites)
    fired = frozenset[tuple[str, str]]().union(*[await _missed(running, site) for site in sites])
    await _mend(running, sites, since)
    return Outcome(f"{' and '.join(sites)} cut off for {CUT_FOR:.0f} s", fired, await _pauses(running, since))


async def cut_off_and_restarted(running: Fleet, *sites: str) -> Outcome:
    """As `cut_off`, and the agents there are stopped and started meanwhile, as an update does it."""
    since = time.time()
    _cut(running, sites)
    fired = frozenset[tuple[str, str]]().union(*[await _missed(running, site) for site in sites])
    for site in sites:
        await running.agents[site].stop()
        await running.agents[site].start()
    await _mend(running, sites, since)
    name = f"{' and '.join(sites)} cut off for {CUT_FOR:.0f} s, their agents restarted meanwhile"
    return Outcome(name, fired, await _pauses(running, since))


async def central_killed(running: Fleet) -> Outcome:
    """The centre's Prometheus killed, and started again after `DOWN_FOR`."""
    since = time.time()
    await running.central.kill()
    await asyncio.sleep(DOWN_FOR)  # the length of its absence is what is tried here
    await running.central.start()
    await running.until_holds("ALERTS{alertname='Watchdog'}")
    fired = frozenset(await running.firing())
    name = f"the centre killed, started again after {DOWN_FOR:.0f} s"
    return Outcome(name, fired, await _pauses(running, since))


def _cut(running: Fleet, sites: tuple[str, ...]) -> None:
    for site in sites:
        running.cables.cut(SITES.index(site))


async def _mend(running: Fleet, sites: tuple[str, ...], since: float) -> None:
    await asyncio.sleep(max(0.0, since + CUT_FOR - time.time()))  # the length of a cut is what is tried here
    for site in sites:
        running.cables.mend(SITES.index(site))


async def _missed(running: Fleet, site: str) -> frozenset[tuple[str, str]]:
    """All that fires when both the site and its region have been missed."""
    for alert, label in (("OutageSiteSilent", "site"), ("OutageRegionSilent", "region")):
        await running.until_holds(f'ALERTS{{alertname="{alert}",{label}="{site}",alertstate="firing"}}')
    return frozenset(await running.firing())


async def _pauses(running: Fleet, since: float) -> Mapping[str, Mapping[str, float]]:
    """The longest pauses since then, when all is well again and every site's newest samples have come."""
    await running.until_heard()
    now = time.time()
    stores = ("centre", "store") if running.store else ("centre",)
    return {store: {site: await _pause(running, site, since, now, store) for site in SITES} for store in stores}


async def _pause(running: Fleet, site: str, since: float, now: float, store: str) -> float:
    async def pause() -> float:
        times = await running.kept(site, since - WHOLE, store == "store")
        return max(later - earlier for earlier, later in pairwise([*times, *([] if times[-1] >= now else [inf])]))

    longest = await until(pause, lambda found: found < inf, _COMES_WITHIN, every=0.5)
    if site == BY_VICTORIA_METRICS:
        # It sends side by side: what waits to be sent again may come after what is newer. The others keep order.
        with suppress(AssertionError):
            longest = await until(pause, lambda found: found < WHOLE, _COMES_WITHIN / 2, every=0.5)
    return longest
