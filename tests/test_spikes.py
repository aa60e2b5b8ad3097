"""The statistics of reports: against the numbers that are stated, and by simulation."""

from __future__ import annotations

from itertools import count
from math import exp, factorial, log

import pytest

from bench.spikes import delays, quiet
from exporter import spikes
from exporter.spikes import DAY, WEEK, Counted, Usual, Watch


def usual_of(mean: float, phi: float = 1.0) -> Usual:
    return Usual(mean, mean, phi)


def watched(*counts: int | None, mean: float = 4.0) -> Watch:
    """The watch after these buckets from number 1 on; None is one that is missing."""
    watch = Watch()
    for number, found in enumerate(counts, start=1):
        watch = spikes.advance(watch, number, found or 0, usual_of(mean), whole=found is not None)
    return watch


@pytest.mark.parametrize(("mean", "first", "tail"), [(0.5, 9, 3e-9), (4.0, 17, 1.1e-6), (20.0, 43, 5.4e-6)])
def test_a_score_above_four_is_as_rare_as_is_stated(mean: float, first: int, tail: float) -> None:
    assert next(x for x in count() if spikes.score(x, mean) > 4) == first
    below = sum(exp(-mean) * mean**x / factorial(x) for x in range(first))
    if tail > 1e-8:  # below, a sum of doubles that is near to 1 has no digits left
        assert 1 - below == pytest.approx(tail, rel=0.05)
    above = sum(exp(-mean) * mean**x / factorial(x) for x in range(first, first + 60))
    assert above == pytest.approx(tail, rel=0.2)


def test_counts_that_come_in_bursts_are_scored_by_their_own_spread() -> None:
    assert spikes.score(43, 20.0, phi=4.0) == pytest.approx(spikes.score(43, 20.0) / 2)


def test_the_reference_of_the_cumulated_sum_lies_between_the_usual_and_the_rise() -> None:
    assert spikes.reference(4.0) == pytest.approx((8 - 4) / log(8 / 4))
    assert 4.0 < spikes.reference(4.0) < 8.0


def test_two_unusual_buckets_running_are_a_spike_that_began_with_the_first() -> None:
    assert watched(4, 17).since is None
    assert watched(4, 17, 17).since == 2


def test_one_glaring_bucket_is_a_spike() -> None:
    assert watched(4, 40).since == 2


def test_fewer_than_ten_are_no_spike_however_rare() -> None:
    assert watched(9, 9, 9, mean=0.5).since is None
    assert watched(10, 10, mean=0.5).since == 1


def test_a_spike_ends_with_two_calm_buckets_running_and_not_with_one() -> None:
    assert watched(40, 4).since == 1
    assert watched(40, 4, 17, 4).since == 1
    assert watched(40, 4, 4).since is None


def test_a_bucket_in_which_nobody_listened_neither_makes_nor_ends_a_spike() -> None:
    assert watched(17, None, 17).since is None
    assert watched(40, 4, None, 4, None).since == 1


def test_a_bucket_that_was_not_heard_whole_counts_when_it_is_unusual_already() -> None:
    watch = spikes.advance(Watch(), 1, 40, usual_of(4.0), whole=False)
    assert watch.since == 1


def test_the_open_bucket_can_begin_a_spike_and_never_ends_one() -> None:
    assert spikes.foreseen(watched(4, 17), 3, 17, usual_of(4.0)).since == 2
    assert spikes.foreseen(watched(4, 4), 3, 40, usual_of(4.0)).since == 3
    assert spikes.foreseen(watched(4, 4), 3, 17, usual_of(4.0)).since is None
    assert spikes.foreseen(watched(40, 4), 3, 0, usual_of(4.0)).since == 1


def test_the_cumulated_sum_finds_a_rise_that_no_bucket_shows_and_forgets_it_in_time() -> None:
    doubled = watched(*[8] * 8)
    assert doubled.since is None
    assert doubled.rise > spikes.LIMIT
    watch = watched(*[40] * 50, *[4] * 6)
    assert watch.rise < spikes.LIMIT


def test_usual_is_the_median_of_the_same_time_of_week() -> None:
    weeks = {10 * WEEK - WEEK * back: Counted(found) for back, found in enumerate((3, 5, 400, 4, 6), start=1)}
    found = spikes.usual(weeks.get, 10 * WEEK)
    assert found is not None
    assert (found.mean, found.seen) == (5.0, 5)


def test_fewer_weeks_are_fewer_and_no_week_is_the_days_and_no_day_is_nothing() -> None:
    past = {3 * WEEK - WEEK: Counted(7), 3 * WEEK - DAY: Counted(2)}
    assert spikes.usual(past.get, 3 * WEEK) == spikes.usual({2 * WEEK: Counted(7)}.get, 3 * WEEK)
    of_days = spikes.usual({3 * WEEK - DAY: Counted(2)}.get, 3 * WEEK)
    assert of_days is not None
    assert (of_days.mean, of_days.seen) == (2.0, 1)
    assert spikes.usual(lambda number: None, 3 * WEEK) is None


def test_nothing_is_expected_to_be_rarer_than_half_a_report() -> None:
    silent = spikes.usual(lambda number: Counted(0), 9 * WEEK)
    assert silent is not None
    assert silent.mean == 0.5
    assert spikes.stated(0.0).mean == 0.5


def test_of_a_share_the_usual_follows_the_posts_that_were_seen() -> None:
    def past(number: int) -> Counted:
        return Counted(10, 2000)

    few, many = (spikes.usual(past, 9 * WEEK, out_of) for out_of in (1000, 8000))
    assert few is not None
    assert many is not None
    assert (few.mean, many.mean) == (5.0, 40.0)


def test_one_outage_that_nobody_marked_does_not_hide_the_next() -> None:
    outage = range(8 * WEEK - 4, 8 * WEEK + 5)
    found = spikes.usual(lambda number: Counted(300 if number in outage else 4), 9 * WEEK)
    assert found is not None
    assert (found.mean, found.phi) == (4.0, 1.0)


def test_quiet_weeks_are_no_alarm() -> None:
    for rate in (0.2, 2.0, 20.0):
        alarms = quiet(lambda number, rate=rate: rate, years=0.05)  # type: ignore[misc]
        assert (alarms.spikes, alarms.rises) == (0, 0)


@pytest.mark.parametrize(("rate", "rise", "minutes"), [(2.0, 20.0, 15), (20.0, 5.0, 20), (20.0, 20.0, 5)])
def test_a_rise_is_seen_while_its_first_bucket_or_its_second_is_still_open(
    rate: float, rise: float, minutes: float
) -> None:
    found = sorted(delay for delay, _ in delays(rate, rise, repeats=9))
    assert found[4] < minutes * 60
