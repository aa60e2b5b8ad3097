"""One GET: its deadline, its cap, further attempts, what is asked only when it changed, and how failures are named."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import USER_AGENT
from exporter.fetch import Fetch
from exporter.fetch.kept import Copy, Kept
from exporter.model import NetworkOptions
from exporter.readings import Fault
from tests.fetch.fetching import failure, fetching, named
from tests.probing import full_descriptor_table, open_descriptors
from tests.servers.certificates import Authority
from tests.servers.dns import SERVFAIL, addresses
from tests.servers.origin import Origin, Reply, Request


def in_turn(*replies: Reply | None) -> Callable[[Request], Reply | None]:
    """One after the other; the last again and again."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


async def test_an_answer_has_its_body_its_headers_and_where_it_came_from() -> None:
    reply = Reply(b"[]", headers={"X-Total": "0"})
    async with Origin(lambda request: reply) as origin, fetching() as fetch:
        answer = await fetch.get(f"{origin.url}/incidents.json", params={"since": "1", "of": "a b&c"})
    assert (answer.body, answer.status, answer.headers["x-total"]) == (b"[]", 200, "0")
    assert answer.url == f"{origin.url}/incidents.json?since=1&of=a+b%26c"
    assert origin.requests[0].query == {"since": "1", "of": "a b&c"}


async def test_every_request_names_the_project_and_what_the_caller_adds() -> None:
    async with Origin(lambda request: Reply()) as origin, fetching() as fetch:
        await fetch.get(origin.url, headers={"Authorization": "Bearer t0ken"})
    headers = origin.requests[0].headers
    assert headers["user-agent"] == USER_AGENT
    assert headers["authorization"] == "Bearer t0ken"
    assert "cookie" not in headers


async def test_a_cookie_is_not_sent_back() -> None:
    async with (
        Origin(lambda request: Reply(headers={"Set-Cookie": "who=1"}), host="status.example") as origin,
        named({"status.example": addresses("127.0.0.1")}) as nameservers,
        fetching(nameservers=nameservers) as fetch,
    ):
        await fetch.get(origin.url)
        await fetch.get(origin.url)
    assert "cookie" not in origin.requests[1].headers


async def test_no_connection_is_used_twice() -> None:
    async with Origin(lambda request: Reply()) as origin, fetching() as fetch:
        await fetch.get(origin.url)
    assert origin.requests[0].headers["connection"] == "close"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_a_compressed_answer_is_unpacked(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    reply = Reply(pack(b"[1, 2]"), headers={"Content-Encoding": encoding})
    async with Origin(lambda request: reply) as origin, fetching() as fetch:
        assert (await fetch.get(origin.url)).body == b"[1, 2]"


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (b"[]", "gzip", "not compressed by gzip, as it says"),
        (gzip.compress(b"[]" * 1000, mtime=0)[:-9], "gzip", "cut short"),
        (b"[]", "br", "compressed by 'br', which was not asked for"),
    ],
)
async def test_an_answer_that_cannot_be_unpacked_is_a_fault_of_its_format(
    body: bytes, encoding: str, said: str
) -> None:
    reply = Reply(body, headers={"Content-Encoding": encoding})
    async with Origin(lambda request: reply) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url))
    assert error.fault is Fault.FORMAT
    assert said in str(error)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"x" * 1001),
        Reply(b"x" * 1001, claimed=0),
        Reply(gzip.compress(b"x" * 1001, mtime=0), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["told by its length", "without a length", "only when unpacked"],
)
async def test_a_body_over_the_cap_is_not_taken(reply: Reply) -> None:
    async with Origin(lambda request: reply) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url, size_limit=1000))
        assert (await fetch.get(origin.url, size_limit=1001)).body == b"x" * 1001
    assert (error.fault, str(error)) == (Fault.SIZE, "the answer is larger than 1000 bytes")


async def test_a_bomb_takes_no_more_room_than_the_cap() -> None:
    bomb = Reply(gzip.compress(b"0" * (32 << 20)), headers={"Content-Encoding": "gzip"})
    async with Origin(lambda request: bomb) as origin, fetching() as fetch:
        await failure(fetch.get(origin.url, size_limit=1000))
        tracemalloc.start()
        error = await failure(fetch.get(origin.url, size_limit=1 << 20))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert error.fault is Fault.SIZE
    assert peak < 8 << 20


async def test_the_deadline_is_for_everything_together() -> None:
    began = time.monotonic()
    async with Origin(in_turn(Reply(status=503), None)) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url, deadline=0.3))
    assert (error.fault, str(error)) == (Fault.TIMEOUT, f"{origin.url[7:]} did not answer within 0.3 s")
    assert 0.2 < time.monotonic() - began < 2


async def test_a_server_that_hangs_once_is_asked_again() -> None:
    async with Origin(in_turn(None, Reply(b"[]"))) as origin, fetching() as fetch:
        assert (await fetch.get(origin.url, deadline=0.6)).body == b"[]"


async def test_a_server_that_fails_twice_is_asked_a_third_time() -> None:
    async with Origin(in_turn(Reply(status=502), Reply(b"[1, 2]", cut=3), Reply(b"[]"))) as origin, fetching() as fetch:
        assert (await fetch.get(origin.url)).body == b"[]"
    assert len(origin.requests) == 3


async def test_a_server_that_goes_on_failing_is_left_alone_after_the_third_attempt() -> None:
    async with Origin(lambda request: Reply(status=500)) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url))
    assert (error.fault, str(error)) == (Fault.STATUS, f"{origin.url[7:]} answers with status 500")
    assert len(origin.requests) == 3


async def test_there_is_no_further_attempt_for_which_no_time_is_left() -> None:
    fetch = Fetch(NetworkOptions(), backoff=60.0)
    began = time.monotonic()
    async with Origin(lambda request: Reply(status=500)) as origin:
        error = await failure(fetch.get(origin.url, deadline=10.0))
    await fetch.close()
    assert error.fault is Fault.STATUS
    assert len(origin.requests) == 1
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, Fault.REFUSED), (403, Fault.REFUSED), (404, Fault.STATUS), (410, Fault.STATUS), (304, Fault.STATUS)],
)
async def test_what_will_not_change_is_asked_once(status: int, fault: Fault) -> None:
    async with Origin(lambda request: Reply(status=status)) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url))
    assert error.fault is fault
    assert str(status) in str(error)
    assert len(origin.requests) == 1


async def test_a_connection_that_is_refused_is_said_so() -> None:
    async with Origin(lambda request: Reply()) as origin, fetching() as fetch:
        origin.refuse()
        error = await failure(fetch.get(origin.url))
    assert (error.fault, str(error)) == (Fault.UNREACHABLE, f"cannot connect to {origin.url[7:]}: connection refused")


async def test_what_is_not_http_is_a_fault_of_its_format() -> None:
    async with Origin(lambda request: Reply(headers={"Transfer-Encoding": "chunked"})) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url))
    assert error.fault is Fault.FORMAT
    assert "does not speak HTTP" in str(error)


async def test_names_are_asked_of_the_configured_name_servers() -> None:
    async with (
        Origin(lambda request: Reply(b"[]"), host="status.example") as origin,
        named({"status.example": addresses("127.0.0.1"), "broken.example": SERVFAIL}) as nameservers,
        fetching(nameservers=nameservers) as fetch,
    ):
        assert (await fetch.get(origin.url)).body == b"[]"
        error = await failure(fetch.get("http://broken.example/"))
    assert error.fault is Fault.UNREACHABLE
    assert str(error).startswith("cannot resolve broken.example: ")


async def test_the_configured_ca_is_trusted_and_no_other(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others", "Other CA")
    tls = ours.leaf("127.0.0.1").server_context()
    async with Origin(lambda request: Reply(b"[]"), tls=tls) as origin:
        async with fetching(ca_file=str(ours.file)) as fetch:
            assert (await fetch.get(origin.url)).body == b"[]"
        async with fetching(ca_file=str(others.file)) as fetch:
            error = await failure(fetch.get(origin.url))
    assert error.fault is Fault.UNREACHABLE
    assert str(error) == f"no TLS with {origin.url[8:]}: unable to get local issuer certificate"


async def test_a_ca_file_that_is_gone_is_our_own_fault(tmp_path: Path) -> None:
    async with fetching(ca_file=str(tmp_path / "gone.pem")) as fetch:
        assert (await failure(fetch.get("https://127.0.0.1:1/"))).fault is Fault.INTERNAL


async def test_a_full_table_of_descriptors_is_our_own_fault() -> None:
    async with Origin(lambda request: Reply()) as origin, fetching() as fetch:
        await fetch.get(origin.url)
        with full_descriptor_table():
            error = await failure(fetch.get(origin.url))
    assert error.fault is Fault.INTERNAL


async def test_what_is_no_address_of_the_web_is_our_own_fault() -> None:
    async with fetching() as fetch:
        for url in ("file:///etc/passwd", "nonsense", "http://", "http://a:99999/"):
            assert (await failure(fetch.get(url))).fault is Fault.INTERNAL


async def test_what_did_not_change_is_not_sent_again() -> None:
    def answer(request: Request) -> Reply:
        known = request.headers.get("if-none-match") == '"1"'
        return Reply(status=304, claimed=0) if known else Reply(b"[1]", headers={"ETag": '"1"', "X-A": "b"})

    async with Origin(answer) as origin, fetching() as fetch:
        first, second = await fetch.get(origin.url), await fetch.get(origin.url)
    assert second.body == first.body == b"[1]"
    assert (second.status, second.headers["x-a"]) == (200, "b")
    assert len(origin.requests) == 2


async def test_the_date_of_the_last_change_is_asked_for_too() -> None:
    date = "Wed, 25 Nov 2026 17:00:00 GMT"
    async with Origin(lambda request: Reply(b"1", headers={"Last-Modified": date})) as origin, fetching() as fetch:
        await fetch.get(origin.url)
        await fetch.get(origin.url)
    assert origin.requests[1].headers["if-modified-since"] == date


async def test_another_credential_gets_its_own_answer() -> None:
    async with Origin(lambda request: Reply(b"1", headers={"ETag": '"1"'})) as origin, fetching() as fetch:
        await fetch.get(origin.url, headers={"Authorization": "one"})
        await fetch.get(origin.url, headers={"Authorization": "two"})
        await fetch.get(f"{origin.url}/?a=1", headers={"Authorization": "one"})
    assert not any("if-none-match" in request.headers for request in origin.requests)


async def test_an_answer_without_an_etag_forgets_the_one_before() -> None:
    with_tag = Reply(b"1", headers={"ETag": '"1"'})
    async with Origin(in_turn(with_tag, Reply(b"2"), Reply(b"3"))) as origin, fetching() as fetch:
        bodies = [(await fetch.get(origin.url)).body for _ in range(3)]
    assert bodies == [b"1", b"2", b"3"]
    assert ["if-none-match" in request.headers for request in origin.requests] == [False, True, False]


def test_what_is_remembered_has_a_bound_and_what_was_used_last_stays() -> None:
    def copy(size: int, **headers: str) -> Copy:
        return Copy(b"x" * size, headers)

    kept = Kept(most=100)
    for name in "abc":
        kept.put((name, ()), copy(40, etag=name))
        kept.get(("a", ()))
    assert [name for name in "abc" if kept.get((name, ()))] == ["a", "c"]
    kept.put(("c", ()), copy(60, etag="new"))
    assert [name for name in "abc" if kept.get((name, ()))] == ["a", "c"]
    kept.put(("a", ()), copy(1))  # cannot be asked for again
    kept.put(("d", ()), copy(101, etag="d"))
    assert not any(kept.get((name, ())) for name in "abd")


async def test_nothing_stays_open_behind_it() -> None:
    async with Origin(lambda request: Reply(b"1")) as origin:
        before = open_descriptors()
        async with fetching() as fetch:
            await asyncio.gather(*(fetch.get(origin.url) for _ in range(5)))
            gone = asyncio.create_task(Fetch.get(fetch, f"{origin.url}/"))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
    assert open_descriptors() <= before
