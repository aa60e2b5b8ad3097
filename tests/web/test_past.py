"""The history of a service: every incident that is kept, where feeds link to, and what others document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporter import languages, web
from exporter.model import Answer
from exporter.web import past
from exporter.web.past import past_page
from exporter.web.service import service_page
from exporter.web.site import Place
from tests.stack.browser.scenes import staged
from tests.web.reading import Element, read


def shown(site: web.Site, code: str = "en") -> Element:
    return read(past_page(site, "tiktok", Place(languages.of(code))))


def test_an_incident_says_what_where_how_long_and_why(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        page = shown(site)
    open_one, degraded, *_ = page.all("article")
    assert open_one.attributes["id"] == "tiktok-5"
    assert open_one.one("h3").text == "down still open"
    about = open_one.one("dl").text
    assert "Affected Feed, Videos, Login, Uploads, LIVE, API and Ads" in about
    assert "Where here, eu-west, us-east, us-west and ap-south" in about
    assert "Likely cause incident at a provider. Oracle Cloud has an incident open in us-ashburn-1" in about
    assert "feed is down in 5 of 5 regions" in open_one.one("details").text
    assert degraded.one("h3").text == "degraded 25 min"


def test_what_was_said_then_is_marked_as_english_in_another_language(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        said = shown(site, "de").all("article")[0].one("details").all("li")[0]
    assert said.one("span").attributes["lang"] == "en"
    assert said.one("span").text.startswith("feed is down")


def test_what_others_document_is_apart_and_names_its_source(tmp_path: Path) -> None:
    with staged("up", tmp_path) as site:
        documented = [one.text for one in shown(site).one("ul", class_="documented").all("li")]
    assert "3 Mar 20 h Oracle Cloud in Ashburn. Source: News Ghana, ET" in documented
    assert documented[-1] == "15 Nov 2019 length not known A server glitch, for several hours. Source: a single article"


def test_how_often_and_how_long_is_told_for_a_month_and_a_year(tmp_path: Path) -> None:
    with staged("up", tmp_path) as site:
        numbers = [one.text for one in shown(site).one("dl", class_="numbers").all("div")]
    assert numbers[1] == "Outages in 30 days 1 43 min"
    assert numbers[2].startswith("Not down in 365 days 99.9")
    assert numbers[3] == "Outages in 365 days 3 typically 43 min, at most 1 h 30 min"


def test_older_incidents_keep_their_place_in_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "WHOLE", 2)
    with staged("up", tmp_path) as site:
        page = shown(site)
    assert [one.attributes["id"] for one in page.all("article")] == ["tiktok-4", "tiktok-3"]
    lines = [one for one in page.all("li") if one.attributes.get("id")]
    assert [one.attributes["id"] for one in lines] == ["tiktok-2", "tiktok-1"]
    assert "1 h 30 min" in lines[0].text


def test_one_that_came_back_is_said_to_have(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        verdict, at = site.store.verdicts["tiktok"], site.store.since["tiktok"]
        site.history.incidents.note(replace(verdict, answer=Answer.UP, since=None), at + 60.0)
        site.history.incidents.note(replace(verdict, since=at + 120.0), at + 120.0)
        assert "came back 1 time" in shown(site).all("article")[0].text


def test_a_service_without_a_past_says_so(tmp_path: Path) -> None:
    with staged("new", tmp_path) as site:
        assert "No outage has been seen since this page began to watch." in shown(site).one(data_live="seen").text


def test_a_history_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with staged("up", tmp_path) as site:
        site.history.close()
        page = shown(site)
    assert "The history cannot be read at the moment." in page.one("main").text
    assert page.one("h1").text == "Outages of TikTok"


def test_an_end_that_nobody_saw_gives_no_length_anywhere(tmp_path: Path) -> None:
    with staged("up", tmp_path) as site:
        verdict, now = site.store.verdicts["tiktok"], site.store.since["tiktok"]
        down = replace(verdict, answer=Answer.DOWN, since=now - 36000.0)
        site.history.incidents.note(down, now - 36000.0)
        site.history.incidents.note(verdict, now)
        page = shown(site)
        glance = read(service_page(site, "tiktok", Place(languages.of("en")))).one("section", id="glance")
    assert page.all("article")[0].one("h3").text == "down length not known"
    assert [one.text for one in page.one("dl", class_="numbers").all("div")][1] == "Outages in 30 days 2 43 min"
    assert "length not known" in glance.text


def test_a_month_whose_only_outage_nobody_saw_end_has_no_length(tmp_path: Path) -> None:
    with staged("new", tmp_path) as site:
        verdict, now = site.store.verdicts["tiktok"], site.store.since["tiktok"]
        site.history.incidents.note(replace(verdict, answer=Answer.DOWN, since=now - 36000.0), now - 36000.0)
        site.history.incidents.note(replace(verdict, answer=Answer.UP), now)
        numbers = [one.text for one in shown(site).one("dl", class_="numbers").all("div")]
    assert numbers[1] == "Outages in 30 days 1 length not known"
