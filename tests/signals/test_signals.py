"""Whatever a signal's server does: it is told by name, what was known stays as long as it may, no verdict changes."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.origin import Origin
from tests.signals.case import Case, cases, kinds_to_ask
from tests.signals.faults import MODES, Scene
from tests.signals.meeting import World, configuration, meet, until

CASES = cases()


def test_every_kind_that_asks_somebody_has_a_case() -> None:
    missing = sorted(set(kinds_to_ask()) - {case.kind for case in CASES})
    assert not missing, (
        f"no case for {', '.join(missing)}: add tests/signals/case_{missing[0]}.py with CASE = Case(...), "
        "so that it is asked of servers that go wrong; what it holds stands in tests/signals/case.py"
    )


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_signal_whose_server_says_that_all_is_quiet_is_read_without_an_error(case: Case) -> None:
    world = World(case.bookmark)
    async with Origin(lambda request: None) as origin:
        origin.answer = Scene(case, world.now, "").calm()
        async with world.listening(configuration(case, origin)) as listening:
            await until(lambda: len(world.kept) > 1, listening)
            heard = listening.heard[case.kind]
    assert heard.fresh
    assert not heard.errors
    assert not any(reading.notices or reading.restrictions for reading in world.kept)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_signal_whose_server_goes_wrong_says_how_and_changes_no_verdict(case: Case) -> None:
    outcomes = await asyncio.gather(*(meet(case, mode) for mode in MODES))
    for mode, outcome in zip(MODES, outcomes, strict=True):
        if outcome is not None:
            assert outcome.fault is mode.fault, f"{mode}: {outcome}"
            assert outcome.sentence, mode
            assert outcome.reading_kept, f"{mode}: {outcome}"
            assert outcome.evidence_ends, f"{mode}: {outcome}"
            assert outcome.verdict_unchanged, f"{mode}: {outcome}"
            assert not outcome.lured, f"{mode}: {outcome}"
            assert mode.name != "wrong types" or case.says in outcome.sentence, f"{mode}: {outcome}"
