"""The first page, and what all public pages have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from exporter import languages, web
from exporter.history import History
from exporter.metrics import Own
from exporter.model import CONTROLS, Config, Feature, Pair, Service
from exporter.web.home import home_page
from exporter.web.past import past_page
from exporter.web.service import service_page
from exporter.web.site import Place
from tests.configurations import NOW, Running, config, endpoint, failed, ok, region
from tests.stack.browser.scenes import staged
from tests.web.reading import Element, read

ENGLISH = Place(languages.of("en"))
NASTY = "<script>alert('&1')</script>\"><img src=x onerror=alert(2)>"


class Sites:
    """Sites over configurations made in code."""

    def __init__(self, folder: Path) -> None:
        self._history = History(folder)

    def of(self, running: Running) -> web.Site:
        async def reload() -> list[str]:
            return []

        return web.Site(running.store, running.page, Own(), self._history, reload, lambda: True)

    def close(self) -> None:
        self._history.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    made = Sites(tmp_path)
    yield made
    made.close()


def many(count: int) -> Config:
    """So many services of one endpoint each."""
    here = region("here")
    services = tuple(
        Service(f"service_{n}", f"Service {n}", (Feature("feed", True, (endpoint(f"e{n}", service=f"service_{n}"),)),))
        for n in range(count)
    )
    control = endpoint("gstatic", "internet", CONTROLS)
    endpoints = [one for service in services for feature in service.features for one in feature.endpoints]
    return Config(services, (control,), (here,), tuple(Pair(one, here) for one in (*endpoints, control)))


def cards(page: Element) -> list[str]:
    return [one.text for one in page.all("li", class_="card")]


def test_each_service_has_its_answer_in_a_word_a_shape_and_a_sentence(sites: Sites) -> None:
    running = Running(config("home"))
    running.take("gstatic", ok(), CONTROLS)
    running.take("home", ok())
    page = read(home_page(sites.of(running), ENGLISH))
    card = page.one(data_live="services").one("li")
    assert card.text == "Is TikTok down? No TikTok is up."
    assert card.one("use").attributes["href"] == "#i-up"
    assert card.one("a").attributes["href"] == "/tiktok"


def test_alternatives_stand_apart(sites: Sites) -> None:
    page = read(home_page(sites.of(Running(config("home"))), ENGLISH))
    assert [one.text for one in page.all("h2")] == ["Watched here", "Where people go meanwhile"]
    assert cards(page.one(data_live="alternatives"))[0].startswith("Is YouTube Shorts down?")


def test_among_two_hundred_services_those_in_trouble_come_first(sites: Sites) -> None:
    running = Running(many(200))
    for back in (20.0, 15.0, 5.0):
        for key in running.store.records:
            bad = key[0] == "service_150"
            running.store.record(key, failed(started=NOW - back) if bad else ok(started=NOW - back + 1.0))
    running.store.judge()
    found = cards(read(home_page(sites.of(running), ENGLISH)))
    assert len(found) == 200
    assert found[0] == "Is Service 150 down? Yes Service 150 is down."
    assert found[1] == "Is Service 0 down? No Service 0 is up."


def test_no_services_at_all_is_a_page_too(sites: Sites) -> None:
    assert read(home_page(sites.of(Running(Config((), (), (), ()))), ENGLISH)).one("h1").text == "Is it down?"


def test_a_service_that_is_probed_nowhere_here_says_so_and_takes_no_reports(sites: Sites) -> None:
    page = read(service_page(sites.of(Running(config("home"))), "youtube_shorts", ENGLISH))
    assert page.one("h1").text == "Is YouTube Shorts down? Can't tell"
    assert page.one(data_live="grid").text == "By feature and region Nothing is probed from here."
    assert not page.all("form")


@pytest.mark.parametrize("code", languages.codes())
def test_what_strangers_and_operators_wrote_is_text_on_every_page(sites: Sites, code: str) -> None:
    loaded = config("home")
    tiktok = loaded.services[0]
    feed = replace(
        tiktok.features[0], name=NASTY, endpoints=tuple(replace(e, feature=NASTY) for e in tiktok.features[0].endpoints)
    )
    hostile = replace(tiktok, title=NASTY, features=(feed,), support=f"javascript:{NASTY}")
    here = replace(loaded.regions[0], name="here")
    pairs = tuple(
        Pair(replace(p.endpoint, feature=NASTY) if p.endpoint.service == "tiktok" else p.endpoint, here)
        for p in loaded.pairs
    )
    running = Running(replace(loaded, services=(hostile, *loaded.services[1:]), pairs=pairs))
    for back in (20.0, 15.0, 5.0):
        running.take("home", failed(started=NOW - back, message=NASTY))
        running.take("gstatic", ok(started=NOW - back + 1.0), CONTROLS)
    site, place = sites.of(running), Place(languages.of(code))
    site.history.incidents.note(running.store.verdicts["tiktok"], NOW)
    for page in (home_page(site, place), service_page(site, "tiktok", place), past_page(site, "tiktok", place)):
        root = read(page)
        assert not root.all("img")
        assert [one.attributes["src"].partition("?")[0] for one in root.all("script")] == ["/static/page.js"]
        assert not [one for one in root.all("a") if one.attributes["href"].startswith("javascript")]
        assert "<script>alert('&1')" in root.one("body").text
        for one in root.all():
            assert not [name for name in one.attributes if name.startswith("on")]


async def test_every_link_of_every_page_leads_to_something(tmp_path: Path) -> None:
    with staged("down", tmp_path) as site:
        async with TestClient(TestServer(web.application(site))) as client:
            seen, waiting = set(), ["/", "/tiktok", "/tiktok/history"]
            while waiting:
                path = waiting.pop()
                async with client.get(path) as answer:
                    assert answer.status == 200, path
                    if answer.content_type != "text/html":
                        continue
                    page = read(await answer.text())
                ids = {one.attributes.get("id") for one in page.all()}
                for link in (*page.all("a"), *page.all("link"), *page.all("script")):
                    found = urlsplit(urljoin(path, link.attributes.get("href") or link.attributes["src"]))
                    assert found.netloc or found.path != path or not found.fragment or found.fragment in ids
                    address = found._replace(fragment="").geturl()
                    if not found.netloc and address not in seen:
                        seen.add(address)
                        waiting.append(address)
    assert {"/de/tiktok/history", "/tiktok/feed.atom", "/youtube_shorts", "/tiktok/badge.svg"} <= seen


@pytest.mark.parametrize("path", ["/nothing", "/de/nothing", "/nothing/history", "/xx/tiktok"])
async def test_what_is_not_watched_is_told_in_a_sentence(tmp_path: Path, path: str) -> None:
    with staged("pending", tmp_path) as site:
        async with TestClient(TestServer(web.application(site))) as client, client.get(path) as answer:
            assert answer.status == 404
            assert (await answer.text()).startswith("404: ")


async def test_a_slash_too_many_leads_to_the_page_and_head_has_no_body(tmp_path: Path) -> None:
    with staged("pending", tmp_path) as site:
        async with TestClient(TestServer(web.application(site))) as client:
            async with client.get("/tiktok/", allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (308, "/tiktok")
            async with client.head("/de/tiktok") as answer:
                assert (answer.status, await answer.read()) == (200, b"")
                assert "connect-src 'self' https://www.tiktok.com" in answer.headers["Content-Security-Policy"]
