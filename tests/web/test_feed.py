"""Incidents as an Atom feed, read by a real reader over real HTTP."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest

from exporter.model import Answer
from exporter.verdict import Verdict
from exporter.web import copies
from exporter.web.feed import ATOM, MOST
from tests.configurations import NOW, config
from tests.web.served import Served

PATH = "/tiktok/feed.atom"


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Whose pages are made whenever they are asked for."""
    monkeypatch.setattr(copies, "FRESH_FOR", 0.0)
    async with Served(tmp_path) as running:
        yield running


def note(served: Served, answer: Answer, at: float, *sentences: str) -> None:
    said = sentences or ("feed is down in 2 of 3 regions.",)
    served.history.incidents.note(Verdict("tiktok", "TikTok", answer, {"feed": answer}, {}, said), at)


async def read(served: Served, path: str = PATH) -> Any:
    """The feed as a reader takes it, which warns of what is not right."""
    async with served.session.get(path) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
        base = {"content-location": str(answer.url), "content-type": answer.headers["Content-Type"]}
        feed = feedparser.parse(await answer.read(), response_headers=base)
    assert not feed.bozo, feed.bozo_exception
    assert feed.version == "atom10"
    return feed


def seconds(parsed: Any) -> float:
    return datetime(*parsed[:6], tzinfo=UTC).timestamp()


async def test_a_feed_without_incidents_is_whole(served: Served) -> None:
    feed = await read(served)
    assert (feed.entries, feed.feed.title, feed.feed.author) == ([], "TikTok: outages", "outage-exporter")
    assert feed.feed.id.startswith("urn:uuid:")
    assert seconds(feed.feed.updated_parsed) == served.running.store.since["tiktok"] // 1


async def test_an_incident_that_is_open_says_so_and_grows_in_place(served: Served) -> None:
    note(served, Answer.PARTIAL, NOW)
    (before,) = (await read(served)).entries
    assert (before.title, before.summary) == ("TikTok is partly down", "feed is down in 2 of 3 regions.")
    assert [tag.term for tag in before.tags] == ["partial"]
    note(served, Answer.DOWN, NOW + 60.0, "feed is down in 3 regions.", "Status says: <We look into it.>")
    feed = await read(served)
    (after,) = feed.entries
    assert after.id == before.id
    assert after.title == "TikTok is down"
    assert after.summary.endswith("Status says: <We look into it.>")
    assert seconds(after.published_parsed) == seconds(before.published_parsed) == NOW
    assert seconds(after.updated_parsed) == seconds(feed.feed.updated_parsed) == NOW + 60.0
    note(served, Answer.DOWN, NOW + 1400.0)
    note(served, Answer.UP, NOW + 1500.0)
    (over,) = (await read(served)).entries
    assert (over.id, over.title) == (before.id, "TikTok was down for 25 min")
    assert seconds(over.updated_parsed) == NOW + 1500.0


async def test_that_it_lasts_is_no_news(served: Served) -> None:
    for minute in range(5):
        note(served, Answer.DOWN, NOW + 60.0 * minute)
    (entry,) = (await read(served)).entries
    assert seconds(entry.updated_parsed) == NOW


async def test_a_reader_is_led_to_the_incident_in_the_history(served: Served) -> None:
    note(served, Answer.DOWN, NOW)
    feed = await read(served)
    assert urlsplit(feed.feed.link).path == "/tiktok"
    (own,) = [link.href for link in feed.feed.links if link.rel == "self"]
    assert urlsplit(own).path == PATH
    link = urlsplit(feed.entries[0].link)
    assert (link.netloc, link.path) == (f"localhost:{served.port}", "/tiktok/history")
    status, page, _ = await served.get(link.path)
    assert status == 200
    assert f'id="{link.fragment}"' in page


async def test_no_address_stands_in_it_so_that_it_is_right_behind_any_proxy(served: Served) -> None:
    note(served, Answer.DOWN, NOW)
    _, text, _ = await served.get(PATH, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert "evil" not in text
    assert "localhost" not in text


@pytest.mark.parametrize(
    "said",
    [
        "</summary><script>alert(1)</script>",
        "]]><!--",
        "&amp; &lt;b&gt;",
        "\x00\x08\x0b\x1f\x7f\ufffe",
        "\ud800",
        "\r\n\t",
    ],
)
async def test_what_strangers_say_stays_text(served: Served, said: str) -> None:
    note(served, Answer.DOWN, NOW, f"Status says: {said!s}.".encode(errors="surrogatepass").decode(errors="replace"))
    _, text, _ = await served.get(PATH)
    summary = ET.fromstring(text).findtext(f"{{{ATOM}}}entry/{{{ATOM}}}summary")
    assert summary is not None
    assert summary.startswith("Status says: ")
    assert "<script" not in text


async def test_a_title_that_looks_like_markup_stays_text(served: Served) -> None:
    loaded = config("home")
    served.running.apply(replace(loaded, services=(replace(loaded.services[0], title="<b>&\x1b\ud800"),)))
    _, text, _ = await served.get(PATH)
    assert ET.fromstring(text).findtext(f"{{{ATOM}}}title") == "<b>&\ufffd\ufffd: outages"


async def test_the_newest_come_first_and_old_ones_leave(served: Served) -> None:
    for number in range(MOST + 3):
        note(served, Answer.DOWN, NOW + 1000.0 * number)
        note(served, Answer.UP, NOW + 1000.0 * number + 90.0)
    found = [seconds(entry.published_parsed) for entry in (await read(served)).entries]
    assert found == [NOW + 1000.0 * number for number in reversed(range(3, MOST + 3))]


async def test_entries_of_two_services_have_nothing_in_common(served: Served) -> None:
    note(served, Answer.DOWN, NOW)
    other = await read(served, "/youtube_shorts/feed.atom")
    assert (other.entries, other.feed.id == (await read(served)).feed.id) == ([], False)


async def test_a_service_that_is_not_there_is_said_so(served: Served) -> None:
    status, text, _ = await served.get("/tiktak/feed.atom")
    assert (status, text) == (404, "404: no such service is watched here; / lists those that are.\n")


async def test_a_history_that_cannot_be_read_is_said_so(served: Served) -> None:
    served.history.close()
    assert (await served.get(PATH))[:2] == (503, "503: the history cannot be read; the log says why.\n")


async def test_an_end_that_nobody_saw_is_told_without_a_length(served: Served) -> None:
    note(served, Answer.DOWN, NOW)
    note(served, Answer.UP, NOW + 36000.0)
    (over,) = (await read(served)).entries
    assert over.title == "TikTok was down; nobody saw when it ended"
