"""The configuration that ships: polite, honest about who asks, and never content with a status alone."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from exporter import budget, config, portion
from exporter.model import State
from exporter.options import compiled, parse_duration
from exporter.tracks import Condition, feature_state
from tests.servers import shapes
from tests.servers.box import SHIPPED
from tests.servers.faults import Mode

CONTENT = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
SERVICES = CONTENT["services"]
FEATURES = SERVICES["tiktok"]["features"]
ALTERNATIVES = SERVICES["tiktok"]["alternatives"]
ENDPOINTS = {
    name: block
    for service in SERVICES.values()
    for feature in service["features"].values()
    for name, block in feature["endpoints"].items()
}
HTTP = {name: block for name, block in (ENDPOINTS | CONTENT["controls"]).items() if "url" in block}


def host_of(block: dict[str, Any]) -> str:
    return urlsplit(block.get("url") or f"//{block['target']}").hostname or ""


def test_the_features_people_ask_about_are_covered() -> None:
    assert set(FEATURES) == {"feed", "video", "login", "upload", "live", "api", "ads"}
    everywhere = [feature for service in SERVICES.values() for feature in service["features"].values()]
    assert sum(len(feature["endpoints"]) for feature in everywhere) == len(ENDPOINTS)


def test_every_other_service_is_an_alternative_with_one_core_feature_and_hosts_of_its_own() -> None:
    assert set(SERVICES) == {"tiktok", *ALTERNATIVES}
    hosts: list[str] = []
    for name in ALTERNATIVES:
        (feature, watch) = next(iter(SERVICES[name]["features"].items()))
        assert (feature, watch["core"], len(SERVICES[name]["features"])) == ("watch", True, 1)
        # One that is retired or turns us away must not make the feature down: both have to fail.
        assert len(watch["endpoints"]) == 2
        hosts += [host_of(block) for block in watch["endpoints"].values()]
    assert len(set(hosts)) == len(hosts)
    assert not set(hosts) & {host_of(block) for feature in FEATURES.values() for block in feature["endpoints"].values()}


def test_no_host_gets_more_than_one_request_a_minute_from_a_region() -> None:
    a_minute: dict[str, float] = defaultdict(float)
    for block in (ENDPOINTS | CONTENT["controls"]).values():
        a_minute[host_of(block)] += 60 / parse_duration(block.get("interval", CONTENT["defaults"]["interval"]))
    assert max(a_minute.values()) <= 1.0 + 1e-9


def test_strangers_are_asked_in_eight_countries_on_five_continents_within_the_quota() -> None:
    loaded = config.load([SHIPPED], {})
    plan = portion.plan(loaded)
    assert plan is not None
    assert (plan["regions"], plan["tests_per_hour"], plan["of"]) == (8, 133, budget.ANONYMOUS)
    assert {region.country for region in loaded.regions} == {None, "US", "BR", "GB", "DE", "ZA", "JP", "ID", "AU"}
    asked = {pair.endpoint.name for pair in loaded.pairs if pair.region.name == "us"}
    assert asked == {"short_links", "canary_bellapoarch", "canary_zachking", "google"}


def test_strangers_see_no_outage_in_a_canary_that_is_deleted() -> None:
    asked = [name for name, block in FEATURES["video"]["endpoints"].items() if block.get("globalping")]
    assert len(asked) >= 2
    assert feature_state([Condition.DOWN, *[Condition.UP] * (len(asked) - 1)], seeing=True) is not State.DOWN


def test_the_canaries_outvote_the_rest_of_their_feature_but_one_or_two_do_not() -> None:
    video = FEATURES["video"]["endpoints"]
    canaries = [name for name in video if name.startswith("canary_")]
    assert len(video) / 2 < len(canaries) == 3


def test_the_controls_have_three_owners() -> None:
    owners = {urlsplit(block["url"]).hostname.split(".")[-2] for block in CONTENT["controls"].values()}
    assert len(owners) == 3


@pytest.mark.parametrize("name", HTTP)
def test_every_request_names_the_project_and_judges_more_than_a_lenient_status(name: str) -> None:
    options: dict[str, Any] = HTTP[name]["http"]
    assert "outage-exporter" in options["headers"]["User-Agent"]
    assert any(key.startswith("fail_if") for key in options) or options["valid_status_codes"] == [204]
    assert name in CONTENT["controls"] or {403, 429} <= set(options["blocked"]["status"])


def test_the_homepage_is_told_from_a_foreign_page_and_from_a_bot_wall() -> None:
    (wanted,) = HTTP["homepage"]["http"]["fail_if_body_not_matches_regexp"]
    walls = HTTP["homepage"]["http"]["blocked"]["body"]
    challenge = b'<html><head><title>Please wait...</title></head><p id="wci" class="_wafchallengeid"></p></html>'
    assert compiled(wanted).search(shapes.SHELL.body)
    assert not compiled(wanted).search(shapes.BROKEN[Mode.WRONG_BODY].body)
    assert not compiled(wanted).search(challenge)
    assert all(
        any(compiled(wall).search(page) for wall in walls) for page in (challenge, shapes.BROKEN[Mode.BLOCKED].body)
    )
    assert not any(compiled(wall).search(shapes.SHELL.body) for wall in walls)


def test_rules_for_robots_are_told_from_every_other_page() -> None:
    (wanted,) = HTTP["youtube_web"]["http"]["fail_if_body_not_matches_regexp"]
    assert compiled(wanted).search(shapes.ROBOTS.body)
    for page in (shapes.SHELL, shapes.BROKEN[Mode.WRONG_BODY], shapes.BROKEN[Mode.BLOCKED]):
        assert not compiled(wanted).search(page.body)


def test_what_a_browser_is_asked_for_is_had_from_two_hosts_and_its_controls_have_three_owners() -> None:
    checks = [service["browser_checks"] for service in SERVICES.values() if "browser_checks" in service]
    assert SERVICES["tiktok"]["browser_checks"] in checks
    assert all(len({registered(url) for url in urls}) == 2 for urls in checks)
    controls = {registered(url) for url in CONTENT["browser_controls"]}
    assert len(controls) == 3
    assert not controls & {registered(url) for urls in checks for url in urls}


def registered(url: str) -> str:
    """The last two parts of its host, which its owner has registered."""
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])
