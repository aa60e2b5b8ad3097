"""When pairs run, in simulated time: the schedule is told the time and never reads a clock."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from exporter.model import Endpoint, Pair, Reason, Region, Result
from exporter.schedule import Run, Schedule, in_shard, worker_of

HERE = Region("here", "local", None)
WALL = 1_700_000_000.0
FAILED = Result(ok=False, reason=Reason.CONNECT, message="refused", started=0.0, duration=0.0)
OK = Result(ok=True, reason=None, message="", started=0.0, duration=0.0)


def pair(name: str, interval: float = 60.0) -> Pair:
    return Pair(Endpoint("tiktok", "feed", name, "http", "http://a.test/", None, interval, 10.0), HERE)


def simulate(schedule: Schedule, until: float, outcome: Result = OK, start: float = 0.0) -> dict[str, list[float]]:
    """Run everything at the moment it is due; when each pair ran."""
    ran: dict[str, list[float]] = defaultdict(list)
    while (at := schedule.next_at()) is not None and at <= until:
        for run in schedule.due(max(at, start)):
            ran[run.pair.endpoint.name].append(at)
            schedule.done(run, outcome, at)
    return ran


def test_new_pairs_run_within_a_second_and_not_all_at_once() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair(f"e{i}") for i in range(100)], 0.0)
    starts = sorted(times[0] for times in simulate(schedule, 1.0).values())
    assert len(starts) == 100
    assert max(Counter(int(at * 10) for at in starts).values()) < 30


def test_runs_keep_their_phase_for_an_hour_without_drift() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a")], 0.0)
    times = simulate(schedule, 3600.0)["a"]
    phases = {round((WALL + at) % 60.0, 3) for at in times[1:]}
    assert len(phases) == 1
    assert len(times) in (60, 61)


def test_a_restart_does_not_move_the_phases() -> None:
    phases = set()
    for wall in (WALL, WALL + 1234.5):
        schedule = Schedule(wall, 77.0, 1000)
        schedule.replace([pair("a")], 77.0)
        phases |= {round((wall - 77.0 + at) % 60.0, 3) for at in simulate(schedule, 77.0 + 300.0, start=77.0)["a"][1:]}
    assert len(phases) == 1


def test_missed_runs_are_skipped_and_counted_and_not_made_up_for() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a")], 0.0)
    simulate(schedule, 200.0)
    late = (schedule.next_at() or 0.0) + 150.0
    runs = schedule.due(late)
    assert len(runs) == 1
    assert runs[0].lag == pytest.approx(150.0)
    assert schedule.skipped["late"] == 2
    assert (schedule.next_at() or 0.0) > late


def test_a_run_that_has_not_ended_is_not_overlapped() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a")], 0.0)
    (running,) = schedule.due(schedule.next_at() or 0.0)
    assert schedule.due(schedule.next_at() or 0.0) == []
    assert schedule.skipped == {"overlap": 1}
    schedule.done(running, OK, 200.0)
    assert len(schedule.due(schedule.next_at() or 0.0)) == 1


def test_past_the_capacity_runs_are_skipped_and_counted() -> None:
    schedule = Schedule(WALL, 0.0, 2)
    schedule.replace([pair(f"e{i}") for i in range(5)], 0.0)
    assert len(schedule.due(1.0)) == 2
    assert schedule.skipped == {"capacity": 3}


def confirmations(schedule: Schedule, first: Run) -> list[tuple[float, int]]:
    """Times after the failure and numbers of the attempts that follow it before the next scheduled run."""
    found, now = [], 100.0
    schedule.done(first, FAILED, now)
    while (at := schedule.next_at()) is not None and at < now + 30.0:
        for run in schedule.due(at):
            found.append((at - now, run.number))
            schedule.done(run, FAILED, at)
    return found


def test_a_failure_is_confirmed_after_five_and_then_ten_seconds() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a", interval=3600.0)], 0.0)
    (first,) = schedule.due(schedule.next_at() or 0.0)
    assert confirmations(schedule, first) == [(5.0, 1), (15.0, 2)]


def test_a_pair_that_is_down_is_not_confirmed_again_and_again() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a", interval=3600.0)], 0.0)
    (first,) = schedule.due(schedule.next_at() or 0.0)
    confirmations(schedule, first)
    (second,) = schedule.due(schedule.next_at() or 0.0)
    assert confirmations(schedule, second) == []


@pytest.mark.parametrize("reason", [Reason.BLOCKED, Reason.VANTAGE, Reason.INTERNAL])
def test_a_failure_that_is_not_the_services_is_not_confirmed(reason: Reason) -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a", interval=3600.0)], 0.0)
    (first,) = schedule.due(schedule.next_at() or 0.0)
    schedule.done(first, Result(False, reason, "", 0.0, 0.0), 100.0)
    assert (schedule.next_at() or 0.0) > 1000.0


def test_soon_runs_a_pair_at_once_but_not_twice_in_ten_seconds() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a", interval=3600.0)], 0.0)
    simulate(schedule, 1.0)
    schedule.soon([pair("a").key, ("not", "ours", "here")], 100.0)
    (run,) = schedule.due(100.0)
    assert run.number == 1
    schedule.done(run, OK, 100.5)
    schedule.soon([pair("a").key], 109.0)
    assert schedule.due(109.0) == []


def test_soon_never_takes_the_time_of_a_scheduled_run() -> None:
    """A control that times out is asked for again and again; its scheduled run, which the page shows, takes place."""
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a", interval=60.0)], 0.0)
    numbers: list[int] = []
    now, running = 0.0, None
    while now < 600.0:
        if running and now - running[1] >= 10.0:
            schedule.done(running[0], Result(False, Reason.TIMEOUT, "", now, 10.0), now)
            running = None
        for run in schedule.due(now):
            numbers.append(run.number)
            running = (run, now)
        schedule.soon([pair("a").key], now)
        now += 1.0
    assert numbers.count(0) >= 10
    assert numbers.count(1) >= 10
    assert schedule.skipped == {}


def test_a_reload_keeps_what_did_not_change_and_forgets_what_went() -> None:
    schedule = Schedule(WALL, 0.0, 1000)
    schedule.replace([pair("a"), pair("b")], 0.0)
    simulate(schedule, 1.0)
    before = schedule.next_at()
    schedule.replace([pair("a"), pair("b", interval=30.0)], 2.0)
    ran = simulate(schedule, 3.0)
    assert list(ran) == ["b"]
    schedule.replace([pair("a")], 3.0)
    assert list(simulate(schedule, 200.0)) == ["a"]
    assert before is not None


def test_shards_share_all_pairs_and_none_twice() -> None:
    pairs = [pair(f"e{i}") for i in range(1000)]
    shares = [[p for p in pairs if in_shard(p, index, 5)] for index in range(1, 6)]
    assert sum(map(len, shares)) == 1000
    assert len({p.key for share in shares for p in share}) == 1000
    assert min(map(len, shares)) > 150


def test_workers_within_a_shard_share_evenly_too() -> None:
    mine = [p for i in range(3000) if in_shard(p := pair(f"e{i}"), 1, 4)]
    counts = Counter(worker_of(p, 4) for p in mine)
    assert min(counts.values()) > 120
