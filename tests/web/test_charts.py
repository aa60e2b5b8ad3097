"""Strips, charts, times and durations: small numbers whose drawing and wording can be checked by eye."""

from __future__ import annotations

import pytest

from exporter import languages
from exporter.history import Pace, Slot
from exporter.languages import text
from exporter.model import Answer
from exporter.readings import Bucket
from exporter.verdict import Verdict
from exporter.web import charts
from exporter.web.told import told
from exporter.web.words import Words

NOW = 1_772_544_240.0  # 2026-03-03 13:24 UTC
ENGLISH, GERMAN = (Words(languages.of(code), NOW) for code in ("en", "de"))


def slots(*answers: dict[Answer, float]) -> list[Slot]:
    return [Slot(900.0 * number, 900.0, answer) for number, answer in enumerate(answers)]


UP, DOWN, NOBODY = {Answer.UP: 900.0}, {Answer.UP: 840.0, Answer.DOWN: 60.0}, dict[Answer, float]()


def test_what_is_up_is_drawn_together_and_each_bad_slot_alone() -> None:
    strip = charts.strip(slots(UP, UP, DOWN, DOWN, UP), now=4500.0)
    assert [(run.answer, run.path, run.height) for run in strip.runs] == [
        ("up", "M0 24h7", 16),
        ("down", "M8 16h3", 32),
        ("down", "M12 16h3", 32),
        ("up", "M16 24h3", 16),
    ]
    assert strip.width == 19
    assert strip.seconds[Answer.DOWN] == 120.0


def test_the_worse_the_taller() -> None:
    heights = [charts.HEIGHTS[answer] for answer in (Answer.UP, Answer.DEGRADED, Answer.PARTIAL, Answer.DOWN)]
    assert heights == sorted(set(heights))


def test_a_slot_that_was_hardly_watched_is_not_up_but_what_was_bad_in_it_counts() -> None:
    hardly, bad = {Answer.UP: 449.0}, {Answer.PARTIAL: 5.0}
    strip = charts.strip(slots(hardly, bad, NOBODY), now=2700.0)
    assert [run.answer for run in strip.runs] == ["unknown", "partial", "unknown"]
    assert strip.seconds[Answer.UNKNOWN] == 451.0 + 895.0 + 900.0


def test_the_slot_under_way_is_judged_by_the_time_that_has_passed() -> None:
    strip = charts.strip(slots(UP, {Answer.UP: 30.0}), now=930.0)
    assert [run.answer for run in strip.runs] == ["up"]
    assert strip.seconds[Answer.UNKNOWN] == 0.0


def test_no_line_is_drawn_over_a_gap() -> None:
    chart = charts.pace([Pace(0.0, 4, 0, 0.1), Pace(900.0, 4, 1, 0.1), Pace(2700.0, 4, 0, 0.2)], first=0.0)
    assert chart is not None
    assert (chart.top, chart.least, chart.most) == (0.2, 0.1, 0.2)
    assert chart.line == "M1 50h2M6 0h2"
    assert chart.area == "M1 50h2V100H1z"
    assert chart.bars == "M3 100v-25"


def test_a_day_without_a_good_probe_has_no_chart_of_how_long_they_took() -> None:
    assert charts.pace([Pace(0.0, 4, 4, None)], first=0.0) is None


@pytest.mark.parametrize(("slot", "newest"), [(95, 0.1), (94, 0.1), (93, None)])
def test_how_fast_it_was_before_is_not_how_fast_it_is(slot: int, newest: float | None) -> None:
    paces = [Pace(900.0 * slot, 4, 0, 0.1), *(Pace(900.0 * later, 4, 4, None) for later in range(slot + 1, 96))]
    chart = charts.pace(paces, first=0.0)
    assert chart is not None
    assert chart.newest == newest


def test_reports_are_bars_beside_what_is_usual() -> None:
    buckets = [Bucket(0.0, 10, 5.0), Bucket(900.0, 0, 5.0), Bucket(1800.0, None, 10.0)]
    chart = charts.counts(buckets, first=0.0)
    assert chart is not None
    assert (chart.top, chart.most, chart.newest) == (10.0, 10, 10.0)
    assert chart.bars == "M1 100v-100"
    assert chart.usual == "M1 50h2l2 -50"


def test_a_single_report_does_not_fill_the_chart_and_nobody_listening_is_no_chart() -> None:
    chart = charts.counts([Bucket(0.0, 1, None)], first=0.0)
    assert chart is not None
    assert (chart.top, chart.usual, chart.newest) == (5.0, "", None)
    assert charts.counts([Bucket(0.0, None, 3.0)], first=0.0) is None


@pytest.mark.parametrize(("value", "top"), [(0.0, 1.0), (0.13, 0.2), (0.2, 0.2), (21.0, 50.0), (99.0, 100.0)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert charts.ceiling(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0.0, "less than a minute", "weniger als eine Minute"),
        (29.0, "less than a minute", "weniger als eine Minute"),
        (43 * 60.0, "43 min", "43 min"),
        (3600.0, "1 h", "1 h"),
        (7500.0, "2 h 5 min", "2 h 5 min"),
        (47 * 3600.0, "47 h", "47 h"),
        (72 * 3600.0 + 4 * 3600.0, "3 days 4 h", "3 Tage 4 h"),
        (4 * 86400.0, "4 days", "4 Tage"),
    ],
)
def test_durations(seconds: float, english: str, german: str) -> None:
    assert (ENGLISH.span(seconds), GERMAN.span(seconds)) == (english, german)


@pytest.mark.parametrize(
    ("at", "english", "german"),
    [
        (NOW, "13:24 UTC", "13:24 UTC"),
        (NOW - 86400.0, "2 Mar, 13:24 UTC", "2. März, 13:24 UTC"),
        (NOW - 90 * 86400.0, "3 Dec 2025, 13:24 UTC", "3. Dez. 2025, 13:24 UTC"),
    ],
)
def test_moments_are_as_short_as_they_can_be(at: float, english: str, german: str) -> None:
    assert (ENGLISH.moment(at), GERMAN.moment(at)) == (english, german)


@pytest.mark.parametrize(
    ("ratio", "told"),
    [(1.0, "100%"), (0.99999, "99.99%"), (0.9995, "99.95%"), (0.5, "50%"), (1e-9, "0.01%"), (0, "0%")],
)
def test_all_and_nothing_are_said_only_when_they_are(ratio: float, told: str) -> None:
    assert ENGLISH.share(ratio) == told


def test_a_strip_says_in_words_what_it_draws() -> None:
    seconds = {Answer.UP: 3600.0, Answer.DOWN: 20.0, Answer.UNKNOWN: 12.0}
    assert ENGLISH.lasted(seconds) == "up for 1 h and down for less than a minute"
    (run,) = charts.strip([Slot(NOW // 86400 * 86400, 86400.0, {Answer.UP: 46000.0})], NOW).runs
    assert ENGLISH.run(run) == "3 Mar: up for 12 h 47 min and not watched for 37 min"
    assert GERMAN.run(run) == "3. März: 12 h 47 min in Ordnung und 37 min nicht beobachtet"


def said(feature: str, where: str = "eu", complaint: str = "refused") -> str:
    why = text("said.why", complaint=complaint)
    return text("said.down", feature=feature, votes=1, regions=text("regions", n=2), where=where, why=why)


def sentences(*found: str) -> tuple[str, ...]:
    return told(Verdict("tiktok", "TikTok", Answer.DOWN, {}, {}, found))


def test_only_what_is_the_same_in_the_same_place_is_told_as_one() -> None:
    assert sentences(said("feed"), said("video", "us"), "what somebody wrote", said("login")) == (
        "feed and login are down in 1 of 2 regions (eu): refused.",
        "video is down in 1 of 2 regions (us): refused.",
        "what somebody wrote",
    )


def test_of_different_reasons_the_first_is_an_example() -> None:
    assert sentences(said("feed"), said("login", complaint="timed out")) == (
        "feed and login are down in 1 of 2 regions (eu), for example: refused.",
    )
