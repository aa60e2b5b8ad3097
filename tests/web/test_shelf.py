"""What caches are told, over real HTTP: made once a second, asked again by a tag, private behind a password."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.web import assets, badge, copies
from exporter.web.api import stamped
from exporter.web.copies import Shelf, Stamped, copied
from tests.configurations import config, ok
from tests.servers.program import until
from tests.web.served import Served, authorization, hashed, sent, write_web_config

PAGES = ("/", "/de", "/tiktok", "/de/tiktok", "/tiktok/history", "/tiktok/feed.atom", "/tiktok/badge.svg",
         "/api/v1/status", "/api/v1/incidents", "/api/v1/openapi.json", "/robots.txt")  # fmt: skip


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        yield running


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_page_is_made_once_a_second_however_many_ask() -> None:
    clock = Clock()
    made: list[float] = []
    shelf = Shelf(clock)
    for now in (0.0, 0.5, 0.999, 1.0, 1.999, 2.0):
        clock.now = now
        shelf.copy("page", lambda: made.append(clock.now) or "page")
    assert made == [0.0, 1.0, 2.0]


def test_a_page_that_says_the_same_keeps_its_tag_and_another_has_another() -> None:
    clock = Clock()
    shelf = Shelf(clock)
    tags = []
    for page in ("a", "a", "b"):
        tags.append(shelf.copy("page", lambda page=page: page).tag)
        clock.now += 1.0
    assert tags[0] == tags[1] != tags[2]


def test_the_time_at_which_it_was_made_is_no_part_of_what_a_page_says() -> None:
    clock = Clock()
    shelf = Shelf(clock)
    first = shelf.copy("page", lambda: Stamped("at 1: well", "well"))
    clock.now += 1.0
    second = shelf.copy("page", lambda: Stamped("at 2: well", "well"))
    assert (first.tag, second.body) == (second.tag, b"at 2: well")


def test_the_time_in_json_is_no_part_of_what_it_says() -> None:
    first, second, other = (
        copied(stamped({"answer": answer}, at)) for answer, at in (("up", 1), ("up", 2), ("down", 2))
    )
    assert first.tag == second.tag != other.tag
    assert b"1970-01-01T00:00:02Z" in second.body


def test_pages_with_parameters_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "ROOM", 10_000)
    made: list[str] = []
    clock = Clock()
    shelf = Shelf(clock)

    def ask(key: str, size: int) -> None:
        shelf.copy(key, lambda: made.append(key) or key * size)

    for number in range(100):
        ask("often", 500)
        ask(f"{number:04}", 500)
    assert made.count("often") == 1
    ask("0099", 500)
    assert made.count("0099") == 1
    ask("0000", 500)
    assert made.count("0000") == 2
    # A page that is made again takes the room that it had.
    for _ in range(100):
        clock.now += 1.0
        ask("often", 500)
    made.clear()
    for key in ("0000", "often", "0000"):
        ask(key, 500)
    assert made == ["0000"]
    # What is larger than all the room is still served, and only what is newest stays.
    ask("huge", 20_000)
    ask("huge", 20_000)
    assert made.count("huge") == 1


async def test_a_page_that_fails_is_not_tried_again_for_each_of_a_crowd(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("a secret that the log may have")

    with monkeypatch.context() as patch:
        patch.setattr(badge, "badge", broken)
        answers = [(await served.get("/tiktok/badge.svg"))[:2] for _ in range(5)]
    assert set(answers) == {(500, "500: this page failed by a fault of this program; the log says where.\n")}
    assert [record.message for record in caplog.records] == ["page failed"]
    mended = await until(lambda: served.get("/tiktok/badge.svg"), lambda answer: answer[0] == 200, 10.0)
    assert mended[1].startswith("<svg")


async def test_a_history_that_fails_is_said_so_to_the_whole_crowd(served: Served) -> None:
    served.history.close()
    for _ in range(2):
        status, text, _ = await served.get("/api/v1/incidents")
        assert (status, text) == (503, "503: the history cannot be read; the log says why.\n")


@pytest.mark.parametrize("path", PAGES)
async def test_every_public_page_has_a_tag_by_which_it_is_not_sent_again(served: Served, path: str) -> None:
    async with served.session.get(path) as answer:
        whole, headers = await answer.read(), answer.headers
    assert (answer.status, bool(whole)) == (200, True)
    assert re.fullmatch(r'W/"[0-9a-f]{24}"', headers["ETag"])
    assert re.match(
        r"public, max-age=(5|3600), stale-while-revalidate=\1, stale-if-error=600$", headers["Cache-Control"]
    )
    tag = headers["ETag"].removeprefix("W/")
    for known in (f"W/{tag}", tag, f'"other", W/{tag}', "*"):
        async with served.session.get(path, headers={"If-None-Match": known}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            kept = ("ETag", "Cache-Control", "Vary", "Content-Security-Policy")
            assert {name: answer.headers.get(name) for name in kept} == {name: headers.get(name) for name in kept}
            assert "Content-Length" not in answer.headers
    for other in ('"other"', tag.strip('"'), ""):
        async with served.session.get(path, headers={"If-None-Match": other}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_what_it_was_while_probes_go_on_and_nothing_happens(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(copies, "FRESH_FOR", 0.0)
    served.running.take("gstatic", ok(), "controls")

    async def stays() -> bool:
        before = (await served.get(path))[2]["ETag"]
        served.running.take("home", ok())
        served.history.lately.take("tiktok", time.time(), 0.3)
        return (await served.get(path))[2]["ETag"] == before

    # A minute may begin between the two.
    assert await stays() or await stays()


@pytest.mark.parametrize("path", PAGES)
async def test_head_is_answered_as_get_without_the_page(served: Served, path: str) -> None:
    async with served.session.get(path) as answer:
        expected = answer.headers
    async with served.session.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert {**answer.headers, "Date": ""} == {**expected, "Date": ""}
    async with served.session.head(path, headers={"If-None-Match": expected["ETag"]}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("identity", False)],
)
async def test_a_page_is_compressed_for_whoever_takes_that(served: Served, accepted: str, compressed: bool) -> None:
    async with served.as_sent.get("/tiktok", headers={"Accept-Encoding": accepted}) as answer:
        body = await answer.read()
        assert answer.headers.get("Content-Encoding") == ("gzip" if compressed else None)
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert b"<h1" in (gzip.decompress(body) if compressed else body)


async def test_a_reload_shows_at_once(served: Served) -> None:
    assert "TikTok" in (await served.get("/"))[1]
    loaded = config("home", "page")
    tiktok = replace(loaded.services[0], title="Renamed")
    served.running.apply(replace(loaded, services=(tiktok, *loaded.services[1:])))
    assert "Renamed" in (await served.get("/"))[1]


async def test_what_was_asked_for_with_a_password_is_in_nobodys_cache(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, f'basic_auth_users: {{ann: "{hashed(b"secret")}"}}')
    async with Served(tmp_path, path) as served:
        headers = (await served.get("/", headers=authorization("ann", "secret")))[2]
        assert headers["Cache-Control"].startswith("private, ")
        assert (await served.get("/", headers={"If-None-Match": "*"}))[0] == 401
        assert (await served.get_public("/"))[2]["Cache-Control"].startswith("public, ")


@pytest.mark.parametrize("name", sorted(assets.assets()))
async def test_a_file_is_kept_for_good_by_whoever_asks_with_its_hash(served: Served, name: str) -> None:
    status, _, headers = await served.get(f"/static/{name}?v={assets.version(name)}")
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    for query in ("", "?v=", "?v=0123456789ab"):
        status, _, headers = await served.get(f"/static/{name}{query}")
        assert (status, headers["Cache-Control"]) == (200, "public, no-cache")
    assert (await served.get(f"/static/{name}", headers={"If-None-Match": headers["ETag"]}))[0] == 304


async def test_pages_link_their_style_by_its_hash(served: Served) -> None:
    assert f"/static/style.css?v={assets.version('style.css')}" in (await served.get("/"))[1]


@pytest.mark.parametrize(
    "path",
    ["/static/../site.py", "/static/..%2fsite.py", "/static/%2e%2e/site.py", "/static//etc/passwd", "/static/",
     "/static/%2fetc%2fpasswd", "/static/style.css%00.txt", "/static/style.css/", "/static/nothing.css",
     "/static/..\\site.py", "/static/.", "/static/%ff"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_folder(served: Served, path: str) -> None:
    # Written by hand, because a client would make the path proper.
    answer = await sent(served.port, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"404", b"400", b"308"), answer
    assert b"root:" not in answer
    assert b"import" not in answer


async def test_crawlers_read_the_pages_and_nothing_else(served: Served) -> None:
    status, text, headers = await served.get("/robots.txt")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "Disallow: /probes\n" in text
    assert not re.search(r"Disallow: (/|/tiktok)$", text, re.MULTILINE)
