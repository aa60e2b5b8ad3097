"""The verdict is a table: these tests read it aloud."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model import Answer, Feature, Reason, Service, State
from exporter.tracks import Condition, Sight, Track, advance, feature_state, sight
from exporter.verdict import feature_answer, judge, service_answer
from tests.judging import BLIND, DEAD, FAILURES, FINE, INTERVAL, SEEING, after, endpoint, failed, ok, verdict

UP, SLOW, DOWN, BLOCKED, PENDING = (
    Condition.UP,
    Condition.SLOW,
    Condition.DOWN,
    Condition.BLOCKED,
    Condition.PENDING,
)


def test_one_success_makes_a_new_pair_up() -> None:
    assert after(ok()).standing is UP


def test_two_failures_change_nothing_and_the_third_makes_it_down() -> None:
    assert after(ok(), failed(), failed()).standing is UP
    assert after(ok(), failed(), failed(), failed()).standing is DOWN


def test_a_success_between_failures_starts_the_count_anew() -> None:
    assert after(ok(), failed(), failed(), ok(), failed(), failed()).standing is UP


def test_a_down_pair_is_up_again_after_two_successes_and_not_after_one() -> None:
    down = (failed(), failed(), failed())
    assert after(*down, ok()).standing is DOWN
    assert after(*down, ok(), ok()).standing is UP
    assert after(*down, ok(), failed(), ok()).standing is DOWN


@pytest.mark.parametrize("reason", [Reason.BLOCKED, Reason.VANTAGE, Reason.INTERNAL])
def test_failures_that_are_not_the_services_never_make_it_down(reason: Reason) -> None:
    track = after(ok(), *[failed(reason)] * 9)
    assert track.standing is UP
    assert track.condition(0.0, INTERVAL) is (BLOCKED if reason is Reason.BLOCKED else Condition.UNKNOWN)


def test_a_failure_of_the_vantage_between_neither_counts_nor_resets() -> None:
    assert after(ok(), failed(), failed(), failed(Reason.VANTAGE), failed()).standing is DOWN


def test_three_slow_runs_degrade_and_two_quick_ones_end_it() -> None:
    slow, quick = ok(duration=3.0), ok(duration=0.1)
    assert after(quick, slow, slow, degraded_above=2.0).standing is UP
    assert after(quick, slow, slow, slow, degraded_above=2.0).standing is SLOW
    assert after(quick, slow, slow, slow, quick, degraded_above=2.0).standing is SLOW
    assert after(quick, slow, slow, slow, quick, quick, degraded_above=2.0).standing is UP
    assert after(slow, slow, slow).standing is UP


def test_a_pair_that_stopped_running_is_unknown_after_three_intervals() -> None:
    track = after(ok(at=1000.0))
    assert track.condition(1000.0 + 3 * INTERVAL, INTERVAL) is UP
    assert track.condition(1001.0 + 3 * INTERVAL, INTERVAL) is Condition.UNKNOWN


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([UP, UP], State.UP),
        ([UP, SLOW], State.DEGRADED),
        ([UP, UP, DOWN], State.DEGRADED),
        ([UP, DOWN], State.DEGRADED),
        ([UP, DOWN, DOWN], State.DOWN),
        ([DOWN], State.DOWN),
        ([UP, BLOCKED], State.UP),
        ([BLOCKED], State.BLOCKED),
        ([BLOCKED, DOWN], State.DOWN),
        ([Condition.UNKNOWN], State.UNKNOWN),
        ([Condition.UNKNOWN, BLOCKED], State.BLOCKED),
        ([PENDING], State.UNKNOWN),
        ([UP, PENDING], State.UNKNOWN),
        ([UP, Condition.UNKNOWN], State.UNKNOWN),
        ([UP, UP, Condition.UNKNOWN], State.UP),
        ([DOWN, Condition.UNKNOWN], State.DOWN),
        ([DOWN, PENDING], State.DEGRADED),
        ([], State.UNKNOWN),
    ],
)
def test_a_feature_is_down_in_a_region_when_more_than_half_of_its_voting_endpoints_are(
    conditions: list[Condition], state: State
) -> None:
    assert feature_state(conditions, seeing=True) is state
    assert feature_state(conditions, seeing=False) is State.UNKNOWN


@pytest.mark.parametrize(
    ("states", "answer"),
    [
        ("up up up", Answer.UP),
        ("down down up up", Answer.DOWN),
        ("down up up", Answer.PARTIAL),
        ("down unknown unknown", Answer.DOWN),
        ("down up unknown up", Answer.PARTIAL),
        ("down down up", Answer.DOWN),
        ("down down up up up", Answer.PARTIAL),
        ("down down degraded up", Answer.DOWN),
        ("down up", Answer.PARTIAL),
        ("down degraded", Answer.PARTIAL),
        ("down down", Answer.DOWN),
        ("down up unknown blocked", Answer.PARTIAL),
        ("degraded up", Answer.DEGRADED),
        ("blocked up", Answer.UP),
        ("blocked blocked", Answer.UNKNOWN),
        ("unknown", Answer.UNKNOWN),
        ("", Answer.UNKNOWN),
    ],
)
def test_across_regions_half_of_three_or_more_is_down_all_of_fewer_is_down_and_less_is_partial(
    states: str, answer: Answer
) -> None:
    assert feature_answer(State(word) for word in states.split()) is answer


@pytest.mark.parametrize(
    ("core", "others", "answer"),
    [
        ("down", "up", Answer.DOWN),
        ("down up", "", Answer.PARTIAL),
        ("down unknown", "", Answer.DOWN),
        ("up", "down", Answer.PARTIAL),
        ("partial", "", Answer.PARTIAL),
        ("degraded", "up", Answer.DEGRADED),
        ("up", "degraded", Answer.DEGRADED),
        ("up up", "unknown", Answer.UP),
        ("up unknown", "", Answer.UNKNOWN),
        ("degraded unknown", "", Answer.DEGRADED),
        ("unknown", "up", Answer.UNKNOWN),
        ("", "", Answer.UNKNOWN),
    ],
)
def test_a_service_is_down_when_all_its_core_features_are(core: str, others: str, answer: Answer) -> None:
    cores = [Answer(word) for word in core.split()]
    assert service_answer(cores, [*cores, *(Answer(word) for word in others.split())]) is answer


def test_a_region_sees_while_one_control_answers() -> None:
    one, two = endpoint("a", service="controls"), endpoint("b", service="controls")
    assert sight([(one, after(ok(at=5.0))), (two, after(failed(at=6.0)))], now=7.0) == Sight(True)
    blind = sight([(one, after(ok(at=1.0), failed(at=5.0))), (two, after(failed(at=6.0)))], now=7.0)
    assert blind == Sight(False, sentence="none of its 2 controls answers")


def test_a_region_that_cannot_be_asked_says_why_instead_of_blaming_its_controls() -> None:
    unasked = after(failed(Reason.VANTAGE, at=6.0))
    one, two = endpoint("a", service="controls"), endpoint("b", service="controls")
    blind = sight([(one, unasked), (two, unasked)], now=7.0)
    assert blind.sentence == "no control can be tried, because failed by vantage"
    assert sight([(one, unasked), (two, after(failed(at=6.0)))], now=7.0).sentence == "none of its 2 controls answers"


def test_a_region_whose_controls_are_stale_or_untried_does_not_see() -> None:
    control = endpoint("a", service="controls")
    assert not sight([(control, after(ok(at=0.0)))], now=181.0).seeing
    assert sight([(control, Track())], now=1.0).pending


def test_a_feature_that_fails_in_all_seeing_regions_makes_the_service_down_with_its_reason() -> None:
    said = verdict({("home", "de"): DEAD, ("gateway", "de"): FINE}, de=SEEING)
    assert said.answer is Answer.DOWN
    assert said.sentences == ("feed is down in 1 of 1 region (de): failed by connect.", "upload is fine in 1 region.")


def test_a_blind_region_casts_no_vote() -> None:
    tracks = {(name, region): FINE for name in ("home", "gateway") for region in ("de", "us")}
    said = verdict(tracks | {("home", "us"): DEAD}, de=SEEING, us=BLIND)
    assert said.answer is Answer.UP
    assert said.sentences[-1] == "us is blind: none of its 2 controls answers."


def test_with_every_region_blind_the_problem_is_on_your_end() -> None:
    said = verdict({("home", "de"): DEAD, ("gateway", "de"): DEAD}, de=BLIND)
    assert said.answer is Answer.UNKNOWN
    assert said.sentences[-1] == "No region of ours sees the internet: the problem is on your end."


def test_before_the_first_results_nothing_is_blamed() -> None:
    pending = Sight(False, pending=True, sentence="its controls have not answered yet")
    assert verdict({("home", "de"): Track()}, de=pending).sentences == ("The first probes are still under way.",)


@pytest.mark.parametrize(("seen_at", "answer"), [(59.0, Answer.UNKNOWN), (62.0, Answer.DOWN), (76.0, Answer.UNKNOWN)])
def test_failures_count_only_when_a_control_answered_amid_them(seen_at: float, answer: Answer) -> None:
    tracks = {("home", "de"): after(*FAILURES, seen_at=seen_at), ("gateway", "de"): FINE}
    assert verdict(tracks, de=SEEING).answer is answer


def test_when_the_line_comes_back_nothing_is_down_before_it_has_failed_once_more() -> None:
    dark = after(*FAILURES)
    assert verdict({("home", "de"): dark, ("gateway", "de"): FINE}, de=SEEING).answer is Answer.UNKNOWN
    lit = advance(dark, failed(at=95.0), None, seen_at=90.0)
    assert verdict({("home", "de"): lit, ("gateway", "de"): FINE}, de=SEEING).answer is Answer.DOWN


def test_what_is_down_stays_so_through_one_success_and_the_next_failure() -> None:
    once = advance(DEAD, ok(at=80.0), None)
    again = advance(once, failed(at=85.0), None)
    for track in (once, again):
        assert verdict({("home", "de"): track, ("gateway", "de"): FINE}, de=SEEING).answer is Answer.DOWN


def test_a_feature_blocked_everywhere_is_said_so_and_is_no_outage() -> None:
    wall = after(failed(Reason.BLOCKED, at=90.0))
    said = verdict({("home", "de"): wall, ("gateway", "de"): FINE}, de=SEEING)
    assert said.answer is Answer.UNKNOWN
    assert said.states["feed", "de"] is State.BLOCKED
    assert said.sentences[0] == (
        "feed turns our probes away, which says nothing about others, in de: failed by blocked."
    )


def test_a_region_whose_proxy_fails_is_said_not_to_judge_and_why() -> None:
    proxied = after(failed(Reason.VANTAGE, at=90.0))
    tracks = {("home", "de"): FINE, ("gateway", "de"): FINE, ("home", "us"): proxied, ("gateway", "us"): FINE}
    said = verdict(tracks, de=SEEING, us=SEEING)
    assert said.answer is Answer.UP
    assert said.sentences[0] == "feed cannot be judged in us: failed by vantage."
    assert said.sentences[1:] == ("upload is fine in 2 regions.", "feed is fine in 1 region.")


def test_a_slow_feature_is_said_to_be_and_by_how_much() -> None:
    slow = Service("tiktok", "TikTok", (Feature("feed", True, (replace(endpoint("home"), degraded_above=2.0),)),))
    track = after(*[ok(at=90.0, duration=3.0)] * 3, degraded_above=2.0)
    said = judge(slow, {("tiktok", "home", "de"): track}, {"de": SEEING}, 100.0)
    assert said.sentences == ("feed is degraded in 1 of 1 region (de): home takes more than 2 s.",)


def test_the_complaint_is_that_of_the_endpoint_that_is_down_and_not_of_a_wall_beside_it() -> None:
    both = Service("tiktok", "TikTok", (Feature("feed", True, (endpoint("home"), endpoint("shop"))),))
    tracks = {("tiktok", "home", "de"): DEAD, ("tiktok", "shop", "de"): after(failed(Reason.BLOCKED, at=99.0))}
    said = judge(both, tracks, {"de": SEEING}, 100.0)
    assert said.sentences[0] == "feed is down in 1 of 1 region (de): failed by connect."
