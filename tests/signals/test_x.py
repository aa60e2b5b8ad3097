"""X's counts: complete minutes only, each counted once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.model import Service
from exporter.options import Secret
from exporter.readings import BUCKET, Fault, Reading
from exporter.signals import x
from tests.servers.origin import Reply, Request, as_json
from tests.signals.polling import SHOP, TIKTOK, Asking

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
QUERIES = {"tiktok": '"tiktok down"', "shop": "shop down"}


def options(url: str) -> x.Options:
    return x.Options(token=Secret("t0ken"), queries=QUERIES, url=url)


def minutes(request: Request, each: int = 1) -> list[dict[str, Any]]:
    """Those that are asked for."""
    since, until = (datetime.fromisoformat(request.query[key]).timestamp() for key in ("start_time", "end_time"))
    return [
        {"start": datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "tweet_count": each}
        for start in range(int(since), int(until), 60)
    ]


def whole(request: Request, each: int = 1) -> Reply:
    data = minutes(request, each)
    return as_json({"data": data, "meta": {"total_tweet_count": each * len(data)}})


def after(bookmark: float, now: float, *services: Any) -> Asking:
    asking = Asking("x", now, *services)
    asking.bookmark = str(int(bookmark))
    return asking


def counted(reading: Reading) -> int:
    return sum(tally.count for tally in reading.tallies)


async def test_minutes_become_buckets_and_the_one_that_is_open_is_left() -> None:
    asking = after(NOON - 600, NOON + 95)
    reading = await asking.read(whole, options)
    assert [(tally.start - NOON, tally.count, tally.out_of) for tally in reading.tallies] == [
        (-BUCKET, 10, None),
        (0, 1, None),
    ]
    assert (reading.since, reading.at, reading.bookmark) == (NOON - 600, NOON + 60, str(int(NOON + 60)))


async def test_a_minute_is_counted_once() -> None:
    asking = after(NOON - 600, NOON + 95)
    first = await asking.read(whole, options)
    asking.now += 20
    second = await asking.read(whole, options)
    asking.now += 120
    third = await asking.read(whole, options)
    assert (counted(first), counted(second), counted(third)) == (11, 0, 2)
    assert third.since == first.at


async def test_the_first_read_goes_back_as_far_as_x_does() -> None:
    asking = Asking("x", NOON)
    reading = await asking.read(whole, options)
    assert reading.since is not None
    assert 6.9 * 86400 < reading.at - reading.since < 7 * 86400


async def test_each_service_is_asked_for_with_its_own_search_and_the_token() -> None:
    asking = after(NOON - 120, NOON + 30, TIKTOK, SHOP)
    reading = await asking.read(whole, options)
    assert [request.query["query"] for request in asking.requests] == ['"tiktok down"', "shop down"]
    assert {request.headers["authorization"] for request in asking.requests} == {"Bearer t0ken"}
    assert {tally.service for tally in reading.tallies} == {"tiktok", "shop"}


async def test_a_service_without_a_search_is_told_instead_of_counted_as_none() -> None:
    other = Service("other", "Other", ())
    with pytest.raises(SignalError, match="queries has no search for other"):
        await after(NOON - 120, NOON + 30, TIKTOK, other).read(whole, options)


async def test_an_answer_in_pages_is_read_to_its_end() -> None:
    def paged(request: Request) -> Reply:
        data = minutes(request)
        half = data[5:] if request.query.get("next_token") is None else data[:5]
        more = {} if "next_token" in request.query else {"next_token": "abc"}
        return as_json({"data": half, "meta": {"total_tweet_count": len(half), **more}})

    assert counted(await after(NOON - 600, NOON + 30).read(paged, options)) == 10


async def test_pages_without_an_end_are_a_fault() -> None:
    def endless(request: Request) -> Reply:
        return as_json({"data": [], "meta": {"total_tweet_count": 0, "next_token": "abc"}})

    with pytest.raises(SignalError) as caught:
        await after(NOON - 600, NOON + 30).read(endless, options)
    assert caught.value.fault is Fault.SIZE


async def test_minutes_left_out_are_zero_when_the_total_says_that_none_is_missing() -> None:
    def sparse(request: Request) -> Reply:
        return as_json({"data": minutes(request, 7)[:1], "meta": {"total_tweet_count": 7}})

    reading = await after(NOON, NOON + 630).read(sparse, options)
    assert [(tally.start, tally.count) for tally in reading.tallies] == [(NOON, 7)]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"data": [], "meta": {"total_tweet_count": 7}}, Fault.FORMAT),
        ({"data": []}, Fault.FORMAT),
        (
            {"data": [{"start": "2026-11-25T11:00:00.000Z", "tweet_count": 1}], "meta": {"total_tweet_count": 1}},
            Fault.FORMAT,
        ),
        (
            {"data": [{"start": "2026-11-25T11:55:00.000Z", "tweet_count": -1}], "meta": {"total_tweet_count": -1}},
            Fault.FORMAT,
        ),
        (
            {"data": [{"start": "2026-11-25T11:55:00Z", "tweet_count": 1}] * 99, "meta": {"total_tweet_count": 99}},
            Fault.FORMAT,
        ),
        ({"errors": [{"detail": "query is too long"}]}, Fault.ERROR),
        ({"title": "Unauthorized", "status": 401}, Fault.ERROR),
    ],
    ids=["minutes missing", "no total", "another time", "less than none", "too many", "errors", "a problem"],
)
async def test_what_cannot_be_is_a_fault(answer: Any, fault: Fault) -> None:
    with pytest.raises(SignalError) as caught:
        await after(NOON - 600, NOON + 30).read(lambda _: as_json(answer), options)
    assert caught.value.fault is fault


def test_one_credential_is_needed() -> None:
    with pytest.raises(ValueError, match="token or token_file"):
        x.Options(queries=QUERIES)
    with pytest.raises(ValueError, match="token or token_file"):
        x.Options(queries=QUERIES, token=Secret("a"), token_file="b")
