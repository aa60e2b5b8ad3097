"""What was counted is kept once or not at all, and is there after a kill."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.history import History
from exporter.history.buckets import KEPT, Aside
from exporter.readings import BUCKET, Reading, Tally

START = 1_700_000_100.0
TALLY = Tally("tiktok", "feed", START, 3, region="US")
READING = Reading(START + 60, (TALLY,), since=START, bookmark="a")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path)
    yield opened
    opened.close()


def counts(history: History) -> list[int]:
    return [tally.count for tally in history.buckets.tallies("people", 0)]


def test_a_bucket_adds_up_what_its_readings_count_over_all_regions(history: History) -> None:
    history.buckets.add("people", READING)
    more = (replace(TALLY, region="GB", count=4), replace(TALLY, start=START + 899))
    history.buckets.add("people", Reading(START + 900, more, since=START + 60, bookmark="b"))
    assert counts(history) == [10]
    assert {tally.region: tally.count for tally in history.buckets.regions("people", 0)} == {"US": 6, "GB": 4}
    assert history.buckets.coverage("people", 0) == {int(START): 900.0}


def test_what_is_read_again_counts_once(history: History) -> None:
    assert history.buckets.add("people", READING)
    assert not history.buckets.add("people", READING)
    assert counts(history) == [3]
    assert history.buckets.coverage("people", 0) == {int(START): 60.0}


def test_time_that_two_readings_cover_is_covered_once_and_a_gap_is_not(history: History) -> None:
    history.buckets.add("people", Reading(START + 100, since=START))
    history.buckets.add("people", Reading(START + 150, since=START + 50))
    history.buckets.add("people", Reading(START + 1000, since=START + 800))
    assert history.buckets.coverage("people", 0) == {int(START): 250.0, int(START) + BUCKET: 100.0}


def test_a_reading_that_says_since_for_ever_covers_what_is_kept(history: History) -> None:
    history.buckets.add("people", Reading(START, since=0.0))
    assert sum(history.buckets.coverage("people", 0).values()) == KEPT


def test_a_clock_that_was_far_ahead_is_followed_back(history: History) -> None:
    history.buckets.add("people", Reading(START + 1e8, since=START + 1e8 - 60))
    history.buckets.add("people", Reading(START + 60, since=START))
    assert history.buckets.heard_until("people") == START + 60
    assert history.buckets.coverage("people", START)[int(START)] == 60.0


def test_a_database_that_cannot_be_read_is_named(history: History) -> None:
    history.close()
    for ask in (history.buckets.bookmark, lambda name: history.buckets.coverage(name, 0)):
        with pytest.raises(OSError, match=r"cannot read .*history\.sqlite"):
            ask("people")


def test_a_share_adds_up_what_it_is_of(history: History) -> None:
    for out_of in (100, 250):
        history.buckets.add("sky", Reading(START, (replace(TALLY, out_of=out_of),)))
    assert [(tally.count, tally.out_of) for tally in history.buckets.tallies("sky", 0)] == [(6, 350)]


def test_each_signal_has_its_own_bookmark(history: History) -> None:
    history.buckets.add("people", READING)
    history.buckets.add("sky", replace(READING, bookmark="7"))
    history.buckets.add("people", Reading(START + 61))
    assert [history.buckets.bookmark(name) for name in ("people", "sky", "mastodon")] == ["a", "7", ""]
    assert history.buckets.heard_until("people") == START + 61


def test_what_cannot_be_kept_whole_is_not_kept_at_all(history: History) -> None:
    with pytest.raises(OverflowError):
        history.buckets.add("people", replace(READING, tallies=(TALLY, replace(TALLY, count=1 << 70))))
    assert counts(history) == []
    assert history.buckets.bookmark("people") == ""
    history.buckets.add("people", READING)
    assert counts(history) == [3]


def test_what_is_older_than_the_baseline_looks_is_dropped(history: History) -> None:
    history.buckets.add("people", READING)
    history.buckets.add("people", Reading(START + 901, (replace(TALLY, start=START + 900),), START + 60))
    history.buckets.set_aside(Aside("people", "tiktok", "feed", START, START + 10))
    history.buckets.forget(START + 900)
    assert [tally.start for tally in history.buckets.tallies("people", 0)] == [START + 900]
    assert list(history.buckets.coverage("people", 0)) == [START + 900]
    assert history.buckets.asides() == []
    assert history.buckets.bookmark("people") == "a"


def test_a_reader_hinders_nobody_and_sees_what_was_there_when_it_began(history: History, tmp_path: Path) -> None:
    history.buckets.add("people", READING)
    reader = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count FROM tallies").fetchall() == [(3,)]
    history.buckets.add("people", replace(READING, bookmark="b"))
    assert reader.execute("SELECT count FROM tallies").fetchall() == [(3,)]
    reader.execute("COMMIT")
    assert reader.execute("SELECT count FROM tallies").fetchall() == [(6,)]
    reader.close()


def test_a_full_disk_is_an_error_that_names_the_file_and_counts_nothing_twice(history: History, tmp_path: Path) -> None:
    database = history.buckets._database
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    many = tuple(replace(TALLY, region=f"r{number}") for number in range(2000))
    with pytest.raises(OSError, match=r"history\.sqlite: database or disk is full"):
        history.buckets.add("people", replace(READING, tallies=many))
    database.execute("PRAGMA max_page_count = 100000")
    assert counts(history) == []
    history.buckets.add("people", READING)
    assert counts(history) == [3]


def test_what_was_kept_outlives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from exporter.history import History\n"
        "from exporter.readings import Reading, Tally\n"
        "history = History(pathlib.Path(sys.argv[1]))\n"
        f"history.buckets.add('people', Reading({START + 60}, (Tally('tiktok', '', {START}, 7),), {START}, 'x'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    history = History(tmp_path)
    assert counts(history) == [7]
    assert history.buckets.bookmark("people") == "x"
    history.close()
