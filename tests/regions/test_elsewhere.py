"""What is asked at once where a quota lets pairs run rarely, and what says nothing until then; in simulated time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporter import budget, config
from exporter.budget import HOUR, Ledger
from exporter.elsewhere import APART
from exporter.model import CONTROLS, Answer, Config, Pair, Reason, Result, State
from exporter.regions import globalping
from exporter.schedule import Schedule
from exporter.simulation import Effect, Simulation
from exporter.tracks import Condition, Sight, Track
from exporter.verdict import judge
from tests.judging import FINE, SEEING, TIKTOK, after, failed, ok

NOW = 1_700_000_000.0
COUNTRIES = ("us", "br", "gb", "de", "za", "jp", "id", "au")
FOREVER = float("inf")


@pytest.fixture(scope="module")
def shipped() -> Config:
    loaded = config.load([config.shipped()], {})
    tiktok = (loaded.services[0],)
    pairs = tuple(pair for pair in loaded.pairs if pair.endpoint.service in ("tiktok", CONTROLS))
    return replace(loaded, services=tiktok, pairs=pairs, histograms=False)


def outage(start: float, *regions: str, reason: Reason = Reason.CONNECT, end: float = FOREVER) -> Effect:
    features = ("feed", "video", "login", "upload", "live", "api", "ads")
    return Effect(start, end, reason, features, regions)


def states(simulated: Simulation, feature: str = "feed") -> dict[str, State]:
    verdict = simulated.store.verdicts["tiktok"]
    return {region: state for (name, region), state in verdict.states.items() if name == feature}


def runs_of(simulated: Simulation, region: str, name: str = "short_links") -> int:
    return simulated.store.records["tiktok", name, region].attempts


def advanced(simulated: Simulation, until: float) -> None:
    """As the program does it: judged again and again."""
    at = simulated.now
    while at < until:
        at = min(until, at + 5.0)
        simulated.advance(at)


def test_an_outage_of_all_is_down_everywhere_although_strangers_last_looked_half_an_hour_ago(shipped: Config) -> None:
    simulated = Simulation(shipped, [outage(NOW + 900)], NOW)
    simulated.advance(NOW + 899)
    assert set(states(simulated).values()) == {State.UP}
    before = runs_of(simulated, "us")
    advanced(simulated, NOW + 900 + 150)
    assert simulated.store.verdicts["tiktok"].features["feed"] is Answer.DOWN
    assert set(states(simulated).values()) == {State.DOWN}
    assert runs_of(simulated, "us") > before
    answers = [change.after for _, change in simulated.changes if change.feature == "feed" and change.region == ""]
    assert Answer.PARTIAL not in answers


def test_an_outage_of_here_alone_is_partial_because_strangers_are_asked(shipped: Config) -> None:
    simulated = Simulation(shipped, [outage(NOW + 900, "here")], NOW)
    simulated.advance(NOW + 899)
    before = runs_of(simulated, "jp")
    advanced(simulated, NOW + 900 + 150)
    assert states(simulated) == {"here": State.DOWN, **dict.fromkeys(COUNTRIES, State.UP)}
    assert runs_of(simulated, "jp") == before + 1
    assert simulated.store.verdicts["tiktok"].answer is Answer.PARTIAL


def test_when_it_is_over_here_strangers_who_found_it_down_are_asked_again(shipped: Config) -> None:
    simulated = Simulation(shipped, [outage(NOW + 900, end=NOW + 1500)], NOW)
    simulated.advance(NOW + 899)
    advanced(simulated, NOW + 1499)
    assert set(states(simulated).values()) == {State.DOWN}
    advanced(simulated, NOW + 1500 + 300)
    assert set(states(simulated).values()) == {State.UP}


def test_what_comes_and_goes_asks_strangers_once_in_five_minutes(shipped: Config) -> None:
    flapping = [outage(NOW + 900 + at, "here", end=NOW + 900 + at + 90) for at in range(0, 1800, 180)]
    calm, restless = Simulation(shipped, [], NOW), Simulation(shipped, flapping, NOW)
    for simulated in (calm, restless):
        simulated.advance(NOW + 899)
        advanced(simulated, NOW + 2700)
    asked = runs_of(restless, "za") - runs_of(calm, "za")
    assert 1 <= asked <= 1800 / APART + 1


def test_without_an_outage_strangers_are_asked_only_as_planned(shipped: Config) -> None:
    simulated = Simulation(shipped, [], NOW)
    simulated.advance(NOW + 6 * HOUR)
    (pair,) = (pair for pair in shipped.pairs if pair.key == ("tiktok", "short_links", "us"))
    assert abs(runs_of(simulated, "us") - 6 * HOUR / pair.endpoint.interval) <= 1


def test_a_line_that_is_cut_is_soon_known_to_be_and_that_it_is_back_too(shipped: Config) -> None:
    line = [
        Effect(NOW + 900, NOW + 1500, Reason.CONNECT, regions=("here",)),
        Effect(NOW + 900, NOW + 1500, Reason.VANTAGE, regions=COUNTRIES),
    ]
    simulated = Simulation(shipped, line, NOW)
    simulated.advance(NOW + 899)
    advanced(simulated, NOW + 900 + 150)
    assert not any(sees.seeing for sees in simulated.store.sights.values())
    assert simulated.store.verdicts["tiktok"].answer is Answer.UNKNOWN
    advanced(simulated, NOW + 1500 + 150)
    assert all(sees.seeing for sees in simulated.store.sights.values())


SLOW = ("tiktok", "home", "jp")
PACES = {SLOW: 2000.0}
DOWN_HERE = after(failed(at=60.0), failed(at=65.0), failed(at=75.0), seen_at=62.0)


def judged(slow: Track, here: Track = DOWN_HERE) -> dict[str, State]:
    tracks = {("tiktok", "home", "here"): here, SLOW: slow}
    said = judge(TIKTOK, tracks, {"here": SEEING, "jp": Sight(True)}, 100.0, paces=PACES)
    return {region: state for (_, region), state in said.states.items()}


def test_that_it_was_up_elsewhere_before_it_went_down_says_nothing_any_more() -> None:
    assert judged(after(ok(at=59.0)))["jp"] is State.UNKNOWN
    assert judged(after(ok(at=61.0)))["jp"] is State.UP
    assert judged(after(ok(at=1.0)), here=FINE)["jp"] is State.UP


def test_that_it_was_down_elsewhere_before_still_says_so() -> None:
    assert judged(after(replace(failed(at=30.0), witnesses=3)))["jp"] is State.DOWN


def test_three_witnesses_at_once_are_down_and_up_at_once() -> None:
    three = replace(failed(at=60.0), witnesses=3)
    down = after(ok(at=0.0), three)
    assert (down.standing, down.proven, down.failures) == (Condition.DOWN, True, 3)
    assert after(ok(at=0.0), three, replace(ok(at=70.0), witnesses=3)).standing is Condition.UP
    assert after(ok(at=0.0), replace(three, witnesses=2)).standing is Condition.UP


def test_a_failure_of_three_witnesses_is_not_confirmed_and_one_of_two_is(shipped: Config) -> None:
    (pair,) = (pair for pair in shipped.pairs if pair.key == ("tiktok", "short_links", "us"))
    assert confirmations(pair, 3) == 0
    assert confirmations(pair, 2) == 1


def confirmations(pair: Pair, witnesses: int) -> int:
    schedule = Schedule(NOW, 0.0, capacity=10)
    schedule.replace([pair], 0.0)
    found = []
    for at in range(120):
        for run in schedule.due(float(at)):
            found.append(run.number)
            schedule.done(run, Result(False, Reason.STATUS, "", NOW + at, 1.0, witnesses=witnesses), float(at))
    return sum(number > 0 for number in found)


def test_the_quota_holds_over_outages_and_restarts(shipped: Config, tmp_path: Path) -> None:
    """As the program spends it: what is planned, what is asked at once, and everything anew after each start."""
    spent: list[tuple[float, int]] = []
    effects = [outage(NOW + at, *where) for at, where in ((5000, ()), (15000, ("here",)))]
    effects = [replace(effect, end=effect.start + 2000) for effect in effects]
    begins = (0.0, 4000.0, 4600.0, 5200.0)
    for begin, end in zip(begins, (*begins[1:], 6 * HOUR), strict=True):
        simulated = Simulation(shipped, effects, NOW + begin)
        ledger = Ledger(tmp_path / "ledger", shipped.network.quota.tests_per_hour)
        seen: dict[tuple[str, str, str], int] = {}
        at = NOW + begin
        while at < NOW + end:
            at += 20.0
            simulated.advance(at)
            for key, record in simulated.store.records.items():
                if record.pair.region.name != "here" and record.attempts > seen.get(key, 0):
                    seen[key] = record.attempts
                    cost = globalping.cost(record.pair.endpoint, record.pair.region.options)
                    if ledger.spend(at, cost) == 0.0:
                        spent.append((at, cost))
    hours = [sum(cost for when, cost in spent if begin <= when < begin + HOUR) for begin, _ in spent]
    assert max(hours) <= budget.ANONYMOUS
    assert sum(cost for _, cost in spent) > 6 * budget.SCHEDULED * budget.ANONYMOUS * 0.8
