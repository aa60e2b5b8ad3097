"""A page's stream over real HTTP: nothing is missed, nobody holds others up, and it ends when it must."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from exporter.model import Reason
from exporter.web import events
from exporter.web.streams import BEAT
from tests.configurations import NOW, config, failed, ok
from tests.servers.program import until
from tests.web.served import Served

PATH = "/tiktok/events"


class Stream:
    """What a page hears; `retry` is what it is told to wait before it comes again, in milliseconds."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status, self.headers = answer.status, answer.headers
        self._content = answer.content

    async def next(self, within: float = 5.0) -> dict[str, str]:
        """The fields of the next message; empty when the stream has ended."""
        async with asyncio.timeout(within):
            fields = {}
            while line := (await self._content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
            return fields

    async def glance(self) -> dict[str, str]:
        """What the next message, an event `glance`, brings, with its id."""
        message = await self.next()
        assert message["event"] == "glance"
        return {**json.loads(message["data"]), "id": message["id"]}


@asynccontextmanager
async def listening(served: Served, path: str = PATH, **headers: str) -> AsyncIterator[Stream]:
    """A stream, and the message that begins it heard."""
    async with served.session.get(path, headers=headers) as answer:
        assert answer.status == 200
        stream = Stream(answer)
        assert 2000 <= int((await stream.next())["retry"]) <= 8000
        yield stream


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        running.running.take("gstatic", ok(NOW - 60), "controls")
        for name in ("home", "page"):
            running.running.take(name, ok(NOW - 60))
        yield running


def break_(served: Served) -> None:
    """TikTok is down while a control answers, and judged to be."""
    served.running.take("gstatic", ok(NOW - 25), "controls")
    for name in ("home", "page"):
        for attempt in range(3):
            served.running.take(name, failed(Reason.TIMEOUT, NOW - 30 + 10 * attempt, attempt))
    served.site.streams.ring()


async def version(served: Served, path: str = "/tiktok") -> str:
    """The version that the page shows."""
    _, page, _ = await served.get(path)
    found = re.search(r'data-version="(\w+)"', page)
    assert found
    return found[1]


async def test_a_page_that_shows_the_newest_hears_first_that_verdicts_are_judged(served: Served) -> None:
    async with listening(served, f"{PATH}?v={await version(served)}") as stream:
        assert (await stream.next())["event"] == "alive"


async def test_a_change_is_heard_with_all_that_the_page_shows_of_it(served: Served) -> None:
    async with listening(served, f"{PATH}?v={await version(served)}") as stream:
        await stream.next()
        break_(served)
        heard = await stream.glance()
        assert (heard["answer"], heard["title"]) == ("down", "YES - Is TikTok down?")
        assert heard["announce"] == "TikTok is down."
        assert heard["html"].count("</h1>") == 1
        assert heard["id"] == heard["version"]
    # The page is a copy that may be a second old.
    assert await until(lambda: version(served), lambda shown: shown == heard["id"])
    assert heard["html"] in (await served.get("/tiktok"))[1]


async def test_what_changes_between_a_page_and_its_stream_is_not_missed(served: Served) -> None:
    shown = await version(served)
    break_(served)
    async with listening(served, f"{PATH}?v={shown}") as stream:
        served.site.streams.ring()
        assert (await stream.glance())["answer"] == "down"


async def test_what_changes_while_a_stream_is_lost_is_not_missed(served: Served) -> None:
    shown = await version(served)
    break_(served)
    async with listening(served, f"{PATH}?v={shown}") as stream:
        served.site.streams.ring()
        heard = (await stream.glance())["id"]
    # The browser says again what it heard last, beside the address that it had at first.
    async with listening(served, f"{PATH}?v={shown}", **{"Last-Event-ID": heard}) as stream:
        assert (await stream.next())["event"] == "alive"


async def test_it_is_said_now_and_then_that_verdicts_are_judged(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(served, f"{PATH}?v={await version(served)}") as stream:
        await stream.next()
        served.site.streams._beaten_at -= BEAT
        served.site.streams.ring()
        assert (await stream.next())["event"] == "alive"


async def test_a_stream_speaks_the_language_of_its_page(served: Served) -> None:
    path = f"/de{PATH}?v={await version(served, '/de/tiktok')}"
    async with listening(served, path) as german, listening(served) as english:
        await german.next()
        break_(served)
        assert (await german.glance())["title"].startswith("JA - ")
        assert (await english.glance())["title"].startswith("YES - ")


async def test_no_cache_and_no_proxy_keeps_a_stream(served: Served) -> None:
    async with listening(served) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert "default-src 'none'" in stream.headers["Content-Security-Policy"]


async def test_a_service_that_is_not_there_has_no_stream_and_loses_the_one_it_had(served: Served) -> None:
    status, text, _ = await served.get("/nothing/events")
    assert (status, text.startswith("404: ")) == (404, True)
    async with listening(served, f"{PATH}?v={await version(served)}") as stream:
        await stream.next()
        loaded = config("home")
        served.running.apply(replace(loaded, services=loaded.services[1:]))
        served.site.streams.ring()
        assert await stream.next() == {}
    assert (await served.get(PATH))[0] == 404


async def test_who_asks_for_the_headers_alone_gets_no_stream(served: Served) -> None:
    async with asyncio.timeout(5), served.session.head(PATH) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert served.site.streams.count == 0


async def test_more_than_can_be_told_are_sent_away_until_one_goes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST", 1)
    async with listening(served), served.session.get(PATH) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
        assert "open" in await answer.text()
    served.site.streams.ring()
    await _until_nobody_listens(served)
    async with listening(served):
        pass


async def test_streams_end_at_once_when_the_program_does(served: Served) -> None:
    async with listening(served) as one, listening(served, "/de/tiktok/events") as other:
        async with asyncio.timeout(1):
            await served.server.close()
            assert await one.next() == await other.next() == {}


async def test_a_slow_reader_holds_nobody_up_and_hears_only_the_newest(served: Served) -> None:
    reader, writer = await _slow(served)
    async with listening(served) as quick:
        served.site.streams.ring()
        heard = [await quick.glance()]
        for number in range(200):
            _say(served, f"TikTok {number} " + "x" * 4000)
            heard.append(await quick.glance())
        assert heard[-1]["announce"].startswith("TikTok 199 ")
    versions = [await _version(reader)]
    while versions[-1] != heard[-1]["id"]:
        served.site.streams._beaten_at -= BEAT
        served.site.streams.ring()
        versions.append(await _version(reader))
    # All that the kernels of both sides hold, one event here, and the newest: of what came between, nothing.
    assert len(set(versions)) < 100
    writer.transport.abort()


async def test_a_reader_that_takes_nothing_is_dropped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_STALLED_FOR", 0.0)
    _, writer = await _slow(served)
    for number in range(200):
        _say(served, f"TikTok {number} " + "x" * 4000)
        await asyncio.sleep(0)
    await _until_nobody_listens(served)
    writer.transport.abort()


def _say(served: Served, title: str) -> None:
    """The verdict says something else: its title is what a page shows of it whole."""
    loaded = served.running.store.config
    service = replace(loaded.services[0], title=title)
    served.running.apply(replace(loaded, services=(service, *loaded.services[1:])))
    served.site.streams._beaten_at -= BEAT
    served.site.streams.ring()


async def _slow(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that asks for the stream, and whose kernel and program hold as little as can be."""
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", served.port))
        reader, writer = await asyncio.open_connection(sock=small.dup(), limit=4096)
    writer.write(f"GET {PATH} HTTP/1.0\r\n\r\n".encode())
    await reader.readuntil(b"retry: ")
    return reader, writer


async def _version(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(5):
        while not (line := await _line(reader)).startswith(b"id: "):
            pass
    return line[4:].decode().strip()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """A line however long, the end of it at least."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        await reader.readexactly(error.consumed)
        return b""


async def _until_nobody_listens(served: Served) -> None:
    async with asyncio.timeout(5):
        while served.site.streams.count:
            served.site.streams._beaten_at -= BEAT
            served.site.streams.ring()
            await asyncio.sleep(0.01)
