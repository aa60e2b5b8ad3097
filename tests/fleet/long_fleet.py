"""Three sites and a centre for real; an agent dies, lines are cut, the centre goes: who is told, and what is lost.

The rules are those that ship with all their durations divided; nothing else of them changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fleet.faults import WHOLE, Outcome, agent_killed, central_killed, cut_off
from tests.fleet.fleet import SITES, Fleet, fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = "ALERTS{severity='critical',alertstate='firing'}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """The fleet, all well."""
    async with fleet(tmp_path_factory.mktemp("fleet")) as running:
        await running.until_heard()
        yield running


def silent(site: str) -> set[tuple[str, str]]:
    return {("OutageSiteSilent", site), ("OutageRegionSilent", site)}


def lost(outcome: Outcome) -> set[tuple[str, str]]:
    """(store, site) of which samples are missing."""
    return {
        (store, site) for store, pauses in outcome.pauses.items() for site, pause in pauses.items() if pause > WHOLE
    }


async def test_what_every_site_reads_counts_once(running: Fleet) -> None:
    running.box.publish("oracle")
    await running.until_holds(
        f"count(outage_upstream_incident{{provider='oracle',service='tiktok'}} == 1) >= {len(SITES)}"
    )
    found = await running.query("max by (provider) (outage_upstream_incident{provider='oracle',service='tiktok'}) == 1")
    assert len(found) == 1
    running.box.publish("oracle", "calm")


async def test_an_agent_that_dies_is_missed_and_nothing_of_the_others_is(running: Fleet) -> None:
    outcome = await agent_killed(running, "eu")
    assert outcome.fired >= silent("eu")
    assert not outcome.fired & (silent("us") | silent("jp"))
    assert lost(outcome) == {(store, "eu") for store in outcome.pauses}


async def test_sites_that_are_cut_off_are_missed_and_nothing_of_theirs_is_lost(running: Fleet) -> None:
    outcome = await cut_off(running, "us", "jp")
    assert outcome.fired >= silent("us") | silent("jp")
    assert not outcome.fired & silent("eu")
    assert not lost(outcome)


async def test_a_centre_that_dies_loses_nothing_and_nobody_is_paged_for_it(running: Fleet) -> None:
    outcome = await central_killed(running)
    assert not await running.query(PAGES)
    assert not lost(outcome)


async def test_the_same_rules_page_for_what_all_sites_see(running: Fleet) -> None:
    running.box.break_(feature="upload")
    await running.until_holds(
        "ALERTS{alertname='OutageFeatureDown',service='tiktok',feature='upload',alertstate='firing'}", within=90.0
    )
    # Two are enough for the page, and the third is soon of the same mind.
    await running.until_holds(
        f"service_feature:outage_regions_down:count{{service='tiktok',feature='upload'}} == {len(SITES)}"
    )
