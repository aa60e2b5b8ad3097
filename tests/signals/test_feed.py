"""What RSS and Atom feeds say, and what of it is open."""

from __future__ import annotations

import codecs
import time
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.fetch import Fetch
from exporter.model import NetworkOptions, Signal
from exporter.readings import Fault, Reading
from exporter.signals import feed
from tests.servers.origin import Origin, Reply, Request
from tests.signals import case_feed
from tests.signals.case import TIKTOK
from tests.signals.times import iso, rfc

NOW = 1_795_600_000.0


async def read(body: bytes, **options: Any) -> Reading:
    """What is made of a server that answers with `body`."""
    async with Origin(lambda request: Reply(body)) as origin:
        fetch = Fetch(NetworkOptions(), lambda: NOW)
        signal = Signal("feed", "feed", feed.Options(url=origin.url, **options), 60.0, ("tiktok",))
        try:
            return await feed.read(signal, (TIKTOK,), fetch)
        finally:
            await fetch.close()


def rss(*items: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{"".join(items)}</channel></rss>'.encode()


def item(title: str, at: float, link: str = "https://a.example/1") -> str:
    return f"<item><title>{title}</title><link>{link}</link><pubDate>{rfc(at)}</pubDate></item>"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item("Major Disruption", NOW - 60)], ["major"]),
        ([item("Low Disruption", NOW - 60)], ["minor"]),
        ([item("No Known Issue", NOW - 60)], []),
        ([item("Major Disruption", NOW - 90000)], []),
        ([item("Major Disruption", NOW - 600), item("Resolved: Major Disruption", NOW - 60)], []),
        ([item("Major Disruption", NOW - 60), item("Resolved: Major Disruption", NOW - 600)], ["major"]),
        ([item("Something else", NOW - 60, "a"), item("Major Disruption", NOW - 50, "b")], ["major", "unknown"]),
    ],
)
async def test_a_feed_tells_what_is_young_and_not_over(items: list[str], expected: list[str]) -> None:
    found = await read(rss(*items))
    assert [notice.level for notice in found.notices] == expected


async def test_atom_is_a_feed_as_well() -> None:
    entry = f"<entry><title>Outage</title><updated>{iso(NOW - 60)}</updated><link href='https://a.example/'/></entry>"
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{entry}</feed>'.encode()
    (notice,) = (await read(body)).notices
    assert (notice.title, notice.url, notice.level) == ("Outage", "https://a.example/", "major")


async def test_a_feed_that_is_cut_off_is_not_read() -> None:
    whole = case_feed.trouble(Request(case_feed.PATH), NOW)
    with pytest.raises(SignalError) as caught:
        await read(whole[:-60])
    assert caught.value.fault is Fault.FORMAT


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rss("<item><title>a</title>" + "<b>" * 1000 + "</item>"), "elements more than 100 deep"),
        (b'<!DOCTYPE rss [<!ENTITY a "aaaa">]>' + rss(item("&a;", NOW)).partition(b"?>")[2], "a document type"),
        (b"<!DOCTYPE html><html><body>Sorry</body></html>", "a page of HTML"),
        (b"<svg/>", "neither RSS nor Atom"),
        (b'{"error": "sorry"}', "neither RSS nor Atom"),
        (rss().replace(b'"1.0"', b'"1.0" encoding="klingon"', 1), "an encoding that is unknown|unknown encoding"),
        (rss(item("Outage", NOW + 9000), item("Outage", NOW + 90000)), "all of its 2 entries are from the future"),
    ],
)
async def test_what_is_no_feed_is_refused_by_its_name(body: bytes, said: str) -> None:
    with pytest.raises(SignalError, match=said) as caught:
        await read(body)
    assert caught.value.fault is Fault.FORMAT


async def test_a_feed_is_read_with_the_names_of_html_and_in_any_encoding() -> None:
    text = rss(item("Major&nbsp;Disruption &ndash; caf\N{LATIN SMALL LETTER E WITH ACUTE}", NOW - 60)).decode()
    for body in (text.encode(), codecs.BOM_UTF16_BE + text.encode("utf-16-be"), b"\n" + text.encode()):
        (notice,) = (await read(body)).notices
        assert notice.title == "Major Disruption \N{EN DASH} caf\N{LATIN SMALL LETTER E WITH ACUTE}"


async def test_what_is_announced_for_later_is_not_open() -> None:
    body = rss(item("Outage planned", NOW + 90000, "a"), item("Outage", NOW - 60, "b"))
    found = await read(body)
    assert [notice.title for notice in found.notices] == ["Outage"]


async def test_names_of_other_vocabularies_are_not_mixed_up_with_those_of_the_feed() -> None:
    inside = (
        "<media:title>Outage</media:title><media:content><description>down</description></media:content>"
        '<link rel="self" href="https://a.example/self"/><link href="https://a.example/"/>'
        "<dc:date>2026-11-25T08:00:00Z</dc:date><content type='xhtml'><div>All<br/>well</div></content>"
    )
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{inside}<title>Notice</title></entry></feed>'.encode()
    (notice,) = (await read(body, open_within=1e6)).notices
    assert (notice.title, notice.url, notice.quote) == ("Notice", "https://a.example/", "All well")
    assert (notice.level, notice.opened_at) == ("unknown", 1_795_593_600.0)


async def test_that_it_is_over_may_stand_at_the_end_of_a_long_text() -> None:
    words = f"<description>{'Investigating an outage. ' * 40}Resolved.</description></item>"
    body = rss(item("Outage", NOW - 60).replace("</item>", words))
    assert (await read(body)).notices == ()


@pytest.mark.parametrize(
    "hostile",
    [
        rss(*(item(f"Outage {number} &lt;b&gt;", NOW - 60, f"a{number}") for number in range(13000))),
        rss(item("Outage", NOW - 60).replace("</item>", f"<description>{'&lt;p&gt;a' * 200_000}</description></item>")),
        rss("<item " + " ".join(f"a{number}='1'" for number in range(150_000)) + "/>"),
    ],
    ids=["entries", "markup", "attributes"],
)
async def test_a_large_feed_holds_up_nobody(hostile: bytes) -> None:
    """Pages are served by the same process, and two megabytes are the most that is taken."""
    assert 1 << 20 < len(hostile) < 2 << 20
    began = time.process_time()
    found = await read(hostile)
    assert len(found.notices) <= feed.MOST
    assert time.process_time() - began < 2
