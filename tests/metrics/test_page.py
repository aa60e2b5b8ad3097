"""The metrics page, read by the formats' own parsers, by promtool, and byte for byte."""

from __future__ import annotations

import math
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import kinds
from exporter.metrics import Own, exposition
from exporter.metrics.geohash import geohash
from exporter.metrics.text import escape
from exporter.model import OBJECTIVE, Buckets, Config, Location, Pair, Reason
from exporter.state import Record
from exporter.web.metrics import wants_openmetrics
from tests.configurations import NOW, Running, config, endpoint, failed, ok, region

GOLDEN = Path(__file__).with_name("golden.prom")


def page(running: Running, openmetrics: bool = False) -> str:
    return b"".join(exposition(running.page, Own(), running.store, openmetrics)).decode()


def values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in parse_text(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    wanted = set(labels.items())
    matching = [v for (n, pairs), v in values(text).items() if n == name and wanted <= set(pairs)]
    assert len(matching) <= 1
    return matching[0] if matching else None


def outage() -> Running:
    running = Running(config("home", "page", histograms=True))
    running.take("gstatic", ok(), "controls")
    running.take("home", ok())
    running.take("page", failed())
    return running


def test_the_page_is_what_it_was_byte_for_byte() -> None:
    said = page(outage()).partition("# HELP process_")[0].partition("# HELP outage_exporter_")[0]
    assert said == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_formats_own_parsers_read_it(openmetrics: bool) -> None:
    text = page(outage(), openmetrics)
    families = list((parse_openmetrics if openmetrics else parse_text)(text))
    assert text.endswith("# EOF\n") is openmetrics
    assert {"probe_success", "outage_verdict", "probe_all_duration_seconds"} <= {family.name for family in families}


def test_promtool_finds_nothing_but_the_names_that_others_chose() -> None:
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=page(outage()), capture_output=True, text=True, check=False
    )
    complaints = [line for line in found.stderr.splitlines() if line]
    # promtool's linter takes `_info` gauges and the rest as they are; nothing of ours may be complained of.
    assert complaints == []


@pytest.mark.parametrize("kind", kinds.names("probes"))
def test_every_family_of_every_kind_is_taken_by_the_parsers_and_by_promtool(kind: str) -> None:
    module = kinds.module("probes", kind)
    options = module.Options(query_name="example.org") if kind == "dns" else module.Options()
    families = module.families(options) if hasattr(module, "families") else module.FAMILIES
    samples = {(f.name, *("x" for _ in f.labels)) if f.labels else f.name: 1.0 for f in families}
    here, ours = region("here"), replace(endpoint("home"), kind=kind, options=options)
    running = Running(Config((), (), (here,), (Pair(ours, here),)))
    running.take("home", replace(ok(), samples=samples))
    assert {family.name for family in parse_openmetrics(page(running, openmetrics=True))} >= {f.name for f in families}
    linted = subprocess.run(
        ["promtool", "check", "metrics"], input=page(running), capture_output=True, text=True, check=False
    )
    assert linted.stderr == ""


def test_before_the_first_result_the_counters_stand_at_zero_and_no_value_is_shown() -> None:
    text = page(Running(config("home")))
    assert value(text, "probe_attempts_total", endpoint="home") == 0
    for reason in Reason:
        assert value(text, "probe_failures_total", endpoint="home", reason=reason) == 0
    assert value(text, "probe_last_run_timestamp_seconds", endpoint="home") == 0
    assert value(text, "probe_success", endpoint="home") is None


def test_the_gauges_show_the_scheduled_run_and_the_counters_every_attempt() -> None:
    running = Running(config("home"))
    running.take("home", ok())
    running.take("home", failed(attempt=1))
    text = page(running)
    assert value(text, "probe_success", endpoint="home") == 1
    assert value(text, "probe_attempts_total", endpoint="home") == 2
    assert value(text, "probe_failures_total", endpoint="home", reason="connect") == 1


def test_a_sample_that_the_next_run_does_not_have_is_gone() -> None:
    running = Running(config("home"))
    running.take("home", ok())
    assert value(page(running), "probe_tls_version_info", endpoint="home") == 1
    running.take("home", failed())
    assert value(page(running), "probe_tls_version_info", endpoint="home") is None


def test_a_pair_that_is_removed_takes_all_its_series_along_and_others_keep_theirs() -> None:
    running = Running(config("home", "page"))
    for name in ("home", "page"):
        running.take(name, ok())
    running.apply(config("home"))
    text = page(running)
    assert 'endpoint="page"' not in text
    assert value(text, "probe_attempts_total", endpoint="home") == 1


def test_latency_is_of_successes_only_and_the_summary_of_all() -> None:
    text = page(outage())
    assert value(text, "probe_all_duration_seconds_count", endpoint="page") == 0
    assert value(text, "probe_all_duration_seconds_count", endpoint="home") == 1
    assert value(text, "probe_all_duration_seconds_bucket", endpoint="home", le="0.25") == 1
    assert value(text, "probe_all_duration_seconds_bucket", endpoint="home", le="0.1") == 0
    assert value(text, "probe_all_success_sum", endpoint="page") == 0
    assert value(text, "probe_all_success_count", endpoint="page") == 1


def test_the_verdict_is_one_of_its_words() -> None:
    text = page(outage())
    said = {word: value(text, "outage_verdict", service="tiktok", verdict=word) for word in ("up", "down", "unknown")}
    assert sorted(said.values()) == [0, 0, 1]
    assert value(text, "outage_region_seeing", region="here") == 1
    assert value(text, "probe_info", endpoint="home") == 1


def test_every_shard_tells_what_there_is_of_all_services() -> None:
    text = page(Running(config("home")))
    assert value(text, "probe_attempts_total", service="youtube_shorts") is None
    assert value(text, "outage_service_info", service="youtube_shorts", title="YouTube Shorts") == 1
    assert value(text, "outage_service_info", service="tiktok", title="TikTok") == 1
    assert value(text, "outage_feature_info", service="youtube_shorts", feature="watch", core="true") == 1
    assert value(text, "outage_feature_info", service="youtube_shorts", feature="post", core="false") == 1
    assert value(text, "outage_alternative_info", service="tiktok", alternative="youtube_shorts") == 1
    assert value(text, "outage_alternative_info", service="youtube_shorts") is None
    assert value(text, "outage_service_objective_ratio", service="tiktok") == OBJECTIVE
    assert value(text, "outage_service_objective_ratio", service="youtube_shorts") == 0.99


def test_a_title_of_another_reload_replaces_the_old_one() -> None:
    running = Running(config("home"))
    loaded = config("home")
    renamed = replace(loaded.services[0], title='"Tik"\\Tok', alternatives=())
    running.apply(replace(loaded, services=(renamed,)))
    text = page(running)
    assert value(text, "outage_service_info", title='"Tik"\\Tok') == 1
    assert value(text, "outage_service_info", service="tiktok") == 1
    assert "outage_alternative_info" not in text


def test_a_pair_that_stalls_loses_its_gauges_and_keeps_its_counters() -> None:
    running = Running(config("home", "page"))
    interval = running.store.records["tiktok", "home", "here"].pair.endpoint.interval
    running.take("home", ok(started=NOW - 3 * interval))
    running.take("page", ok())
    text = page(running)
    assert value(text, "probe_success", endpoint="home") is None
    assert value(text, "probe_tls_version_info", endpoint="home") is None
    assert value(text, "probe_last_run_timestamp_seconds", endpoint="home") == NOW - 3 * interval
    assert value(text, "probe_attempts_total", endpoint="home") == 1
    assert value(text, "probe_success", endpoint="page") == 1
    running.take("home", ok())
    assert value(page(running), "probe_tls_version_info", endpoint="home") == 1


def test_a_new_pair_in_the_place_of_a_removed_one_inherits_nothing() -> None:
    running = Running(config("home", histograms=True))
    running.take("home", failed())
    running.take("home", ok())
    running.apply(config("page", histograms=True))
    fresh = Running(config("page", histograms=True))
    shown, expected = (b"".join(each.page.pieces(each.store, False)).splitlines() for each in (running, fresh))
    assert set(shown) == set(expected)


def test_histograms_that_are_switched_off_by_a_reload_disappear() -> None:
    running = Running(config("home", histograms=True))
    running.take("home", ok())
    running.apply(config("home", histograms=False))
    running.take("home", ok())
    assert "probe_all_duration_seconds" not in page(running)
    assert value(page(running), "probe_all_success_count", endpoint="home") == 2


def http(histograms: Buckets) -> Running:
    """An attempt of an http endpoint that took 0.25 s, all of it to connect."""
    here, ours = (
        region("here"),
        replace(endpoint("home"), kind="http", options=kinds.module("probes", "http").Options()),
    )
    running = Running(Config((), (), (here,), (Pair(ours, here),), histograms=histograms))
    running.take("home", ok())
    return running


@pytest.mark.parametrize("openmetrics", [False, True])
def test_phases_of_http_are_a_summary_of_sums_and_counts(openmetrics: bool) -> None:
    text = page(http(True), openmetrics)
    name = "probe_http_all_duration_seconds"
    assert f"# TYPE {name} summary\n" in text
    assert f"{name}_bucket" not in text
    assert "probe_all_duration_seconds_bucket{" in text
    (family,) = [each for each in (parse_openmetrics if openmetrics else parse_text)(text) if each.name == name]
    found = {(sample.name.removeprefix(name), sample.labels["phase"]): sample.value for sample in family.samples}
    assert len(found) == 10
    assert (found["_sum", "connect"], found["_count", "connect"]) == (0.25, 1)
    assert (found["_sum", "tls"], found["_count", "tls"]) == (0, 1)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_phases_of_http_are_histograms_when_they_are_asked_for(openmetrics: bool) -> None:
    text = page(http("phases"), openmetrics)
    assert "# TYPE probe_http_all_duration_seconds histogram\n" in text
    families = {family.name: family for family in (parse_openmetrics if openmetrics else parse_text)(text)}
    samples = families["probe_http_all_duration_seconds"].samples
    connect = {sample.labels.get("le"): sample.value for sample in samples if sample.labels["phase"] == "connect"}
    assert (connect["0.1"], connect["0.25"], connect["+Inf"]) == (0, 1, 1)


def test_a_reload_changes_the_form_of_the_phases_and_leaves_nothing_of_the_other() -> None:
    running = http(True)
    record = running.store.records["tiktok", "home", "here"]
    for histograms, kind in (("phases", "histogram"), (True, "summary")):
        running.page.add(record, histograms)
        running.take("home", ok())
        assert [line for line in page(running).splitlines() if "TYPE probe_http_all" in line] == [
            f"# TYPE probe_http_all_duration_seconds {kind}"
        ]


def test_every_value_that_changes_is_seen_to_change() -> None:
    running = Running(config("home"))
    for number in (4.0, 6.0, math.nan, math.inf, 4.0):
        running.take("home", replace(ok(), samples={"probe_ip_protocol": number}))
        assert value(page(running), "probe_ip_protocol", endpoint="home") == pytest.approx(number, nan_ok=True)


def test_a_sample_of_a_family_that_the_kind_does_not_name_is_a_fault_of_ours() -> None:
    running = Running(config("home"))
    with pytest.raises(KeyError):
        running.take("home", replace(ok(), samples={"probe_surprise": 1.0}))


def test_what_a_certificate_says_cannot_break_the_page() -> None:
    running = Running(config("home"))
    subject = 'CN="a\\b"\n\ud800'
    leaf = ("probe_ssl_last_chain_info", "f", subject, "i", "a", "s")
    running.take("home", replace(ok(), samples={leaf: 1.0}))
    assert value(page(running), "probe_ssl_last_chain_info", subject='CN="a\\b"\n?') == 1


def test_a_targets_credentials_are_not_shown() -> None:
    running = Running(config("home"))
    ours = endpoint("secret", target="https://ann:secret@www.example:8443/path?q=1")
    running.page.add(Record(Pair(ours, region("here"))), histograms=False)
    assert value(page(running), "probe_info", url="https://www.example:8443/path?q=1", host="www.example") == 1


def test_openmetrics_names_a_counters_family_without_total() -> None:
    text = page(outage(), openmetrics=True)
    assert "# TYPE probe_failures counter\n" in text
    assert "\nprobe_failures_total{" in text
    assert 'le="1.0"' in text
    assert 'le="1"' not in text


def test_labels_are_escaped() -> None:
    assert escape('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        (
            "application/vnd.google.protobuf;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5",
            True,
        ),
        ("application/openmetrics-text;q=much", False),
    ],
)
def test_the_format_is_what_the_scraper_prefers(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


def test_a_geohash_is_that_of_the_known_place() -> None:
    assert geohash(Location(57.64911, 10.40744)) == "u4pruy"
    assert geohash(Location(-25.382708, -49.265506)) == "6gkzwg"


def test_the_time_of_the_last_run_is_that_of_its_start() -> None:
    assert value(page(outage()), "probe_last_run_timestamp_seconds", endpoint="home") == NOW
