"""What strangers write is shown as they wrote it, and does nothing: in pages, feeds, pictures, JSON and events."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from yarl import URL

from tests.web.nasty import EVIL, MARK, NAME, served
from tests.web.served import Served, sent

PAGES = ("/", "/tiktok", "/tiktok/history", "/other", "/de", "/de/tiktok", "/de/tiktok/history")
OPERATORS = ("/status", "/probes", "/probes?failing", f"/probes?service={quote(EVIL)}", "/config")


class Read(HTMLParser):
    """A page as a browser would take it apart; `wrong` is all of it that a stranger must have written."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        held = dict(attributes)
        if tag in (MARK, "img", "iframe", "object", "embed", "base") or (tag == "script" and not held.get("src")):
            self.wrong.append(tag)
        for name, value in attributes:
            self.said += f" {value}"
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.wrong.append(f"{tag} {name}")
            address = "".join((value or "").split()).lower()
            if name in ("href", "src", "action") and address.startswith(("javascript:", "data:", "vbscript:")):
                self.wrong.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.said += data


def harmless(page: str) -> str:
    """What it says, in words and in attributes; AssertionError when it does anything."""
    read = Read(page)
    assert read.wrong == []
    return read.said


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.mark.parametrize("path", [*PAGES, *OPERATORS])
async def test_a_page_says_it_and_does_nothing(site: Served, path: str) -> None:
    status, page, headers = await site.get(path, headers={"Accept": "text/html"})
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert MARK in harmless(page)
    assert "'unsafe" not in headers["Content-Security-Policy"]


async def test_a_pairs_page_is_found_by_its_link_and_does_nothing(site: Served) -> None:
    _, page, _ = await site.get("/probes")
    link = page.partition('href="/probes/tiktok/')[2].partition('"')[0]
    address = URL(f"http://localhost:{site.port}/probes/tiktok/{link}", encoded=True)
    async with site.session.get(address) as answer:
        said = harmless(await answer.text())
        assert answer.status == 200
    assert said.count(MARK) > 10


@pytest.mark.parametrize("path", PAGES)
async def test_what_stands_in_the_address_or_in_headers_stands_nowhere_else(site: Served, path: str) -> None:
    marked = {"Host": "tracer.example", "Referer": "tracer", "User-Agent": "tracer", "Accept-Language": "tracer"}
    marked |= {"X-Forwarded-Host": "tracer", "X-Forwarded-Proto": "tracer", "Forwarded": "host=tracer"}
    _, page, headers = await site.get(f"{path}?q=tracer&lang=tracer", headers=marked)
    assert "tracer" not in page + str(headers)


async def test_it_is_all_on_the_page_of_the_service(site: Served) -> None:
    said = harmless((await site.get_public("/tiktok"))[1])
    # A title, officials' words and their names, a server's words, why it is blocked, why a signal is silent.
    assert said.count(MARK) > 20
    assert "window.evil=1" in said


@pytest.mark.parametrize("path", ["/tiktok/feed.atom", "/tiktok/badge.svg", "/other/badge.svg"])
async def test_xml_stays_whole(site: Served, path: str) -> None:
    _, text, _ = await site.get_public(path)
    root = ET.fromstring(text)
    assert MARK in "".join(root.itertext())
    assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint({MARK, "script", "img"})
    links = [link.attrib.get("href", "") for link in root.iter("{http://www.w3.org/2005/Atom}link")]
    assert all(link.startswith("../") for link in links)


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/incidents"])
async def test_json_is_told_to_be_nothing_else(site: Served, path: str) -> None:
    _, text, headers = await site.get_public(path)
    assert MARK in json.dumps(json.loads(text))
    assert headers["Content-Type"].startswith("application/json")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("language", ["", "/de"])
async def test_an_event_is_one_event_and_its_html_harmless(site: Served, language: str) -> None:
    async def ring() -> None:
        while True:
            site.site.streams.ring()
            await asyncio.sleep(0.05)

    ringing = asyncio.create_task(ring())
    asked = f"GET {language}/tiktok/events?v=old HTTP/1.0\r\n\r\n".encode()
    told = (await sent(site.public_port, asked, enough=b"}\n\n")).decode().partition("\r\n\r\n")[2]
    ringing.cancel()
    lines = told.replace("\r", "\n").split("\n")
    assert {line.partition(":")[0] for line in lines} <= {"", "retry", "id", "event", "data"}
    data = json.loads(next(line for line in lines if line.startswith("data: {")).removeprefix("data: "))
    assert MARK in harmless(data["html"])


async def test_an_export_is_harmless_and_stays_in_its_folder(site: Served) -> None:
    async with site.public.get("/export.tar") as answer:
        body = await answer.read()
    with tarfile.open(fileobj=io.BytesIO(body)) as packed:
        found = {one: packed.extractfile(one) for one in packed.getmembers()}
        pages = {one.name: content.read().decode() for one, content in found.items() if content is not None}
    assert all(one.isfile() and not one.name.startswith("/") and ".." not in one.name.split("/") for one in found)
    for name, page in pages.items():
        assert not name.endswith(".html") or MARK in harmless(page), name
    assert sum(name.endswith(".html") for name in pages) >= len(PAGES)


@pytest.mark.parametrize(
    "path", [f"/{quote(EVIL)}", f"/tiktok/{quote(EVIL, safe='')}", f"/static/{quote(EVIL, safe='')}"]
)
async def test_a_path_that_is_not_there_is_told_as_text(site: Served, path: str) -> None:
    status, text, headers = await site.get_public(path)
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("path", ["/api/v1/incidents?service=", "/api/v1/incidents?since=", "/api/v1/incidents?"])
async def test_a_parameter_that_is_none_is_told_as_text(site: Served, path: str) -> None:
    status, text, headers = await site.get_public(path + quote(EVIL))
    assert (status, headers["Content-Type"]) in [(n, "text/plain; charset=utf-8") for n in (400, 404)]
    assert text.isascii()
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("language", ["", "/de"])
async def test_thanks_are_harmless_whatever_was_sent(site: Served, language: str) -> None:
    for fields in ({"feature": NAME, "words": EVIL}, {"feature": EVIL}, {EVIL: EVIL}):
        asked = {"data": urlencode(fields), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
        async with site.public.post(f"{language}/tiktok/reports", **asked) as answer:
            assert answer.content_type == "text/html"
            harmless(await answer.text())


async def test_a_report_that_is_refused_is_refused_as_json(site: Served) -> None:
    async with site.public.post("/api/v1/reports", json={"service": EVIL, EVIL: EVIL}) as answer:
        assert (answer.status, answer.content_type) == (400, "application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_metrics_stay_lines(site: Served) -> None:
    _, text, _ = await site.get("/metrics")
    assert not [line for line in text.splitlines() if line.startswith((MARK, "<", "-->", "window"))]
