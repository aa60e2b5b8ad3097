"""What people, officials and censors make of a verdict; and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter import terminal
from exporter.evidence import NOTHING, Blockage, Evidence
from exporter.model import Answer, Confidence, Feature, Reason, Service, State
from exporter.tracks import Track
from exporter.verdict import Verdict, judge
from tests.evidence import ASHBURN, CALM, CHATTER, NOTICE, REVIEWS, SPIKE, STATEMENT, blocked
from tests.judging import (
    ALL_SEE,
    BLIND,
    DEAD,
    EVERYWHERE,
    FINE,
    REGIONS,
    SEEING,
    TIKTOK,
    after,
    endpoint,
    failed,
    failing,
    ok,
    verdict,
)


def test_what_people_alone_report_degrades_the_feature_and_no_state() -> None:
    said = verdict(EVERYWHERE, Evidence(crowds=(SPIKE,)), **ALL_SEE)
    assert (said.answer, said.features) == (Answer.DEGRADED, {"feed": Answer.UP, "upload": Answer.DEGRADED})
    assert set(said.states.values()) == {State.UP}
    assert said.probed is Answer.UP
    assert said.headline == "TikTok is up by our probes, but its users report problems."
    assert said.sentences == (
        "users report upload failures: 84 in 15 minutes where 3 are usual; probes from 5 regions are fine.",
        "feed is fine in 5 regions.",
    )


def test_what_people_write_of_the_whole_service_degrades_it_and_no_feature() -> None:
    said = verdict(EVERYWHERE, Evidence(crowds=(CHATTER,)), **ALL_SEE)
    assert (said.answer, set(said.features.values())) == (Answer.DEGRADED, {Answer.UP})
    assert said.sentences[0] == (
        "people write of problems, says bluesky: 84 of 60000 posts in 15 minutes where 3 are usual; "
        "probes from 5 regions are fine."
    )


@pytest.mark.parametrize(
    "crowd", [CALM, replace(SPIKE, spiking=False), replace(SPIKE, spiking=False, rising=True), REVIEWS]
)
def test_people_who_are_calm_or_rise_slowly_or_cannot_stand_alone_change_no_answer(crowd: object) -> None:
    said = verdict(EVERYWHERE, Evidence(crowds=(crowd,)), **ALL_SEE)  # type: ignore[arg-type]
    assert (said.answer, said.headline, said.since) == (Answer.UP, "TikTok is up.", None)


@pytest.mark.parametrize(
    ("tracks", "answer"),
    [
        (failing("home", *REGIONS), Answer.DOWN),
        (failing("gateway", *REGIONS), Answer.PARTIAL),
        (failing("home", "us"), Answer.PARTIAL),
    ],
)
def test_people_make_no_answer_better_than_our_probes_do(tracks: dict[tuple[str, str], Track], answer: Answer) -> None:
    for crowd in (SPIKE, CHATTER, replace(SPIKE, feature="feed")):
        said = verdict(tracks, Evidence(crowds=(crowd,)), **ALL_SEE)
        assert (said.answer, said.probed) == (answer, answer)


def test_a_core_feature_that_only_people_judge_makes_no_outage_smaller() -> None:
    both = replace(TIKTOK, features=(TIKTOK.features[0], replace(TIKTOK.features[1], core=True)))
    tracks = {("tiktok", "home", "de"): DEAD, ("tiktok", "gateway", "de"): Track()}
    said = judge(both, tracks, {"de": SEEING}, 100.0, Evidence(crowds=(SPIKE,)))
    assert (said.answer, said.features["upload"]) == (Answer.DOWN, Answer.DEGRADED)


def test_where_our_probes_cannot_judge_people_can_while_a_region_sees() -> None:
    unproven = {("home", "de"): after(failed(Reason.VANTAGE, at=90.0)), ("gateway", "de"): FINE}
    said = verdict(unproven, Evidence(crowds=(CHATTER,)), de=SEEING)
    assert (said.answer, said.probed) == (Answer.DEGRADED, Answer.UNKNOWN)
    assert said.headline == "Our probes can't judge TikTok, but its users report problems."
    blind = verdict(unproven, Evidence(crowds=(CHATTER,)), de=BLIND)
    assert blind.answer is Answer.UNKNOWN
    assert blind.sentences[0].startswith("people write of problems, says bluesky: 84 of 60000 posts")


def test_officials_are_quoted_with_their_link_and_change_no_answer() -> None:
    said = verdict(EVERYWHERE, Evidence(statements=(STATEMENT,), upstreams=(ASHBURN,)), **ALL_SEE)
    assert said.answer is Answer.UP
    assert said.sentences[0] == (
        'tiktok_business says: "We are looking into failing uploads." (https://status.example/1).'
    )


def test_a_signal_that_is_silent_is_not_in_the_sentences() -> None:
    said = verdict(EVERYWHERE, Evidence(silent=("ooni has not spoken yet.",)), **ALL_SEE)
    assert said == verdict(EVERYWHERE, **ALL_SEE)


def test_where_a_signal_says_blocked_what_fails_is_blocked_there_and_up_elsewhere() -> None:
    said = verdict(failing("home", "us"), blocked("US", "us"), **ALL_SEE)
    assert (said.answer, said.features["feed"]) == (Answer.UP, Answer.UP)
    assert (said.states["feed", "us"], said.states["upload", "us"]) == (State.BLOCKED, State.UP)
    assert said.headline == "TikTok is up, but blocked in US."
    assert said.sentences == (
        "feed is blocked in US (us), says ooni: 40 of 44 measurements in 2 days fail.",
        "upload is fine in 5 regions.",
        "feed is fine in 4 regions.",
    )


def test_a_country_that_is_cut_off_is_no_fault_of_the_service() -> None:
    said = verdict(failing("home", "us"), blocked("US", "us", source="ioda", kind="cut off"), **ALL_SEE)
    assert said.answer is Answer.UP
    assert said.sentences[0] == (
        "feed is blocked in US (us), which is cut off from the network, says ioda: "
        "40 of 44 measurements in 2 days fail."
    )


@pytest.mark.parametrize(
    ("regions", "answer", "state"),
    [
        (("us", "gb", "de", "jp"), Answer.DOWN, State.DOWN),
        (("us", "gb"), Answer.PARTIAL, State.BLOCKED),
        (("us",), Answer.UP, State.BLOCKED),
    ],
)
def test_a_signal_that_says_blocked_excuses_no_outage_of_elsewhere(
    regions: tuple[str, ...], answer: Answer, state: State
) -> None:
    said = verdict(failing("home", *regions), blocked("US", "us"), **ALL_SEE)
    assert (said.features["feed"], said.states["feed", "us"]) == (answer, state)


def test_when_all_of_ours_are_where_a_signal_says_blocked_it_stays_down() -> None:
    tracks = {("home", "us"): DEAD, ("gateway", "us"): FINE}
    said = verdict(tracks, blocked("US", "us"), us=SEEING)
    assert (said.answer, said.states["feed", "us"], said.cause) == (Answer.DOWN, State.DOWN, "blocked")
    assert said.because == "TikTok is blocked in US, says ooni: 40 of 44 measurements in 2 days fail."


def test_where_the_configuration_expects_it_what_fails_is_blocked_even_when_we_are_nowhere_else() -> None:
    expected = Evidence(restrictions=(Blockage("expected", "IN", ("in",), "blocked", "the configuration expects it"),))
    said = verdict({("home", "in"): DEAD, ("gateway", "in"): DEAD}, expected, **{"in": SEEING})
    assert (said.answer, said.states["feed", "in"]) == (Answer.UNKNOWN, State.BLOCKED)
    assert said.headline == "TikTok is blocked in IN, and we can't tell whether it is down elsewhere."
    assert said.sentences == ("feed and upload are blocked in IN (in), as the configuration expects.",)


def test_a_country_that_blocks_one_host_of_two_is_blocked_and_a_slow_one_is_not() -> None:
    pair = (replace(endpoint("home"), degraded_above=2.0), endpoint("shop"))
    two = Service("tiktok", "TikTok", (Feature("feed", True, pair),))
    slow = after(*[ok(at=90.0, duration=3.0)] * 3, degraded_above=2.0)
    for track, state in ((DEAD, State.BLOCKED), (slow, State.DEGRADED)):
        tracks = {("tiktok", name, region): FINE for name in ("home", "shop") for region in ("us", "de")}
        said = judge(
            two,
            tracks | {("tiktok", "home", "us"): track},
            dict.fromkeys(("us", "de"), SEEING),
            100.0,
            blocked("US", "us"),
        )
        assert said.states["feed", "us"] is state


def test_people_of_where_it_is_blocked_do_not_degrade_it_and_people_of_elsewhere_do() -> None:
    def said(*regions: str) -> Verdict:
        crowd = replace(SPIKE, regions=regions)
        return verdict(failing("gateway", "us"), replace(blocked("US", "us"), crowds=(crowd,)), **ALL_SEE)

    assert said("US").answer is Answer.UP
    for regions in ((), ("US", "GB")):
        assert said(*regions).answer is Answer.DEGRADED
    assert said().headline == (
        "TikTok is up by our probes outside US, where it is blocked, but its users report problems."
    )


def test_the_first_evidence_is_the_earliest_failure_or_the_start_of_the_spike() -> None:
    later = after(failed(at=70.0), failed(at=75.0), failed(at=85.0), seen_at=71.0)
    tracks = EVERYWHERE | {("home", "us"): DEAD, ("gateway", "gb"): later}
    assert verdict(tracks, **ALL_SEE).since == 60.0
    assert verdict(tracks, Evidence(crowds=(replace(SPIKE, since=30.0),)), **ALL_SEE).since == 30.0
    assert verdict(EVERYWHERE, **ALL_SEE).since is None


def test_the_first_evidence_stays_through_a_cut_line_and_ends_with_the_outage() -> None:
    tracks = {("tiktok", "home", "de"): DEAD, ("tiktok", "gateway", "de"): FINE}
    fine = {("tiktok", "home", "de"): FINE, ("tiktok", "gateway", "de"): FINE}
    assert judge(TIKTOK, tracks, {"de": SEEING}, 100.0, since=20.0).since == 20.0
    assert judge(TIKTOK, tracks, {"de": BLIND}, 100.0, since=20.0).since == 20.0
    assert judge(TIKTOK, fine, {"de": SEEING}, 100.0, since=20.0).since is None


@pytest.mark.parametrize(
    ("regions", "evidence", "confidence", "because"),
    [
        (("us",), NOTHING, "low", "Probes from 1 region say so; nobody else does yet."),
        (("us", "gb"), NOTHING, "medium", "Probes from 2 regions say so; nobody else does yet."),
        (REGIONS, NOTHING, "medium", "Probes from 5 regions say so; nobody else does yet."),
        (REGIONS, Evidence(crowds=(SPIKE,)), "high", "Probes from 5 regions and people (reports) agree"),
        (REGIONS, Evidence(crowds=(REVIEWS,)), "high", "Probes from 5 regions and people (apple) agree"),
        (("us",), Evidence(crowds=(SPIKE,)), "medium", "Probes from 1 region and people (reports) agree"),
        ((), Evidence(crowds=(SPIKE,)), "low", "Only people (reports) say so; our probes do not see it."),
        ((), Evidence(crowds=(SPIKE, CHATTER)), "medium", "Only people (bluesky and reports) say so"),
        (("us",), Evidence(statements=(STATEMENT,)), "high", "Confirmed: officials say so (tiktok_business)"),
        ((), Evidence(crowds=(SPIKE,), statements=(STATEMENT,)), "high", "Confirmed: officials say so"),
        (REGIONS, Evidence(upstreams=(ASHBURN,)), "medium", "Probes from 5 regions say so"),
    ],
)
def test_an_outage_is_the_surer_the_more_kinds_of_evidence_agree(
    regions: tuple[str, ...], evidence: Evidence, confidence: str, because: str
) -> None:
    said = verdict(failing("home", *regions), evidence, **ALL_SEE)
    assert said.confidence == confidence
    assert said.confident_because.startswith(because)


def test_a_statement_that_has_stood_for_days_confirms_nothing_new() -> None:
    old = replace(STATEMENT, notice=replace(NOTICE, opened_at=60.0 - 25 * 3600.0))
    assert verdict(failing("home", "us"), Evidence(statements=(old,)), **ALL_SEE).confidence is Confidence.LOW


@pytest.mark.parametrize(
    ("regions", "crowds", "confidence"),
    [
        (("us", "gb", "de"), (CALM,), "high"),
        (("us", "gb", "de"), (), "medium"),
        (("us",), (CALM,), "medium"),
        (("us",), (), "low"),
        (("us",), (replace(REVIEWS, spiking=False),), "low"),
    ],
)
def test_that_it_is_up_is_the_surer_when_people_are_listened_to_and_calm(
    regions: tuple[str, ...], crowds: tuple[object, ...], confidence: str
) -> None:
    evidence = Evidence(crowds=crowds)  # type: ignore[arg-type]
    assert verdict(EVERYWHERE, evidence, **dict.fromkeys(regions, SEEING)).confidence == confidence


def test_a_terminal_shows_cause_and_confidence_and_obeys_no_quotation() -> None:
    command = replace(STATEMENT, notice=replace(NOTICE, quote="\x1b[2Jall is well"))
    said = verdict(failing("home", "us"), Evidence(statements=(command,)), **ALL_SEE)
    text = terminal.verdict_text(said, coloured=False)
    assert "\x1b" not in text
    assert "all is well" in text
    assert f"  Likely cause: {said.cause}. {said.because}" in text
    assert f"  Confidence: high. {said.confident_because}" in text
