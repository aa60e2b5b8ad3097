"""The likely cause of an outage, by what a store has kept of its pairs and what signals say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.evidence import EARLIER
from exporter.model import Answer, Cause, Pair, Reason, Region, Result
from exporter.readings import Notice, Restriction
from exporter.state import Record
from tests.evidence import NOTICE, SPIKE
from tests.judging import endpoint, failed, ok
from tests.scene import CUT, OUTAGE, START, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_while_it_is_up_there_is_no_cause_whatever_is_open_upstream(scene: Scene) -> None:
    scene.hear("oracle", notices=(replace(NOTICE, locations=("us-ashburn-1",), opened_at=OUTAGE),))
    assert (scene.judge().cause, scene.judge().because) == (Cause.UNKNOWN, "")


@pytest.mark.parametrize(
    ("reason", "message", "phases", "what"),
    [
        (Reason.STATUS, "status 500", ("connect", "tls", "processing"), "a wrong status"),
        (Reason.BODY, "the body does not match", ("connect", "processing"), "a wrong body"),
        (Reason.PROTOCOL, "closed amid an answer", ("connect", "processing"), "a broken protocol"),
        (Reason.TLS, "the certificate of 192.0.2.1:443 is refused: expired", ("connect", "tls"), "broken TLS"),
        (Reason.RESOLVE, "no address for it: SERVFAIL", ("resolve",), "no address"),
        (Reason.CONNECT, "no connection to 192.0.2.1:443: connection refused", ("connect",), "refused connections"),
        (
            Reason.TIMEOUT,
            "no answer within 10 s",
            ("connect", "tls", "processing"),
            "no answer over an open connection",
        ),
    ],
)
def test_wrong_answers_without_a_rise_of_latency_are_technical(
    scene: Scene, reason: Reason, message: str, phases: tuple[str, ...], what: str
) -> None:
    scene.fail(reason, message, phases=phases)
    said = scene.judge()
    assert (said.answer, said.cause) == (Answer.DOWN, Cause.TECHNICAL)
    assert said.because == (
        f"10 of 10 failing probes (us, gb, de, jp and in) get wrong answers or none, mostly {what}: {message}."
    )


@pytest.mark.parametrize(
    ("message", "reason", "phases"),
    [
        (CUT, Reason.CONNECT, ("resolve", "connect")),
        ("192.0.2.1:443 broke off the TLS handshake", Reason.TLS, ("connect", "tls")),
        ("no answer within the timeout", Reason.TIMEOUT, ("connect",)),
    ],
)
def test_resets_and_timeouts_at_the_edge_worldwide_are_suspected_to_be_an_attack(
    scene: Scene, message: str, reason: Reason, phases: tuple[str, ...]
) -> None:
    scene.fail(reason, message, phases=phases)
    said = scene.judge()
    assert said.cause is Cause.ATTACK
    assert said.because == (
        "10 of 10 failing probes, in us, gb, de, jp and in, are cut off or left without an answer while they connect, "
        "and no server has told of an error."
    )


def test_timeouts_in_fewer_than_three_regions_are_no_attack(scene: Scene) -> None:
    scene.fail(Reason.CONNECT, CUT, regions=("us", "gb"))
    assert scene.judge().cause is Cause.UNKNOWN


@pytest.mark.parametrize("country", ["US", None])
def test_timeouts_in_three_regions_of_one_country_or_of_who_knows_where_are_no_attack(country: str | None) -> None:
    american = Scene(dict.fromkeys(("us-east", "us-central", "us-west"), country))
    american.fail(Reason.CONNECT, CUT)
    assert american.judge().cause is Cause.UNKNOWN


def test_timeouts_after_a_server_told_of_an_error_are_no_attack(scene: Scene) -> None:
    scene.run(OUTAGE - 60.0, Reason.STATUS, "status 503", status=503)
    scene.fail(Reason.CONNECT, CUT)
    assert scene.judge().cause is Cause.UNKNOWN


def test_latency_that_rose_before_the_failures_is_overload(scene: Scene) -> None:
    for number in range(3, 0, -1):
        scene.run(OUTAGE - 20.0 * number, duration=0.9)
    scene.fail(Reason.STATUS, "status 503", status=503, phases=("connect", "processing"))
    said = scene.judge()
    assert said.cause is Cause.OVERLOAD
    assert said.because == (
        "Latency rose in 10 of 10 failing probes: home took 0.9 s or more in us where 0.26 s are usual, "
        "and status 503 came."
    )


def test_latency_that_rose_a_little_or_once_is_no_overload(scene: Scene) -> None:
    scene.run(OUTAGE - 60.0, duration=0.9)
    scene.fail(Reason.STATUS, "status 503", status=503, phases=("connect", "processing"))
    assert scene.judge().cause is Cause.TECHNICAL


def test_what_is_usual_is_the_average_of_good_runs_however_many_failed_before_them() -> None:
    record = Record(Pair(endpoint("home"), Region("us", "local", None)))
    for number in range(10):
        record.take(failed(at=START + number), 0.0)
    for number in range(3):
        record.take(ok(at=START + 60.0 * number, duration=0.2), 0.0)
    assert record.usual == pytest.approx(0.2)


def test_twice_of_next_to_nothing_is_no_rise() -> None:
    quick = Scene(usual=0.004)
    for number in range(3, 0, -1):
        quick.run(OUTAGE - 20.0 * number, duration=0.03)
    quick.fail(Reason.STATUS, "status 503", status=503)
    assert quick.judge().cause is Cause.TECHNICAL


@pytest.mark.parametrize("status", [429, 503])
def test_where_some_rose_and_half_say_that_they_are_busy_it_is_overload(scene: Scene, status: int) -> None:
    for number in range(3, 0, -1):
        scene.run(OUTAGE - 20.0 * number, duration=0.9, regions=("us",))
    scene.fail(Reason.STATUS, f"status {status}", status=status)
    assert scene.judge().cause is Cause.OVERLOAD


def test_what_is_slow_and_does_not_fail_is_overload_when_it_is_twice_as_slow_as_usual(scene: Scene) -> None:
    for number in range(120):
        scene.run(OUTAGE + 60.0 * number, duration=3.0)
    said = scene.judge()
    assert (said.answer, said.cause) == (Answer.DEGRADED, Cause.OVERLOAD)
    assert said.since == OUTAGE


@pytest.mark.parametrize(
    ("locations", "opened", "cause"),
    [
        (("us-ashburn-1",), 0.0, Cause.UPSTREAM),
        (("us-ashburn-1",), None, Cause.UPSTREAM),
        (("us-ashburn-1",), -EARLIER, Cause.UPSTREAM),
        (("us-ashburn-1",), 3 * 3600.0, Cause.UPSTREAM),
        (("us-ashburn-1",), -EARLIER - 60.0, Cause.TECHNICAL),
        (("us-ashburn-1",), 3 * 3600.0 + 60.0, Cause.TECHNICAL),
        (("us-phoenix-1",), 0.0, Cause.TECHNICAL),
        ((), 0.0, Cause.TECHNICAL),
    ],
)
def test_an_incident_upstream_in_the_right_place_and_time_is_the_cause(
    scene: Scene, locations: tuple[str, ...], opened: float | None, cause: Cause
) -> None:
    scene.fail(Reason.STATUS, "status 500", phases=("connect", "processing"))
    notice: Notice = replace(NOTICE, locations=locations, opened_at=None if opened is None else OUTAGE + opened)
    scene.hear("oracle", notices=(notice,))
    said = scene.judge()
    assert (said.answer, said.cause) == (Answer.DOWN, cause)


def test_an_incident_upstream_is_named_with_its_place_time_and_link(scene: Scene) -> None:
    scene.fail(Reason.STATUS, "status 500")
    notice = replace(NOTICE, title="Compute disrupted", locations=("us-ashburn-1",), opened_at=OUTAGE)
    scene.hear("oracle", notices=(replace(notice, level="minor", title="Slow"), notice))
    assert scene.judge().because == (
        'Oracle has an incident open in us-ashburn-1 since 1970-01-02 04:16 UTC: "Compute disrupted" '
        "(https://status.example/1)."
    )


def test_an_incident_somewhere_upstream_is_named_when_nothing_else_says_why(scene: Scene) -> None:
    scene.fail(Reason.CONNECT, CUT, regions=("us", "gb"))
    scene.hear("oracle", notices=(replace(NOTICE, opened_at=OUTAGE),))
    said = scene.judge()
    assert said.cause is Cause.UPSTREAM
    assert "it does not say where" in said.because


def test_a_green_upstream_names_nothing(scene: Scene) -> None:
    scene.fail(Reason.STATUS, "status 500")
    scene.hear("oracle")
    assert scene.judge().cause is Cause.TECHNICAL


def test_what_fails_only_where_it_is_blocked_is_blocked_and_up(scene: Scene) -> None:
    scene.fail(Reason.CONNECT, CUT, regions=("us",))
    scene.hear("ooni", restrictions=(Restriction("US", "blocked", "40 of 44 measurements fail", "tiktok"),))
    said = scene.judge()
    assert (said.answer, said.cause, said.blocked_in) == (Answer.UP, Cause.BLOCKED, ("US",))
    assert said.because == "TikTok is blocked in US, says ooni: 40 of 44 measurements fail."


def test_an_outage_beside_a_block_has_its_own_cause(scene: Scene) -> None:
    scene.fail(Reason.STATUS, "status 500", regions=("us", "gb"))
    scene.hear("ooni", restrictions=(Restriction("US", "blocked", "40 of 44 measurements fail", "tiktok"),))
    said = scene.judge()
    assert (said.answer, said.cause) == (Answer.PARTIAL, Cause.TECHNICAL)


def test_what_only_people_report_has_no_known_cause(scene: Scene) -> None:
    scene.store.hear({}, (replace(SPIKE, at=scene.now),))
    said = scene.judge()
    assert (said.answer, said.cause) == (Answer.DEGRADED, Cause.UNKNOWN)
    assert said.because == "Only people report it: nothing that our probes see says why."


def test_a_line_that_is_cut_after_it_stood_is_ones_own(scene: Scene) -> None:
    for pair in scene.pairs:
        for number in range(3):
            result = Result(False, Reason.CONNECT, "network is unreachable", OUTAGE + number, 0.1)
            scene.store.record(pair.key, result)
    scene.now = OUTAGE + 3.0
    said = scene.judge()
    assert (said.answer, said.cause, said.confidence) == (Answer.UNKNOWN, Cause.OWN_LINE, "medium")
    assert said.because == "No control answers in any of our 5 regions, and one has answered before."


def test_a_blip_long_before_does_not_count_as_what_it_is_down_for(scene: Scene) -> None:
    scene.run(OUTAGE - 1200.0, Reason.STATUS, "status 503", status=503)
    scene.run(OUTAGE - 60.0)
    scene.fail(Reason.CONNECT, CUT)
    assert scene.judge().cause is Cause.ATTACK
