"""How loud people are: from readings to crowds, over restarts, gaps and incidents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter import kinds
from exporter.crowd import Crowds
from exporter.history import History
from exporter.model import Signal
from exporter.readings import BUCKET, Crowd, Level, Reading, Tally
from exporter.spikes import DAY, WEEK
from tests.configurations import config

SUNDAY = 1_700_352_000 // BUCKET
"""The number of a bucket in which a week of UTC begins."""


def people(prior: float = 4.0) -> Signal:
    return Signal("people", "reports", kinds.module("signals", "reports").Options(prior=prior), 10.0)


class Told:
    """Crowds that are told buckets by their number, with a clock that follows."""

    def __init__(self, folder: Path, signal: Signal) -> None:
        self.folder = folder
        self.now = 0.0
        self._signal = signal
        self.open()

    def open(self) -> None:
        self.history = History(self.folder)
        self.crowds = Crowds(self.history.buckets, lambda: self.now)
        self.apply(self._signal)

    def restart(self) -> None:
        self.history.close()
        self.open()

    def apply(self, *signals: Signal) -> None:
        self.crowds.apply(replace(config("home"), signals=signals))

    def tell(self, number: float, count: int, part: float = 1.0, **more: Any) -> None:
        """The bucket `number`, or its first `part`."""
        start = number * BUCKET
        self.now = start + part * BUCKET
        tally = Tally("tiktok", "feed", start, count, **more)
        self.crowds.add(self._signal, Reading(self.now, (tally,), since=start))

    def tell_week(self, first: int, count: int, **more: Any) -> None:
        """Quickly: one reading for all of it."""
        self.now = (first + WEEK) * BUCKET
        tallies = tuple(Tally("tiktok", "feed", n * BUCKET, count, **more) for n in range(first, first + WEEK))
        self.crowds.add(self._signal, Reading(self.now, tallies, since=first * BUCKET))

    def feed(self) -> Crowd:
        return next(crowd for crowd in self.crowds.crowds() if (crowd.service, crowd.feature) == ("tiktok", "feed"))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    running = Told(tmp_path, people())
    yield running
    running.history.close()


def test_without_a_day_behind_it_the_stated_prior_is_usual(told: Told) -> None:
    told.tell(SUNDAY, 5)
    assert (told.feed().count, told.feed().usual, told.feed().spiking) == (5, 4.0, False)
    assert told.feed().at == (SUNDAY + 1) * BUCKET


def test_what_nobody_reports_is_zero_and_what_nobody_heard_is_nothing(told: Told) -> None:
    told.tell(SUNDAY, 0)
    assert [c.count for c in told.crowds.crowds() if c.service == "youtube_shorts"] == [0, 0, 0]
    told.tell(SUNDAY + 2, 0, part=0.5)  # the bucket between was not heard, and this one has not ended
    assert told.crowds.crowds() == ()


def test_a_day_then_a_week_behind_it_are_usual(told: Told) -> None:
    for number in range(DAY):
        told.tell(SUNDAY + number, 12)
    assert told.feed().usual == 4.0
    told.tell(SUNDAY + DAY, 9)
    assert told.feed().usual == 12.0
    told.tell_week(SUNDAY + DAY + 1, 8)
    told.tell(SUNDAY + WEEK + DAY + 1, 10)
    assert told.feed().usual == 8.0


def test_the_open_bucket_speaks_as_soon_as_it_is_unusual(told: Told) -> None:
    told.tell_week(SUNDAY, 4)
    told.tell(SUNDAY + WEEK, 40, part=0.1, region="US")
    feed = told.feed()
    assert (feed.count, feed.usual, feed.spiking, feed.regions) == (40, 4.0, True, ("US",))
    assert feed.since == (SUNDAY + WEEK) * BUCKET
    assert feed.at == told.now
    full = next(crowd for crowd in told.crowds.full() if crowd.feature == "feed")
    assert (full.count, full.at) == (4, (SUNDAY + WEEK) * BUCKET)


def test_an_open_bucket_that_is_calm_so_far_ends_no_spike(told: Told) -> None:
    told.tell(SUNDAY, 60)
    told.tell(SUNDAY + 1, 0, part=0.9)
    assert (told.feed().count, told.feed().spiking) == (60, True)


def test_a_spike_lasts_over_a_restart_and_ends_with_two_calm_buckets(told: Told) -> None:
    told.tell(SUNDAY, 60)
    told.restart()
    assert (told.feed().spiking, told.feed().since) == (True, SUNDAY * BUCKET)
    told.tell(SUNDAY + 1, 3)
    assert told.feed().spiking
    told.restart()
    told.tell(SUNDAY + 2, 3)
    assert not told.feed().spiking
    told.restart()
    assert not told.feed().spiking


def test_a_spike_lasts_when_the_program_was_away_for_days(told: Told) -> None:
    told.tell(SUNDAY, 60)
    told.restart()
    told.tell(SUNDAY + 3 * DAY, 3)
    assert told.feed().spiking
    told.tell(SUNDAY + 3 * DAY + 1, 3)
    assert not told.feed().spiking


def test_a_spike_is_no_example_of_what_is_usual_over_a_restart_too(told: Told) -> None:
    told.tell_week(SUNDAY, 4)
    told.tell(SUNDAY + WEEK, 200)
    told.tell(SUNDAY + WEEK + 1, 4)
    told.tell(SUNDAY + WEEK + 2, 4)
    told.restart()
    told.tell(SUNDAY + 2 * WEEK, 4)
    assert told.feed().usual == 4.0


def test_the_usual_is_frozen_while_an_incident_is_open_over_a_restart_too(told: Told) -> None:
    told.tell_week(SUNDAY, 4)
    told.tell(SUNDAY + WEEK, 4)
    told.crowds.open_incident("tiktok", True)
    told.restart()
    told.crowds.open_incident("tiktok", True)  # said again, as it is after a start
    told.tell(SUNDAY + WEEK + 1, 12)
    told.crowds.open_incident("tiktok", False)
    told.restart()
    told.tell(SUNDAY + WEEK + 3, 12)
    told.tell(SUNDAY + 2 * WEEK + 1, 5)
    assert told.feed().usual == 4.0  # of one week, because the second was in the incident
    told.tell(SUNDAY + 2 * WEEK + 3, 5)
    assert told.feed().usual == 8.0  # of two weeks


def test_what_lasts_longer_than_a_week_is_the_new_usual(told: Told) -> None:
    told.now = SUNDAY * BUCKET
    told.crowds.open_incident("tiktok", True)
    told.tell_week(SUNDAY, 50)
    told.tell_week(SUNDAY + WEEK, 50)
    told.tell(SUNDAY + 2 * WEEK, 50)
    assert told.feed().usual == 50.0


def test_a_signal_that_falls_silent_says_nothing(told: Told) -> None:
    told.tell(SUNDAY, 60)
    told.now += BUCKET + 1
    assert told.crowds.crowds() == ()


def test_asking_again_costs_nothing_until_something_changes(told: Told) -> None:
    told.tell(SUNDAY, 5)
    first = told.crowds.crowds()
    told.history.close()  # nothing is asked of the database
    assert told.crowds.crowds() is first
    told.open()


def test_a_feature_that_is_no_longer_configured_is_not_heard(told: Told) -> None:
    told.tell(SUNDAY, 5)
    told.crowds.add(people(), Reading(told.now, (Tally("tiktok", "gone", told.now, 99),)))
    assert all(crowd.feature in ("", "feed", "watch", "post") for crowd in told.crowds.crowds())


def test_a_stated_prior_that_was_wrong_is_put_right_by_a_reload(told: Told) -> None:
    for number in range(4):
        told.tell(SUNDAY + number, 40)
    assert told.feed().spiking
    told.apply(people(prior=40.0))
    assert (told.feed().usual, told.feed().spiking) == (40.0, False)


def test_a_reading_that_comes_again_counts_once(told: Told) -> None:
    reading = Reading(SUNDAY * BUCKET + 1.0, (Tally("tiktok", "feed", SUNDAY * BUCKET, 60),), bookmark="7")
    told.now = reading.at
    for _ in range(3):
        told.crowds.add(people(), reading)
    assert told.feed().count == 60


def test_a_reading_that_cannot_be_kept_does_not_count(told: Told) -> None:
    told.tell(SUNDAY, 5)
    told.history.close()
    with pytest.raises(OSError, match=r"history\.sqlite"):
        told.tell(SUNDAY + 1, 60, part=0.5)
    assert (told.feed().count, told.feed().spiking) == (5, False)
    told.open()


def test_a_share_is_compared_with_what_is_usual_in_so_many_posts(tmp_path: Path) -> None:
    told = Told(tmp_path, Signal("sky", "reports", None, 10.0, ("tiktok",)))
    told.tell_week(SUNDAY, 10, out_of=10_000)
    told.tell(SUNDAY + WEEK, 20, out_of=20_000)
    assert (told.feed().count, told.feed().out_of, told.feed().usual) == (20, 20_000, 20.0)
    told.tell(SUNDAY + WEEK + 1, 40, out_of=2_000, part=0.1)
    assert (told.feed().usual, told.feed().spiking) == (2.0, True)
    told.tell(SUNDAY + WEEK + 2, 12, out_of=20)  # too few posts say nothing
    assert not [crowd for crowd in told.crowds.crowds() if crowd.feature == "feed"]
    told.history.close()


def test_what_has_neither_a_past_nor_a_prior_has_no_score(tmp_path: Path) -> None:
    told = Told(tmp_path, Signal("sky", "reports", None, 10.0, ("tiktok",)))
    told.tell(SUNDAY, 500, out_of=10_000)
    assert told.crowds.crowds() == ()
    told.history.close()


def test_a_source_that_compares_by_itself_is_believed_about_the_usual(told: Told) -> None:
    for number, count in enumerate((30, 31, 90, 95)):
        told.now = (SUNDAY + number + 1) * BUCKET + 5.0
        for _ in range(2):  # the same bucket is read more than once
            told.crowds.add(people(), Reading(told.now, levels=(Level("tiktok", "", count, 30.0, "US"),)))
    levels = [crowd for crowd in told.crowds.crowds() if crowd.usual == 30.0]
    assert [(crowd.count, crowd.spiking, crowd.since) for crowd in levels] == [(95, True, (SUNDAY + 2) * BUCKET)]
    assert levels[0].regions == ("US",)
    told.crowds.add(people(), Reading(told.now))
    assert not [crowd for crowd in told.crowds.crowds() if crowd.usual == 30.0]


def test_a_clock_that_was_far_ahead_is_followed_back(told: Told) -> None:
    told.tell(SUNDAY + 9 * WEEK, 4)
    told.tell(SUNDAY, 60, part=0.5)
    told.tell(SUNDAY + 1, 60)
    assert (told.feed().count, told.feed().at, told.feed().spiking) == (60, (SUNDAY + 2) * BUCKET, True)


def whole(told: Told, first: int, counts: list[int]) -> None:
    """What is reported of TikTok as a whole in the buckets from `first` on, heard to their ends."""
    told.now = (first + len(counts)) * BUCKET
    tallies = tuple(Tally("tiktok", "", (first + n) * BUCKET, count) for n, count in enumerate(counts))
    told.crowds.add(people(), Reading(told.now, tallies, since=first * BUCKET))


def test_the_last_buckets_are_told_beside_what_was_usual_in_them(told: Told) -> None:
    whole(told, SUNDAY, [4] * WEEK + [5, 40])
    *past, ended, under_way = told.crowds.lately("tiktok", 4)
    assert [(one.start / BUCKET - SUNDAY - WEEK, one.count) for one in past] == [(-1, 4), (0, 5)]
    assert (ended.count, under_way.count) == (40, 0)
    assert ended.usual == pytest.approx(4.0)
    assert told.crowds.lately("tiktok", 4)[0] is past[0]


def test_a_bucket_in_which_nobody_listened_has_no_count(told: Told) -> None:
    whole(told, SUNDAY, [4] * DAY)
    whole(told, SUNDAY + DAY + 2, [4])
    assert [one.count for one in told.crowds.lately("tiktok", 5)] == [4, None, None, 4, 0]


def test_of_what_nobody_is_asked_nothing_is_told(told: Told) -> None:
    assert told.crowds.lately("instagram", 4) == []
    told.apply()
    assert told.crowds.lately("tiktok", 4) == []
