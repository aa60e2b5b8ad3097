"""A service's page: what stands on it for each verdict, and what must never."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from exporter import languages
from exporter.web import assets
from exporter.web.service import glance, service_page
from exporter.web.site import Place
from tests.stack.browser.scenes import QUOTE, SCENES, Scene, staged
from tests.web.reading import Element, read

ENGLISH = Place(languages.of("en"))

Shown = Callable[..., Element]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The page of a service in a scene, read."""

    @cache
    def show(scene: str, name: str = "tiktok", code: str = "en") -> Element:
        with staged(scene, tmp_path_factory.mktemp(scene)) as site:
            return read(service_page(site, name, Place(languages.of(code))))

    return show


@pytest.mark.parametrize(
    ("scene", "answer", "word", "headline"),
    [
        ("up", "up", "No", "TikTok is up."),
        ("degraded", "degraded", "Partly", "TikTok is up by our probes, but its users report problems."),
        ("partial", "partial", "Partly", "TikTok is partly down."),
        ("down", "down", "Yes", "TikTok is down."),
        ("line", "unknown", "Can't tell", "We can't tell whether TikTok is down."),
        ("blocked", "up", "No", "TikTok is up, but blocked in IN."),
        ("pending", "unknown", "Can't tell", "We can't tell whether TikTok is down."),
    ],
)
def test_the_answer_is_a_word_a_shape_and_a_sentence(
    shown: Shown, scene: str, answer: str, word: str, headline: str
) -> None:
    page = shown(scene)
    top = page.one("section", id="glance")
    assert top.attributes["data-answer"] == answer
    assert page.one("h1").text == f"Is TikTok down? {word}"
    assert top.one("h1").one("use").attributes["href"] == f"#i-{answer}"
    assert top.one("p", class_="headline").text == headline
    assert page.one("head").one("title").text == f"{word.upper()} - Is TikTok down?"
    assert page.one("link", rel="icon").attributes["href"].startswith(f"/static/icon-{answer}.svg")


def test_what_is_hit_and_where_stands_beside_the_answer(shown: Shown) -> None:
    facts = shown("partial").one("dl", class_="facts").text
    assert "Affected Uploads LIVE" in facts
    assert "Where: in 3 of 5 regions here us-east us-west" in facts
    assert "Likely cause technical" in facts
    assert "Confidence high" in facts


def test_while_it_is_up_no_likely_cause_stands_beside_the_answer(shown: Shown) -> None:
    page = shown("blocked")
    assert "Likely cause" not in page.one("dl", class_="facts").text
    assert "TikTok is blocked in IN" in page.text


def test_while_it_is_up_the_last_outage_is_named_and_what_was_only_degraded_is_none(shown: Shown) -> None:
    said = shown("up").one("div", class_="say").all("p")[-1].text
    assert said.startswith("Last outage: ")
    assert said.endswith("UTC, 43 min")


def test_what_is_the_same_of_all_features_is_said_once(shown: Shown) -> None:
    sentences = [one.text for one in shown("down").one("ul", class_="sentences").all("li")]
    assert sentences[0] == (
        "feed, video, login, upload, live, api and ads are down in 5 of 5 regions "
        "(here, eu-west, us-east, us-west, ap-south): no answer within 10 s."
    )
    assert len(sentences) == 3


def test_officials_are_quoted_once_with_a_link_that_tells_them_nothing_of_the_reader(shown: Shown) -> None:
    page = shown("down")
    assert page.one("figure", class_="quote").one("blockquote").text == QUOTE.quote
    link = page.one("figure", class_="quote").one("a")
    assert (link.attributes["href"], link.attributes["rel"]) == (QUOTE.url, "noopener noreferrer")
    assert page.one("section", id="glance").text.count(QUOTE.quote) == 1


def test_an_officials_address_that_is_a_command_is_no_link(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = replace(QUOTE, url="javascript:alert(1)", quote="<img src=x onerror=alert(1)>")
    monkeypatch.setitem(SCENES, "hostile", Scene(notices={"tiktok_business": notice}))
    page = shown("hostile")
    assert page.one("blockquote").text == "<img src=x onerror=alert(1)>"
    assert not page.one("figure", class_="quote").all("a")
    assert not page.all("img")


def test_before_the_first_probes_it_says_that_they_are_under_way(shown: Shown) -> None:
    page = shown("pending")
    assert (
        "The first probes are under way: the answer comes within a minute or two."
        in page.one("div", class_="band").text
    )
    assert "Not probed yet" in page.one("footer").text
    assert "Since" not in page.one("div", class_="band").text


def test_when_our_line_is_cut_it_says_that_it_is_ours_and_not_the_readers(shown: Shown) -> None:
    page = shown("line")
    said = page.one("section", id="glance").text
    assert "the line that is cut is ours, not yours" in said
    assert "your end" not in said
    assert "Each of here, eu-west, us-east, us-west and ap-south is blind: none of its 3 controls answers." in said
    assert page.one(data_live="advice").all("li")[0].text.startswith("It is our own line that is cut")


@pytest.mark.parametrize(
    ("scene", "first"),
    [
        ("up", "Open another site or app."),
        ("down", "Wait: "),
        ("partial", "Wait: "),
        ("degraded", "Check your own line"),
    ],
)
def test_what_to_do_depends_on_the_verdict(shown: Shown, scene: str, first: str) -> None:
    advice = shown(scene).one(data_live="advice")
    assert advice.all("li")[0].text.startswith(first)
    assert advice.one("a").attributes["href"] == "https://support.tiktok.com/"


def test_alternatives_that_work_come_first_and_one_that_is_down_is_said_to_be(shown: Shown) -> None:
    found = [one.text for one in shown("down").one(data_live="alternatives").all("li")]
    assert found == ["YouTube Shorts up", "Snapchat Spotlight up", "Instagram Reels down"]


def test_none_is_recommended_when_none_is_known_to_work(shown: Shown) -> None:
    page = shown("line").one(data_live="alternatives")
    assert "None of these is known to work right now" in page.text
    assert page.all("li")[0].text == "YouTube Shorts unknown"


def test_a_service_without_alternatives_names_none(shown: Shown) -> None:
    assert not shown("up", "youtube_shorts").all(data_live="alternatives")


def test_few_regions_are_columns_and_many_are_lines(shown: Shown) -> None:
    few, many = (shown(scene).one("table", class_="grid") for scene in ("partial", "many"))
    assert [one.text for one in few.one("thead").all("th")][:2] == ["Feature", "here"]
    assert few.one("tbody").all("tr")[3].text == "Uploads down up down down up"
    assert [one.text for one in many.one("thead").all("th")][:2] == ["Region", "Feed"]
    assert len(many.one("tbody").all("tr")) == 30


def test_nobody_watched_is_never_drawn_as_up(shown: Shown) -> None:
    strips = shown("new").one(data_live="strips").all("figure")
    assert len(strips) == 2
    for strip in strips:
        classes = {one.attributes["class"] for one in strip.one("svg").all("path")}
        assert classes <= {"unknown"}
        assert "not watched for" in strip.one("figcaption").text


def test_who_looks_from_one_region_is_not_told_where(shown: Shown) -> None:
    facts = shown("alone").one("dl", class_="facts").text
    assert facts.startswith("Affected Uploads")
    assert "Where" not in facts


def test_no_outage_has_no_length(shown: Shown) -> None:
    numbers = [one.text for one in shown("new").one("dl", class_="numbers").all("div")]
    assert numbers[1::2] == ["Outages in 30 days 0", "Outages in 365 days 0"]


def test_every_axis_ends_now_where_a_phone_has_room_for_every_second_word_only(shown: Shown) -> None:
    axes = [
        [word.text for word in (*axis.all("time"), *axis.all("span"))] for axis in shown("up").all("p", class_="axis")
    ]
    assert {len(words) for words in axes} == {5}
    assert [words[::2][-1] for words in axes] == ["now", "today", "now", "now"]


def test_charts_say_in_words_what_they_draw(shown: Shown) -> None:
    charts = shown("down").one(data_live="charts")
    pace, reports = (one.text for one in charts.all("figcaption"))
    assert pace.startswith("Time to answer 1")
    assert "of probes that failed" in pace
    assert reports.startswith("Reports by people at most 1")
    assert re.search(r"Dashed: what is usual, [3-6](\.5)? now\.", reports)
    assert len(charts.one("tbody").all("tr")) == 24


def test_what_was_heard_before_the_day_is_not_drawn_into_it(tmp_path: Path) -> None:
    with staged("down", tmp_path, now=time.time() - 6 * 3600.0) as site:
        charts = read(service_page(site, "tiktok", ENGLISH)).one(data_live="charts")
    drawn = [one.attributes["d"] for one in charts.all("path")]
    assert len(drawn) == 5
    assert not [path for path in drawn if "M-" in path]


def test_how_long_probes_took_hours_ago_is_not_said_to_be_now(tmp_path: Path) -> None:
    with staged("up", tmp_path, now=time.time() - 6 * 3600.0) as site:
        said = read(service_page(site, "tiktok", ENGLISH)).one("figcaption", id="chart-pace").text
    assert said.startswith("Time to answer no probe was fine in the last 15 minutes, but between 1")


def test_past_outages_say_how_often_how_long_and_what_others_document(shown: Shown) -> None:
    past = shown("up").one(data_live="past")
    assert "Outages in 365 days 3 typically 43 min, at most 1 h 30 min" in past.text
    assert "Documented by others 12 Mar" in past.text
    assert past.all("li")[0].text.startswith("degraded")
    assert past.all("a")[0].attributes["href"] == "/tiktok/history#tiktok-4"


def test_a_history_that_cannot_be_read_leaves_the_answer(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        site.history.close()
        page = read(service_page(site, "tiktok", ENGLISH))
    assert page.one("h1").text == "Is TikTok down? Yes"
    assert page.one(data_live="strips").text == "Lately The history cannot be read at the moment."
    assert "The history cannot be read at the moment." in page.one(data_live="past").text


def test_another_language_tells_all_that_is_ours(shown: Shown) -> None:
    page = shown("down", code="de")
    assert page.one("html").attributes["lang"] == "de"
    assert page.one("h1").text == "Ist TikTok down? Ja"
    assert page.one("section", id="glance").all("li")[0].text.startswith("Feed, Videos, Anmeldung")
    assert page.one("link", rel="canonical").attributes["href"] == "/de/tiktok"
    assert {
        one.attributes["hreflang"] for one in page.all("link", rel="alternate") if "hreflang" in one.attributes
    } == {
        "en",
        "de",
    }
    for english in ("What to do", "Past outages", "regions", "Last probed"):
        assert english not in page.one("body").text


def test_what_an_event_brings_is_what_stands_on_the_page(tmp_path: Path) -> None:
    with staged("partial", tmp_path) as site:
        brought = glance(site, "tiktok", ENGLISH)
        assert brought.html in service_page(site, "tiktok", ENGLISH)


@pytest.mark.parametrize("scene", SCENES)
def test_no_page_needs_what_the_policy_forbids_and_every_reference_leads_somewhere(shown: Shown, scene: str) -> None:
    page = shown(scene)
    ids = [one.attributes["id"] for one in page.all() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for one in page.all():
        assert not [name for name in one.attributes if name == "style" or name.startswith("on")]
        assert one.tag != "script" or (one.attributes["src"] and not one.text)
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(one.attributes.get(name, "").split()) <= set(ids)
        if one.tag == "use":
            assert one.attributes["href"].removeprefix("#") in ids


def test_it_is_small(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        html = len(service_page(site, "tiktok", ENGLISH).encode())
    files = sum(len(assets.assets()[name]) for name in ("style.css", "page.js"))
    assert html < 30_000
    assert html + files < 60_000
