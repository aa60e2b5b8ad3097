"""A server that wants to be left alone is left alone, in each of the dialects in which servers say so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from exporter.fetch.limits import retry_at
from exporter.readings import Fault
from tests.fetch.fetching import failure, fetching
from tests.servers.origin import Origin, Reply

NOW = 1_795_600_000.0
LATER = NOW + 90
_AS_DATE = datetime.fromtimestamp(LATER, UTC)


@pytest.mark.parametrize(
    ("status", "headers", "at"),
    [
        (429, {"retry-after": "90"}, LATER),
        (503, {"retry-after": "90"}, LATER),
        (429, {"retry-after": format_datetime(_AS_DATE, usegmt=True)}, LATER),
        (429, {"x-ratelimit-reset": "90"}, LATER),
        (429, {"x-ratelimit-reset": str(int(LATER))}, LATER),
        (429, {"x-rate-limit-reset": str(int(LATER))}, LATER),
        (429, {"x-ratelimit-reset": _AS_DATE.isoformat()}, LATER),
        (429, {"ratelimit-reset": "90"}, LATER),
        (429, {"ratelimit": "limit=100, remaining=0, reset=90"}, LATER),
        (429, {"ratelimit": '"default";r=0;t=90'}, LATER),
        (429, {"retry-after": "90", "x-ratelimit-reset": "5"}, LATER),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "90"}, LATER),
        (200, {"ratelimit": '"default";r=0;t=90'}, LATER),
        (200, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "90"}, 0),
        (200, {"ratelimit": "limit=100, remaining=10, reset=90"}, 0),
        (500, {"retry-after": "90"}, 0),
        (503, {}, 0),
        (429, {}, 0),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "-5"}, 0),
        (429, {"retry-after": "nan"}, 0),
        (429, {"retry-after": "9" * 400}, 0),
        (429, {"retry-after": "8000000"}, NOW + 86400),
        (429, {"x-ratelimit-reset": "Thu, 01 Jan 9999 00:00:00 GMT"}, NOW + 86400),
    ],
)
def test_when_a_server_wants_to_be_asked_again(status: int, headers: Mapping[str, str], at: float) -> None:
    assert retry_at(status, headers, NOW) == at


async def test_a_host_that_asks_for_a_pause_gets_no_request_before_it_ends() -> None:
    now = NOW
    replies = [Reply(status=429, headers={"Retry-After": "30"}), Reply(b"[]")]
    async with Origin(lambda request: replies.pop(0)) as origin, fetching(lambda: now) as fetch:
        error = await failure(fetch.get(f"{origin.url}/a"))
        assert (error.fault, error.retry_at) == (Fault.LIMITED, NOW + 30)
        now = NOW + 20
        error = await failure(fetch.get(f"{origin.url}/b"))
        assert (error.fault, error.retry_at) == (Fault.LIMITED, NOW + 30)
        assert str(error) == f"{origin.url[7:]} wants to be asked again in 10 s"
        assert origin.connections == 1
        now = NOW + 30
        assert (await fetch.get(f"{origin.url}/b")).body == b"[]"


async def test_a_host_whose_last_answer_used_up_the_limit_gets_no_further_request() -> None:
    spent = Reply(b"[]", headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"})
    async with Origin(lambda request: spent) as origin, fetching() as fetch:
        assert (await fetch.get(origin.url)).body == b"[]"
        assert (await failure(fetch.get(origin.url))).fault is Fault.LIMITED
    assert origin.connections == 1


async def test_a_pause_of_one_host_is_none_of_another() -> None:
    async with (
        Origin(lambda request: Reply(status=503, headers={"Retry-After": "30"})) as tired,
        Origin(lambda request: Reply(b"[]")) as awake,
        fetching() as fetch,
    ):
        assert (await failure(fetch.get(tired.url))).fault is Fault.LIMITED
        assert (await fetch.get(awake.url)).body == b"[]"
    assert tired.connections == 1


async def test_too_many_requests_without_a_time_is_limited_all_the_same() -> None:
    async with Origin(lambda request: Reply(status=429)) as origin, fetching() as fetch:
        error = await failure(fetch.get(origin.url))
    assert (error.fault, error.retry_at, origin.connections) == (Fault.LIMITED, 0.0, 1)
