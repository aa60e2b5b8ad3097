"""Known time by answer, and what incidents come to: what nobody watched counts as nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.history import History, Statistics
from exporter.history.availability import DAY, GAP, KEEP_EVERY
from exporter.history.incident import END_SEEN_WITHIN
from exporter.model import Answer
from exporter.verdict import Verdict

NOON = 20000 * DAY + DAY / 2


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    kept = History(tmp_path)
    yield kept
    kept.close()


def watch(history: History, answer: Answer, start: float, seconds: float) -> float:
    """Verdicts every five seconds, for so long; when they end."""
    for step in range(int(seconds / 5) + 1):
        history.incidents.note(Verdict("tiktok", "TikTok", answer, {}, {}, ("x",)), start + 5.0 * step)
    return start + seconds


def told(history: History, now: float) -> Statistics:
    return history.incidents.statistics("tiktok", now)


def test_a_service_is_available_in_known_time_unless_it_is_down(history: History) -> None:
    at = NOON
    for answer in (Answer.UP, Answer.DEGRADED, Answer.PARTIAL, Answer.DOWN, Answer.UNKNOWN, Answer.UP):
        at = watch(history, answer, at, 600.0)
    history.incidents.keep()
    shares = told(history, at).windows[30]
    seconds = {Answer.UP: 1200.0, Answer.DEGRADED: 600.0, Answer.PARTIAL: 600.0, Answer.DOWN: 600.0}
    assert shares.seconds == pytest.approx(seconds, abs=60.0)
    assert shares.available == pytest.approx(0.8, abs=0.01)
    assert shares.window == 30 * DAY


def test_before_anything_is_known_there_is_no_availability(history: History) -> None:
    history.incidents.note(Verdict("tiktok", "TikTok", Answer.UP, {}, {}, ()), NOON)
    shares = told(history, NOON).windows[30]
    assert (shares.available, shares.observed) == (None, 0.0)


def test_a_gap_between_verdicts_is_not_known_time(history: History) -> None:
    watch(history, Answer.UP, NOON, 600.0)
    watch(history, Answer.UP, NOON + 600.0 + GAP + 1.0, 600.0)
    history.incidents.keep()
    assert told(history, NOON + 1300.0).windows[30].observed == 1200.0


def test_a_clock_that_jumps_back_counts_nothing_twice_and_goes_on(history: History) -> None:
    watch(history, Answer.UP, NOON, 600.0)
    watch(history, Answer.UP, NOON - 3600.0, 600.0)
    history.incidents.keep()
    assert told(history, NOON).windows[30].observed == 1200.0


def test_a_restart_adds_to_the_day_and_the_time_between_is_not_known(tmp_path: Path) -> None:
    for start in (NOON, NOON + 7200.0):
        history = History(tmp_path)
        watch(history, Answer.UP, start, 600.0)
        history.close()
    history = History(tmp_path)
    assert told(history, NOON + 9000.0).windows[30].observed == 1200.0
    history.close()


def test_what_is_older_than_the_window_is_not_told_in_it(history: History) -> None:
    watch(history, Answer.DOWN, NOON - 30 * DAY, 600.0)
    watch(history, Answer.UP, NOON, 600.0)
    history.incidents.keep()
    windows = told(history, NOON + 600.0).windows
    assert (windows[30].available, windows[365].available) == (1.0, 0.5)


def test_known_time_is_written_once_a_minute(tmp_path: Path, history: History) -> None:
    watch(history, Answer.UP, NOON, KEEP_EVERY)
    with sqlite3.connect(tmp_path / "history.sqlite") as reader:
        (before,) = reader.execute("PRAGMA data_version").fetchone()
        watch(history, Answer.UP, NOON + KEEP_EVERY, KEEP_EVERY - 5.0)
        assert reader.execute("PRAGMA data_version").fetchone() == (before,)
        watch(history, Answer.UP, NOON + 2 * KEEP_EVERY - 5.0, 5.0)
        assert reader.execute("PRAGMA data_version").fetchone() != (before,)
        assert reader.execute("SELECT sum(seconds) FROM answered").fetchone() == (2 * KEEP_EVERY,)
    reader.close()


def incident(history: History, start: float, end: float, worst: Answer = Answer.DOWN) -> None:
    history.incidents.note(Verdict("tiktok", "TikTok", worst, {}, {}, ("x",), since=start), end - 1.0)
    history.incidents.note(Verdict("tiktok", "TikTok", Answer.UP, {}, {}, ("x",)), end)


def test_there_is_no_mean_time_to_recovery_before_one_failure_and_none_between_before_two(history: History) -> None:
    found = told(history, NOON)
    assert (found.mean_time_to_recovery, found.mean_time_between_failures, found.incidents) == (None, None, 0)
    incident(history, NOON, NOON + 600.0)
    found = told(history, NOON + 600.0)
    assert (found.mean_time_to_recovery, found.mean_time_between_failures, found.incidents) == (600.0, None, 1)
    incident(history, NOON + 3600.0, NOON + 3800.0)
    found = told(history, NOON + 3800.0)
    assert (found.mean_time_to_recovery, found.mean_time_between_failures, found.incidents) == (400.0, 3000.0, 2)


def test_a_degraded_service_has_not_failed_and_its_incident_is_counted(history: History) -> None:
    incident(history, NOON, NOON + 600.0, Answer.DEGRADED)
    found = told(history, NOON + 600.0)
    assert (found.mean_time_to_recovery, found.worst) == (None, {Answer.DEGRADED: 1})


def test_an_end_that_nobody_saw_tells_nothing_of_recovery(history: History) -> None:
    history.incidents.note(Verdict("tiktok", "TikTok", Answer.DOWN, {}, {}, ("x",)), NOON)
    history.incidents.note(Verdict("tiktok", "TikTok", Answer.UP, {}, {}, ("x",)), NOON + END_SEEN_WITHIN + 1.0)
    assert told(history, NOON + 600.0).mean_time_to_recovery is None


def test_an_open_failure_ends_the_time_since_the_last(history: History) -> None:
    incident(history, NOON, NOON + 600.0)
    history.incidents.note(Verdict("tiktok", "TikTok", Answer.DOWN, {}, {}, ("x",)), NOON + 4600.0)
    found = told(history, NOON + 4600.0)
    assert (found.mean_time_to_recovery, found.mean_time_between_failures) == (600.0, 4000.0)
