"""The last day slot by slot, the last months day by day: what nobody watched is missing, a restart keeps the rest."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.history import History, Pace, formats
from exporter.history.availability import DAY, GAP, KEEP_EVERY, SLOTS_KEPT
from exporter.history.lately import SLOT, SLOTS
from exporter.history.paces import SAMPLE
from exporter.model import Answer
from exporter.verdict import Verdict

NOON = 20000 * DAY + DAY / 2


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    kept = History(tmp_path)
    yield kept
    kept.close()


def watch(history: History, answer: Answer, start: float, seconds: float, service: str = "tiktok") -> float:
    """Verdicts every five seconds, for so long; when they end."""
    for step in range(int(seconds / 5) + 1):
        history.incidents.note(Verdict(service, service, answer, {}, {}, ("x",)), start + 5.0 * step)
    return start + seconds


def known(history: History, now: float) -> dict[float, dict[Answer, float]]:
    """Seconds by answer, by the start of the slots of the last day of which something is known."""
    return {slot.start: dict(slot.seconds) for slot in history.lately.answers("tiktok", now) if slot.seconds}


def probe(history: History, at: float, *durations: float | None) -> None:
    for duration in durations:
        history.lately.take("tiktok", at, duration)


def test_the_last_day_is_96_slots_that_end_with_the_one_under_way(history: History) -> None:
    slots = history.lately.answers("tiktok", NOON + 100.0)
    assert [slot.start for slot in slots] == [NOON - SLOT * back for back in range(SLOTS - 1, -1, -1)]
    assert {(slot.length, len(slot.seconds)) for slot in slots} == {(900.0, 0)}


def test_a_slot_says_for_how_long_each_answer_held_in_it(history: History) -> None:
    at = watch(history, Answer.UP, NOON, 1200.0)
    at = watch(history, Answer.DOWN, at, 300.0)
    at = watch(history, Answer.UP, at, 30.0)
    assert known(history, at) == {
        NOON: {Answer.UP: 900.0},
        NOON + SLOT: {Answer.UP: 330.0, Answer.DOWN: 300.0},
    }


def test_a_verdict_of_this_moment_shows_in_the_newest_slot_at_once(history: History) -> None:
    at = watch(history, Answer.UP, NOON, 20.0)
    watch(history, Answer.DOWN, at, 0.0)
    assert known(history, at) == {NOON: {Answer.UP: 20.0, Answer.DOWN: 0.0}}
    assert known(history, at + 2.0) == {NOON: {Answer.UP: 20.0, Answer.DOWN: 2.0}}
    assert history.lately.days("tiktok", at + 2.0)[-1].seconds == {Answer.UP: 20.0, Answer.DOWN: 2.0}


def test_what_is_shown_before_it_is_counted_counts_once(history: History) -> None:
    watch(history, Answer.UP, NOON, 5.0)
    assert known(history, NOON + 8.0) == {NOON: {Answer.UP: 8.0}}
    watch(history, Answer.UP, NOON + 10.0, 0.0)
    assert known(history, NOON + 10.0) == {NOON: {Answer.UP: 10.0}}


def test_time_that_nobody_watched_or_in_which_nobody_can_tell_is_missing(history: History) -> None:
    at = watch(history, Answer.UP, NOON, 60.0)
    at = watch(history, Answer.UP, at + GAP + 1.0, 60.0)
    at = watch(history, Answer.UNKNOWN, at, 60.0)
    assert known(history, at + 500.0) == {NOON: {Answer.UP: 120.0}}


def test_of_an_answer_that_is_not_renewed_nothing_is_known(history: History) -> None:
    at = watch(history, Answer.UP, NOON, 60.0)
    assert known(history, at + GAP + 1.0) == {NOON: {Answer.UP: 60.0}}
    assert known(history, at - 5.0) == {NOON: {Answer.UP: 60.0}}


def test_services_are_told_apart(history: History) -> None:
    watch(history, Answer.UP, NOON, 60.0)
    watch(history, Answer.DOWN, NOON + 60.0, 30.0, "snapchat")
    assert known(history, NOON + 80.0) == {NOON: {Answer.UP: 60.0}}


def test_what_is_older_than_a_day_is_not_told_of_the_last(history: History) -> None:
    watch(history, Answer.DOWN, NOON - SLOTS * SLOT, 60.0)
    watch(history, Answer.UP, NOON - (SLOTS - 1) * SLOT, 60.0)
    history.incidents.keep()
    assert known(history, NOON) == {NOON - (SLOTS - 1) * SLOT: {Answer.UP: 60.0}}


def test_the_last_three_months_are_90_days_that_end_with_today(history: History) -> None:
    watch(history, Answer.DOWN, NOON - 89 * DAY, 60.0)
    watch(history, Answer.DOWN, NOON - 90 * DAY, 60.0)
    at = watch(history, Answer.UP, NOON, 90.0)
    days = history.lately.days("tiktok", at)
    assert (len(days), days[0].start, days[-1].start, days[0].length) == (90, 19911 * DAY, 20000 * DAY, DAY)
    assert {day.start: dict(day.seconds) for day in days if day.seconds} == {
        19911 * DAY: {Answer.DOWN: 60.0},
        20000 * DAY: {Answer.UP: 90.0},
    }
    assert [day.start for day in history.lately.days("tiktok", at, 7)] == [
        (20000 - back) * DAY for back in range(6, -1, -1)
    ]


def test_slots_and_days_are_there_after_a_restart(tmp_path: Path) -> None:
    first = History(tmp_path)
    at = watch(first, Answer.DOWN, NOON, 90.0)
    probe(first, NOON, 0.25, None)
    first.close()
    second = History(tmp_path)
    assert known(second, at) == {NOON: {Answer.DOWN: 90.0}}
    assert second.lately.days("tiktok", at)[-1].seconds == {Answer.DOWN: 90.0}
    assert second.lately.paces("tiktok", at) == [Pace(NOON, 2, 1, 0.25)]
    second.close()


def test_a_kill_loses_a_minute_at_most(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from exporter.history import History\nfrom exporter.model import Answer\n"
        "from exporter.verdict import Verdict\n"
        "history = History(pathlib.Path(sys.argv[1]))\n"
        f"for at in range(0, {int(KEEP_EVERY * 2.5)}, 5):\n"
        f"    history.incidents.note(Verdict('tiktok', 'TikTok', Answer.UP, {{}}, {{}}, ('x',)), {NOON} + at)\n"
        f"    history.lately.take('tiktok', {NOON} + at, 0.5)\n"
        f"    history.lately.keep({NOON} + at)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    history = History(tmp_path)
    assert known(history, NOON + 300.0) == {NOON: {Answer.UP: 2 * KEEP_EVERY}}
    assert history.lately.paces("tiktok", NOON + 300.0) == [Pace(NOON, 25, 0, 0.5)]
    history.close()


def test_what_is_older_than_two_days_is_forgotten_but_not_its_days(tmp_path: Path, history: History) -> None:
    for start in (NOON, NOON + SLOTS_KEPT * SLOT):
        watch(history, Answer.UP, start, 60.0)
        probe(history, start, 0.1)
        history.incidents.keep()
        history.lately.close()
    with sqlite3.connect(tmp_path / "history.sqlite") as reader:
        for table in ("answered_lately", "paces"):
            found = reader.execute(f"SELECT slot FROM {table}").fetchall()
            assert found == [(int(NOON // SLOT) + SLOTS_KEPT,)]
        assert reader.execute("SELECT count(*) FROM answered").fetchone() == (2,)
    reader.close()


def test_a_slot_tells_how_many_runs_failed_and_how_fast_the_median_good_one_was(history: History) -> None:
    probe(history, NOON + 1.0, 0.1, None, 0.3, 7.0)
    probe(history, NOON + SLOT, None)
    probe(history, NOON - SLOTS * SLOT, 0.1)
    assert history.lately.paces("tiktok", NOON + SLOT + 5.0) == [Pace(NOON, 4, 1, 0.3), Pace(NOON + SLOT, 1, 1, None)]
    assert history.lately.paces("snapchat", NOON) == []


def test_a_slot_goes_on_after_a_restart_and_a_run_that_ends_late_counts_where_it_began(tmp_path: Path) -> None:
    first = History(tmp_path)
    probe(first, NOON, 0.1, 0.2, None)
    probe(first, NOON + 3 * SLOT, 0.1)
    first.close()
    second = History(tmp_path)
    probe(second, NOON + 2.0, 0.4, 0.5, 0.6)
    probe(second, NOON + 3 * SLOT, None)
    second.lately.close()
    assert second.lately.paces("tiktok", NOON + 3 * SLOT) == [Pace(NOON, 6, 1, 0.4), Pace(NOON + 3 * SLOT, 2, 1, 0.1)]
    second.close()


def test_the_median_of_many_runs_is_that_of_a_fair_sample(history: History) -> None:
    # Sorted, so that a sample of the first or of the last would be far off; failures between them are no part of it.
    for number in range(10_000):
        probe(history, NOON, number / 10_000, None, None, None)
    (pace,) = history.lately.paces("tiktok", NOON)
    assert (pace.runs, pace.failed) == (40_000, 30_000)
    # Six standard deviations of the median of so many.
    assert pace.median == pytest.approx(0.5, abs=6 * 0.5 / SAMPLE**0.5)


def test_paces_are_written_once_a_minute(tmp_path: Path, history: History) -> None:
    history.lately.keep(NOON)
    probe(history, NOON, 0.1)
    with sqlite3.connect(tmp_path / "history.sqlite") as reader:
        history.lately.keep(NOON + KEEP_EVERY - 1.0)
        assert reader.execute("SELECT count(*) FROM paces").fetchone() == (0,)
        history.lately.keep(NOON + KEEP_EVERY)
        assert reader.execute("SELECT count(*) FROM paces").fetchone() == (1,)
        probe(history, NOON, 0.1)
        history.lately.keep(NOON - 3600.0)  # the clock was set back
        assert reader.execute("SELECT runs FROM paces").fetchone() == (2,)
    reader.close()


def test_a_write_that_fails_counts_nothing_twice(tmp_path: Path, history: History) -> None:
    at = watch(history, Answer.UP, NOON, KEEP_EVERY)
    with sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None) as other:
        other.execute("ALTER TABLE answered RENAME TO gone")
        watch(history, Answer.UP, at, 30.0)
        with pytest.raises(OSError, match=r"cannot write .*history\.sqlite"):
            history.incidents.keep()
        other.execute("ALTER TABLE gone RENAME TO answered")
    other.close()
    history.incidents.keep()
    assert known(history, at + 30.0) == {NOON: {Answer.UP: 90.0}}
    assert history.lately.days("tiktok", at + 30.0)[-1].seconds == {Answer.UP: 90.0}


def test_a_file_of_an_earlier_version_has_its_days_and_goes_on(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    for statement in formats.STEPS[0]:
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO answered VALUES ('tiktok', 20000, 'down', 60.0)")
    old.close()
    history = History(tmp_path)
    at = watch(history, Answer.UP, NOON, 90.0)
    assert history.lately.days("tiktok", at)[-1].seconds == {Answer.DOWN: 60.0, Answer.UP: 90.0}
    assert known(history, at) == {NOON: {Answer.UP: 90.0}}
    history.close()


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.close()
    for use in (history.lately.answers, history.lately.days, history.lately.paces):
        with pytest.raises(OSError, match=r"cannot read .*history\.sqlite"):
            use("tiktok", NOON)
    with pytest.raises(OSError, match=r"cannot read .*history\.sqlite"):
        history.lately.take("tiktok", NOON, 0.1)


def test_a_clock_that_had_been_days_ahead_and_was_set_right_loses_nothing_after(history: History) -> None:
    probe(history, NOON + 3 * DAY, 9.0)
    history.lately.keep(NOON + 3 * DAY)
    for minute in range(3):
        probe(history, NOON + 60.0 * minute, 0.1)
        history.lately.keep(NOON + 60.0 * minute)
    assert history.lately.paces("tiktok", NOON + 130.0) == [Pace(NOON, 3, 0, 0.1)]
