"""Bluesky's stream: what is counted, that nothing is counted twice, and that what was not seen is not claimed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.fetch import Fetch
from exporter.model import NetworkOptions, Service, Signal
from exporter.readings import BUCKET, Fault, Reading
from exporter.signals import jetstream
from tests.servers.jetstream import Jetstream
from tests.servers.program import free_port

TIKTOK = Service("tiktok", "TikTok", (), complaints=("(?i)tiktok is down", "(?i)se cayó tiktok"))
SHOP = Service("shop", "Shop", (), complaints=("(?i)shop is down",))


class Clock:
    """The machine's, which can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@asynccontextmanager
async def following(
    *servers: Jetstream, bookmark: str = "", clock: Clock | None = None, urls: Sequence[str] = ()
) -> AsyncIterator[AsyncIterator[Reading]]:
    """With an interval of nothing every event that moves the stream makes a reading."""
    options = jetstream.Options(urls=(*(server.url for server in servers), *urls))
    fetch = Fetch(NetworkOptions(), clock or Clock())
    stream = jetstream.follow(Signal("bluesky", "jetstream", options, 0.0), (TIKTOK, SHOP), fetch, bookmark)
    try:
        yield stream
    finally:
        await stream.aclose()
        await fetch.close()


async def heard(stream: AsyncIterator[Reading], until: int) -> list[Reading]:
    """The readings until the stream has come to the event of this time."""
    readings = []
    async for reading in stream:
        readings.append(reading)
        if int(reading.bookmark.split()[0]) >= until:
            break
    return readings


async def begun(server: Jetstream, stream: AsyncIterator[Reading]) -> list[Reading]:
    """The first reading, of an event that is no post, once somebody listens."""
    first = asyncio.ensure_future(heard(stream, 0))
    await server.listener()
    server.account()
    return await first


def counted(readings: Sequence[Reading], service: str = "tiktok") -> tuple[int, int]:
    """All complaints, and all posts."""
    tallies = [tally for reading in readings for tally in reading.tallies if tally.service == service]
    return sum(tally.count for tally in tallies), sum(tally.out_of or 0 for tally in tallies)


async def fault_of(stream: AsyncIterator[Reading]) -> SignalError:
    with pytest.raises(SignalError) as caught:
        async for _ in stream:
            pass
    return caught.value


async def test_complaints_are_counted_among_all_posts_for_each_service() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        server.post("TikTok is down??")
        server.post("ay, se cayó TikTok")
        server.post("the shop is down")
        readings = await heard(stream, server.post("good morning"))
    assert counted(readings) == (2, 4)
    assert counted(readings, "shop") == (1, 4)


async def test_only_new_posts_count() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        server.post("tiktok is down", operation="update")
        server.post(None, operation="delete", record=None)
        server.post("tiktok is down", collection="app.bsky.feed.like")
        server.identity()
        readings = await heard(stream, server.account())
    assert counted(readings) == (0, 0)


async def test_events_that_are_no_posts_tell_how_far_the_stream_is() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        (reading,) = await heard(stream, time_us := server.identity())
    assert reading.at == pytest.approx(time_us / 1e6)
    assert reading.tallies == ()
    assert reading.since is not None


async def test_a_post_counts_when_the_server_saw_it_whatever_its_author_says() -> None:
    clock = Clock()
    edge = int(clock() // BUCKET * BUCKET)
    async with Jetstream() as server, following(server, clock=clock) as stream:
        first = asyncio.ensure_future(heard(stream, 0))
        await server.listener()
        server.account((edge - 2) * 1_000_000)
        await first
        server.post("tiktok is down", time_us=(edge - 1) * 1_000_000)
        readings = await heard(stream, server.post("hello", time_us=edge * 1_000_000))
    found = [(t.start, t.count, t.out_of) for r in readings for t in r.tallies if t.service == "tiktok"]
    assert found == [(edge - BUCKET, 1, 1), (edge, 0, 1)]


@pytest.mark.parametrize(
    "commit",
    [
        {"record": {"text": 42}},
        {"record": ["tiktok is down"]},
        {"record": {}},
        {"record": {"text": "\ud83d is \udc00"}},
    ],
    ids=["a number for a text", "a list for a record", "no text", "half a surrogate pair"],
)
async def test_whatever_somebody_posts_is_a_post(commit: dict[str, Any]) -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        server.post("", **commit)
        readings = await heard(stream, server.post("tiktok is down"))
    assert counted(readings) == (1, 2)


async def test_a_post_nested_too_deep_to_be_read_ends_nothing() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        server.send("[" * 100_000)
        readings = await heard(stream, server.post("tiktok is down"))
    assert counted(readings) == (1, 1)


async def test_a_cut_is_resumed_from_the_cursor_and_nothing_counts_twice() -> None:
    async with Jetstream() as server, following(server, urls=(server.url,)) as stream:
        await begun(server, stream)
        readings = await heard(stream, server.post("tiktok is down"))
        await server.cut()
        readings += await heard(stream, server.post("tiktok is down"))
        await server.cut()
        readings += await heard(stream, server.post("hello"))
        assert [("cursor" in query) for query in server.asked] == [False, True, True]
    assert counted(readings) == (2, 3)


@pytest.mark.parametrize("skew", [-2_000_000, 0, 2_000_000])
async def test_another_host_that_stamps_the_same_posts_otherwise_counts_none_twice(skew: int) -> None:
    clock = Clock()
    async with Jetstream(clock) as one, Jetstream(clock, skew) as other, following(one, other, clock=clock) as stream:
        await begun(one, stream)
        for number in range(6):
            time_us = one.post("tiktok is down", key=f"post{number}")
            other.post("tiktok is down", key=f"post{number}")
        readings = await heard(stream, time_us)
        clock.ahead = 4.0  # the other host's times have passed those of the first
        for number in range(6, 9):
            time_us = other.post("tiktok is down", key=f"post{number}")
        await one.cut()
        readings += await heard(stream, time_us)
    assert counted(readings) == (9, 9)


async def test_what_was_counted_before_a_cut_is_told_before_the_cut_is() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        readings = await heard(stream, server.post("tiktok is down"))
        await server.cut()
        error = await fault_of(stream)
    assert counted(readings) == (1, 1)
    assert error.fault is Fault.UNREACHABLE


async def test_a_restart_goes_on_right_behind_the_bookmark() -> None:
    async with Jetstream() as server:
        async with following(server) as stream:
            await begun(server, stream)
            before = await heard(stream, server.post("tiktok is down"))
        server.post("tiktok is down")
        async with following(server, bookmark=before[-1].bookmark) as stream:
            after = await heard(stream, server.post("hello"))
    assert counted(after) == (1, 2)
    assert after[0].since == before[-1].at


async def test_a_restart_on_another_host_leaves_out_what_may_be_counted_already() -> None:
    clock = Clock()
    async with Jetstream(clock) as server:
        then = server.post("tiktok is down")
        clock.ahead = 4.9
        server.post("tiktok is down")
        clock.ahead = 5.1
        server.post("tiktok is down")
        async with following(server, bookmark=f"{then} ws://gone.example/subscribe", clock=clock) as stream:
            readings = await heard(stream, server.post("hello"))
    assert counted(readings) == (1, 2)
    assert readings[-1].since is not None
    assert min(r.since for r in readings if r.since is not None) >= then / 1e6 + 5


async def test_what_a_server_has_forgotten_is_not_claimed_as_covered() -> None:
    clock = Clock()
    async with Jetstream(clock) as server:
        bookmark = f"{server.post('tiktok is down')} {server.url}"
        clock.ahead = 60.0
        server.oldest = server.post("tiktok is down")
        async with following(server, bookmark=bookmark, clock=clock) as stream:
            readings = await heard(stream, server.post("hello"))
    assert counted(readings) == (1, 2)
    assert readings[0].since == pytest.approx(server.oldest / 1e6)


async def test_after_a_long_absence_an_hour_is_asked_for() -> None:
    clock = Clock()
    async with Jetstream(clock) as server:
        bookmark = f"{server.post('tiktok is down')} {server.url}"
        clock.ahead = 30 * 3600.0
        time_us = server.post("hello")
        async with following(server, bookmark=bookmark, clock=clock) as stream:
            (reading,) = await heard(stream, time_us)
        assert int(server.asked[0]["cursor"]) / 1e6 == pytest.approx(clock() - 3600, abs=5)
    assert reading.since == pytest.approx(reading.at)


@pytest.mark.parametrize("bookmark", ["nonsense", "99999999999999999 ws://a.example/", "-5 x"])
async def test_a_bookmark_that_cannot_be_is_none(bookmark: str) -> None:
    async with Jetstream() as server, following(server, bookmark=bookmark) as stream:
        await begun(server, stream)
        assert "cursor" not in server.asked[0]


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("<html>try later</html>", Fault.FORMAT),
        ('{"time_us": 17', Fault.FORMAT),
        ("", Fault.FORMAT),
        (b"\xff\x00\xfe", Fault.FORMAT),
        ("[1, 2]", Fault.FORMAT),
        ("{}", Fault.FORMAT),
        ('{"time_us": "1783175888090631", "kind": "commit"}', Fault.FORMAT),
        ('{"time_us": true, "kind": "commit"}', Fault.FORMAT),
        ('{"error": "ConsumerTooSlow", "message": "<b>too slow</b>"}', Fault.ERROR),
        (json.dumps({"time_us": int((time.time() + 86400) * 1e6), "kind": "account"}), Fault.FORMAT),
        ("x" * (2 << 20), Fault.SIZE),
    ],
    ids=[
        "HTML",
        "cut off",
        "empty",
        "binary",
        "list",
        "no time",
        "time as text",
        "time as bool",
        "error",
        "future",
        "huge",
    ],
)
async def test_what_is_no_event_is_a_fault_and_takes_nothing_back(frame: str | bytes, fault: Fault) -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        readings = await heard(stream, server.post("tiktok is down"))
        server.send(frame)
        error = await fault_of(stream)
    assert error.fault is fault
    assert counted(readings) == (1, 1)
    assert "\n" not in str(error)
    assert "<" not in str(error)


async def test_a_stream_whose_times_stand_still_is_late() -> None:
    clock = Clock()
    async with Jetstream(clock) as server, following(server, clock=clock) as stream:
        await begun(server, stream)
        time_us = server.post("hello")
        await heard(stream, time_us)
        clock.ahead = 31.0
        server.account(time_us + 1)
        error = await fault_of(stream)
    assert error.fault is Fault.LATE


async def test_a_stream_without_a_single_post_is_no_calm() -> None:
    clock = Clock()
    async with Jetstream(clock) as server, following(server, clock=clock) as stream:
        await begun(server, stream)
        clock.ahead = 31.0
        server.identity()
        error = await fault_of(stream)
    assert error.fault is Fault.FORMAT
    assert "no post" in str(error)


async def test_hosts_that_fail_are_passed_over() -> None:
    async with Jetstream() as dead, Jetstream() as server:
        dead.status = 503
        async with following(dead, server) as stream:
            await begun(server, stream)
            readings = await heard(stream, server.post("tiktok is down"))
    assert counted(readings) == (1, 1)


async def test_no_host_at_all_is_no_data() -> None:
    async with Jetstream() as dead:
        dead.status = 503
        async with following(dead, urls=(f"ws://127.0.0.1:{free_port()}/",)) as stream:
            error = await fault_of(stream)
    assert error.fault is Fault.UNREACHABLE


async def test_only_posts_of_a_reasonable_size_are_asked_for() -> None:
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        assert server.asked == [{"wantedCollections": "app.bsky.feed.post", "maxMessageSizeBytes": "262144"}]


async def test_neither_text_nor_author_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Jetstream() as server, following(server) as stream:
        await begun(server, stream)
        readings = await heard(stream, server.post("tiktok is down, says Alice"))
        server.send('{"did": "did:plc:alice", "text": "tiktok is down, says Alice"')
        error = await fault_of(stream)
    told = f"{readings} {error} {caplog.text}"
    assert "Alice" not in told
    assert "did:" not in told


@pytest.mark.parametrize("urls", [(), ("https://jetstream.example/subscribe",)])
def test_addresses_that_are_no_streams_are_refused(urls: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="urls"):
        jetstream.Options(urls=urls)
