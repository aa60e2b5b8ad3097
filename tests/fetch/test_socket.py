"""A WebSocket: what comes, and how its end is named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.fetch import Fetch, Socket
from exporter.readings import Fault
from tests.fetch.fetching import failure, fetching
from tests.probing import open_descriptors
from tests.servers.certificates import Authority
from tests.servers.origin import Origin, Reply, Request


def says(*messages: str | bytes, **told: Any) -> Reply:
    return Reply(status=101, messages=lambda: messages, **told)


async def opened(fetch: Fetch, url: str, **options: Any) -> None:
    async with fetch.socket(url, **options):
        pass


async def received(fetch: Fetch, url: str, **options: Any) -> SignalError:
    """How it ends."""
    async with fetch.socket(url, **options) as socket:
        return await failure(listen(socket))


async def listen(socket: Socket) -> None:
    """For ever."""
    while True:
        await socket.receive()


async def test_messages_come_one_by_one_as_they_were_sent() -> None:
    messages = ("tiktok down?", b"\x00\x01", "é" * 200, "x" * 70_000)
    async with (
        Origin(lambda request: says(*messages)) as origin,
        fetching() as fetch,
        fetch.socket(f"{origin.stream_url}/subscribe?cursor=5", headers={"X-A": "b"}) as socket,
    ):
        assert [await socket.receive() for _ in messages] == list(messages)
    assert (origin.requests[0].query, origin.requests[0].headers["x-a"]) == ({"cursor": "5"}, "b")


async def test_it_is_opened_over_tls_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        Origin(lambda request: says("a"), tls=authority.leaf("127.0.0.1").server_context()) as origin,
        fetching(ca_file=str(authority.file)) as fetch,
        fetch.socket(origin.stream_url) as socket,
    ):
        assert await socket.receive() == "a"


async def test_a_message_over_the_cap_ends_it() -> None:
    async with Origin(lambda request: says("x" * 1001)) as origin, fetching() as fetch:
        error = await received(fetch, origin.stream_url, size_limit=1000)
    assert error.fault is Fault.SIZE


async def test_silence_ends_it() -> None:
    async with Origin(lambda request: says()) as origin, fetching() as fetch:
        error = await received(fetch, origin.stream_url, silence=0.1)
    assert (error.fault, str(error)) == (Fault.TIMEOUT, f"{origin.url[7:]} has been silent for 0.1 s")


async def test_a_server_that_leaves_ends_it() -> None:
    async with Origin(lambda request: says("a", cut=0)) as origin, fetching() as fetch:
        error = await received(fetch, origin.stream_url)
    assert (error.fault, str(error)) == (Fault.UNREACHABLE, f"{origin.url[7:]} closed the stream")


async def test_one_who_goes_on_talking_is_left_all_the_same() -> None:
    before = open_descriptors()
    async with Origin(lambda request: says(*["x"] * 100)) as origin, fetching() as fetch:
        async with fetch.socket(origin.stream_url) as socket:
            await socket.receive()
            began = time.monotonic()
        assert time.monotonic() - began < 5
    assert open_descriptors() <= before


@pytest.mark.parametrize(
    ("status", "fault"),
    [(500, Fault.STATUS), (403, Fault.REFUSED), (404, Fault.STATUS), (200, Fault.STATUS), (429, Fault.LIMITED)],
)
async def test_an_opening_that_is_refused_is_named_like_any_other_answer(status: int, fault: Fault) -> None:
    async with Origin(lambda request: Reply(status=status)) as origin, fetching() as fetch:
        assert (await failure(opened(fetch, origin.stream_url))).fault is fault


async def test_a_host_that_asks_for_a_pause_gets_no_opening_before_it_ends() -> None:
    reply = Reply(status=429, headers={"Retry-After": "30"})
    async with Origin(lambda request: reply) as origin, fetching() as fetch:
        first = await failure(opened(fetch, origin.stream_url))
        second = await failure(opened(fetch, origin.stream_url))
    assert first.retry_at == second.retry_at > time.time()
    assert origin.connections == 1


async def test_an_opening_has_a_deadline() -> None:
    async with Origin(lambda request: None) as origin, fetching() as fetch:
        error = await failure(opened(fetch, origin.stream_url, deadline=0.1))
    assert (error.fault, str(error)) == (Fault.TIMEOUT, f"{origin.url[7:]} did not answer within 0.1 s")


async def test_a_stream_is_not_redirected() -> None:
    def answer(request: Request) -> Reply:
        return says("a") if request.path == "/b" else Reply(status=302, headers={"Location": "/b"})

    async with Origin(answer) as origin, fetching() as fetch:
        assert (await failure(opened(fetch, f"{origin.stream_url}/a"))).fault is Fault.REDIRECT
    assert len(origin.requests) == 1


async def test_a_network_that_is_denied_is_not_asked_for_a_stream() -> None:
    async with Origin(lambda request: says("a")) as origin, fetching(deny=("127.0.0.0/8",)) as fetch:
        assert (await failure(opened(fetch, origin.stream_url))).fault is Fault.UNREACHABLE
    assert origin.connections == 0
