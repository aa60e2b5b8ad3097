"""An address where nothing is: a page for people in their language, a line for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.reading import read
from tests.web.served import Served

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "language", "home"),
    [
        ("/tiktak", "en", "/"),
        ("/tiktak/history", "en", "/"),
        ("/a/b/c/d", "en", "/"),
        ("/de/tiktak", "de", "/de"),
        ("/de/a/b/c/d", "de", "/de"),
    ],
)
async def test_a_person_gets_a_page_that_leads_to_what_there_is(
    served: Served, path: str, language: str, home: str
) -> None:
    status, text, headers = await served.get_public(path, headers=BROWSER)
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert headers["Cache-Control"] == "no-store"
    page = read(text)
    assert page.one("html").attributes["lang"] == language
    assert page.one("main").one("a").attributes["href"] == home
    assert page.one("title").text == page.one("h1").text != "404"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0, */*"])
async def test_a_program_gets_a_line(served: Served, accept: str) -> None:
    status, text, headers = await served.get_public("/tiktak", headers={"Accept": accept})
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert text == "404: no such service is watched here; / lists those that are.\n"


@pytest.mark.parametrize("accept", ["*/*", BROWSER["Accept"]])
async def test_what_is_wrong_with_a_parameter_is_told_to_people_too(served: Served, accept: str) -> None:
    _, text, _ = await served.get_public("/api/v1/incidents?service=tiktak", headers={"Accept": accept})
    assert text.startswith("404: no service 'tiktak' is configured; there are tiktok")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/TikTok", "/tiktok"),
        ("/de/TIKTOK/history?a=%26b", "/de/tiktok/history?a=%26b"),
        ("/TikTok/feed.atom", "/tiktok/feed.atom"),
    ],
)
async def test_a_services_name_in_capitals_leads_to_its_page(served: Served, written: str, meant: str) -> None:
    async with served.public.get(written, headers=BROWSER, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, meant)
    assert (await served.get_public(written))[0] == 200
