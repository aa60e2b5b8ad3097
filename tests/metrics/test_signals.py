"""What the page says of other evidence: what is fresh and configured, and of the rest that it is silent."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.history import History
from exporter.metrics import Own, exposition
from exporter.model import Answer, Cause, Confidence, Signal
from exporter.readings import BUCKET, Crowd, Fault, Heard, Notice, Reading, Restriction
from exporter.signals.reports import Intake, Report
from exporter.signals.reports.settings import Options
from exporter.verdict import Verdict
from tests.configurations import NOW, Running, config, region

END = NOW // BUCKET * BUCKET
"""Of the last full bucket."""

SIGNALS = (
    Signal("own", "reports", None, 60.0, ("tiktok",)),
    Signal("detector", "downdetector", None, 300.0, ("tiktok",)),
    Signal("bluesky", "jetstream", None, 60.0, ("tiktok",)),
    Signal("reviews", "appstore", None, 1800.0, ("tiktok",)),
    Signal("officials", "statuspage", None, 60.0, ("tiktok",)),
    Signal("cloud", "oracle", None, 60.0),
    Signal("censors", "ooni", None, 3600.0, ("tiktok",)),
)


def crowd(signal: str, kind: str, feature: str = "", count: int = 84, service: str = "tiktok", **more: object) -> Crowd:
    return replace(Crowd(signal, kind, service, feature, count, 3.0, 9.5, END), **more)  # type: ignore[arg-type]


def heard(*readings: tuple[str, Reading], silent: Sequence[str] = ()) -> dict[str, Heard]:
    """All polled signals are fresh and have nothing to say, but for these readings."""
    said = dict(readings)
    return {
        signal.name: Heard(
            signal.name,
            signal.kind,
            reading=said.get(signal.name, Reading(NOW - 5.0)),
            succeeded_at=NOW,
            fresh=signal.name not in silent,
            errors={Fault.TIMEOUT: 3},
        )
        for signal in SIGNALS
        if signal.kind != "reports"
    }


def running() -> Running:
    """TikTok, seen from a region in India, which runs on a cloud, and all signals."""
    loaded = config("home")
    tiktok = replace(loaded.services[0], upstreams=("cloud:ashburn", "cloud"), expected_blocked=("IN",))
    here = replace(region("here"), country="IN")
    return Running(replace(loaded, services=(tiktok, *loaded.services[1:]), regions=(here,), signals=SIGNALS))


def page(store: Running, openmetrics: bool = False) -> str:
    return b"".join(exposition(store.page, Own(), store.store, openmetrics)).decode()


def shown(known: dict[str, Heard], crowds: Sequence[Crowd] = ()) -> str:
    told = running()
    told.store.hear(known, crowds)
    told.store.judge()
    return page(told)


def series(text: str, name: str) -> dict[str, float]:
    """By labels as they stand on the page."""
    lines = [line.removeprefix(name).rpartition(" ") for line in text.splitlines() if line.startswith(name + "{")]
    found = {labels: float(value) for labels, _, value in lines}
    assert len(found) == len(lines)
    return found


def test_reports_are_those_that_people_make_by_signal_and_feature() -> None:
    text = shown(heard(), [crowd("own", "reports", "feed"), crowd("detector", "downdetector"), crowd("bluesky", "x")])
    of_own = '{signal="own",service="tiktok",feature="feed"}'
    of_detector = '{signal="detector",service="tiktok",feature=""}'
    assert series(text, "outage_reports") == {of_own: 84.0, of_detector: 84.0}
    assert series(text, "outage_reports_baseline") == {of_own: 3.0, of_detector: 3.0}
    assert series(text, "outage_reports_score") == {of_own: 9.5, of_detector: 9.5}


def test_chatter_is_a_share_of_what_is_said_and_what_proves_nothing_alone_is_no_chatter() -> None:
    text = shown(
        heard(),
        [
            crowd("bluesky", "jetstream", count=5, out_of=1000, spiking=True),
            crowd("reviews", "appstore", out_of=90, alone=False, spiking=True),
        ],
    )
    of_bluesky = '{signal="bluesky",service="tiktok"}'
    assert series(text, "outage_chatter_ratio") == {of_bluesky: 0.005}
    assert series(text, "outage_chatter_score") == {of_bluesky: 9.5}
    assert series(text, "outage_crowd_spiking") == {'{signal="bluesky",service="tiktok",feature=""}': 1.0}
    assert series(text, "outage_corroboration_score") == {'{signal="reviews",service="tiktok"}': 9.5}


def test_a_share_of_nothing_is_no_number() -> None:
    text = shown(heard(), [crowd("bluesky", "jetstream", count=0, out_of=0)])
    assert series(text, "outage_chatter_ratio") == {}


def test_what_a_reading_calls_a_service_or_a_feature_makes_no_series_unless_it_is_one() -> None:
    text = shown(heard(), [crowd("own", "reports", "a stranger"), crowd("own", "reports", service="a stranger")])
    assert "a stranger" not in text


def test_a_statement_is_1_while_one_is_open_and_0_while_the_page_has_none() -> None:
    notice = Notice("Feed trouble", "https://example.org", "major")
    where = '{source="officials",scope="tiktok",state="open"}'
    assert series(shown(heard(("officials", Reading(NOW, notices=(notice,))))), "outage_statement") == {where: 1.0}
    assert series(shown(heard()), "outage_statement") == {where: 0.0}


def test_an_upstream_counts_in_its_place_only() -> None:
    notice = Notice("Compute", "https://example.org", "major", locations=("ashburn",))
    ashburn = '{provider="cloud",location="ashburn",service="tiktok"}'
    anywhere = '{provider="cloud",location="",service="tiktok"}'
    text = shown(heard(("cloud", Reading(NOW, notices=(notice,)))))
    assert series(text, "outage_upstream_incident") == {ashburn: 1.0, anywhere: 1.0}
    elsewhere = replace(notice, locations=("phoenix",))
    text = shown(heard(("cloud", Reading(NOW, notices=(elsewhere,)))))
    assert series(text, "outage_upstream_incident") == {ashburn: 0.0, anywhere: 1.0}
    assert "phoenix" not in text


def test_a_region_is_blocked_by_whoever_says_so_of_its_country() -> None:
    blocked = Restriction("IN", "blocked", "40 of 44 measurements fail", "tiktok")
    elsewhere = replace(blocked, country="AQ")
    text = shown(heard(("censors", Reading(NOW, restrictions=(blocked, elsewhere)))))
    assert series(text, "outage_blocked") == {
        '{service="tiktok",region="here",source="expected"}': 1.0,
        '{service="tiktok",region="here",source="censors"}': 1.0,
    }


def test_a_silent_signal_says_nothing_and_that_it_is_silent() -> None:
    notice = Notice("Feed trouble", "https://example.org", "major")
    said = [("officials", Reading(NOW, notices=(notice,))), ("cloud", Reading(NOW, notices=(notice,)))]
    text = shown(heard(*said, silent=("officials", "cloud", "bluesky")), [crowd("bluesky", "jetstream")])
    assert series(text, "outage_statement") == {}
    assert series(text, "outage_upstream_incident") == {}
    assert series(text, "outage_chatter_score") == {}
    fresh = series(text, "outage_signal_fresh")
    assert (fresh['{signal="officials"}'], fresh['{signal="detector"}']) == (0.0, 1.0)


def test_every_signal_that_is_read_tells_when_and_how_often_not() -> None:
    text = shown(heard() | {"cloud": Heard("cloud", "oracle")})
    assert series(text, "outage_signal_last_success_timestamp_seconds")['{signal="officials"}'] == NOW
    assert series(text, "outage_signal_last_success_timestamp_seconds")['{signal="cloud"}'] == 0.0
    assert series(text, "outage_signal_lag_seconds")['{signal="officials"}'] == 5.0
    assert '{signal="cloud"}' not in series(text, "outage_signal_lag_seconds")
    errors = series(text, "outage_signal_errors_total")
    assert errors['{signal="officials",reason="timeout"}'] == 3.0
    assert {labels for labels in errors if "cloud" in labels} == {f'{{signal="cloud",reason="{one}"}}' for one in Fault}


def test_a_cause_is_named_while_something_is_wrong_and_none_while_up() -> None:
    told = running()
    wrong = Verdict(
        "tiktok", "TikTok", Answer.DOWN, {}, {}, (), cause=Cause.ATTACK, confidence=Confidence.HIGH, since=5.0
    )
    told.store.verdicts["tiktok"] = wrong
    text = page(told)
    assert series(text, "outage_cause")['{service="tiktok",cause="attack suspected"}'] == 1.0
    assert sum(v for labels, v in series(text, "outage_cause").items() if '"tiktok"' in labels) == 1.0
    assert series(text, "outage_confidence")['{service="tiktok",confidence="high"}'] == 1.0
    assert series(text, "outage_verdict_since_timestamp_seconds")['{service="tiktok"}'] == 5.0
    told.store.verdicts["tiktok"] = replace(wrong, answer=Answer.UP, since=None)
    text = page(told)
    assert {v for labels, v in series(text, "outage_cause").items() if '"tiktok"' in labels} == {0.0}
    assert series(text, "outage_verdict_since_timestamp_seconds")['{service="tiktok"}'] == told.store.since["tiktok"]


def test_the_history_of_a_service_is_told_and_what_is_not_known_is_absent(tmp_path: Path) -> None:
    history, told = History(tmp_path), running()
    for step in range(20):
        answer = Answer.DOWN if step < 5 else Answer.UP
        history.incidents.note(Verdict("tiktok", "TikTok", answer, {}, {}, ()), NOW + 5.0 * step)
    history.incidents.keep()
    known = {name: history.incidents.statistics(name, NOW) for name in ("tiktok", "youtube_shorts")}
    text = b"".join(exposition(told.page, Own(), told.store, False, known)).decode()
    history.close()
    windows = [f'{{service="tiktok",window="{window}"}}' for window in ("30d", "365d")]
    assert series(text, "outage_availability_ratio") == pytest.approx(dict.fromkeys(windows, 1 - 25.0 / 95.0))
    assert series(text, "outage_availability_observed_ratio")[windows[0]] == pytest.approx(95.0 / (30 * 86400))
    assert series(text, "outage_mean_time_to_recovery_seconds") == {'{service="tiktok"}': 25.0}
    assert series(text, "outage_mean_time_between_failures_seconds") == {}
    counts = {'{service="tiktok"}': 1.0, '{service="youtube_shorts"}': 0.0}
    assert series(text, "outage_incidents_total") == counts


async def test_what_came_of_reports_is_counted_while_they_are_taken() -> None:
    told, intake = running(), Intake(lambda signal, reading: None, lambda: NOW)
    assert "outage_reports_" not in b"".join(exposition(told.page, Own(), told.store, False, intake=intake)).decode()
    taken = Signal("own", "reports", Options(), 60.0, ("tiktok",))
    intake.apply(replace(told.store.config, signals=(taken,)))
    for visitor in (b"one", b"two", b"two"):
        await intake.take(Report(visitor, "tiktok", "feed", has_words=visitor == b"one"))
    text = b"".join(exposition(told.page, Own(), told.store, False, intake=intake)).decode()
    feed, whole = '{service="tiktok",feature="feed"}', '{service="tiktok",feature=""}'
    assert series(text, "outage_reports_accepted_total") == {feed: 2.0, whole: 2.0}
    assert series(text, "outage_reports_refused_total")['{reason="repeated"}'] == 1.0
    assert "\noutage_reports_with_words_total 1\n" in text
    intake.close()


def test_parsers_and_promtool_take_it_all(tmp_path: Path) -> None:
    told, history = running(), History(tmp_path)
    told.store.hear(
        heard(),
        [crowd("own", "reports"), crowd("bluesky", "jetstream", out_of=9), crowd("reviews", "appstore", alone=False)],
    )
    told.store.judge()
    intake = Intake(lambda signal, reading: None, lambda: NOW)
    intake.apply(replace(told.store.config, signals=(Signal("own", "reports", Options(), 60.0, ("tiktok",)),)))
    known = {"tiktok": history.incidents.statistics("tiktok", NOW)}
    history.close()
    text, openmetrics = (
        b"".join(exposition(told.page, Own(), told.store, om, known, intake)).decode() for om in (False, True)
    )
    families = {family.name for family in parse_text(text)}
    assert {
        "outage_reports",
        "outage_signal_errors",
        "outage_incidents",
        "outage_reports_refused",
        "outage_corroboration_score",
    } <= families
    assert families == {family.name for family in parse_openmetrics(openmetrics)}
    linted = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert linted.stderr == ""
