"""How many posts on X complain about a service, counted by X itself: a paid interface, so off until configured.

Format: docs.x.com, `GET /2/tweets/counts/recent` with an app's bearer token; 300 requests in 15 minutes, 7 days back.
A service's `queries` entry is a search in X's own syntax. Only minutes that are complete and half a minute old are
taken, because X still indexes newer ones. The first read goes back as far as X does, so that there is a week to
compare with at once. What X counts is no share of anything: posts have no `out_of`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.options import File, SecretText, read_secret
from exporter.readings import BUCKET, Fault, Reading, Tally

INTERVAL = 60.0
NEEDS_SERVICES = True

SETTLED = 30.0
"""Seconds until a minute's count is taken for final."""

FARTHEST = 7 * 86400 - 3600.0
"""Seconds back that X keeps, less an hour to be on the safe side of its clock."""

MOST_PAGES = 20
"""Of one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    token: SecretText | None = None
    token_file: File | None = None
    queries: dict[str, str] = field(default_factory=dict)
    url: str = "https://api.x.com/2/tweets/counts/recent"

    def __post_init__(self) -> None:
        if bool(self.token) == bool(self.token_file):
            raise ValueError("set token or token_file, one of them: the bearer token of an app")
        if not self.queries:
            raise ValueError("queries is empty; write a search for each service")


@dataclass(frozen=True, slots=True)
class Minute:
    start: str
    tweet_count: int


@dataclass(frozen=True, slots=True)
class Meta:
    total_tweet_count: int
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    meta: Meta
    data: tuple[Minute, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What may stand in an answer of status 200 too."""

    errors: Any = None
    title: Any = None


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The complete minutes since the last read; a bookmark is the time, unix seconds, up to which they are counted."""
    until = (fetch.now() - SETTLED) // 60 * 60
    oldest = (fetch.now() - FARTHEST) // 60 * 60 + 60
    since = max(float(bookmark) if bookmark.isdecimal() else oldest, oldest)
    if since >= until:
        return Reading(until, bookmark=bookmark)
    for service in services:
        # A service that nobody asks about must not look as if nobody complained.
        if service.name not in signal.options.queries:
            raise SignalError(Fault.INTERNAL, f"queries has no search for {service.name}")
    tallies = [await _tallies(service.name, signal.options, fetch, since, until) for service in services]
    return Reading(until, tuple(chain.from_iterable(tallies)), since, bookmark=str(int(until)))


async def _tallies(service: str, options: Options, fetch: Fetch, since: float, until: float) -> list[Tally]:
    counts: Counter[float] = Counter()
    minutes = 0
    async for page in _pages(options.queries[service], options, fetch, since, until):
        for minute in page.data:
            counts[_start(minute, fetch.now(), since, until) // BUCKET * BUCKET] += minute.tweet_count
        minutes += len(page.data)
        # A minute that is left out is zero only when the total says that nothing is missing.
        if sum(minute.tweet_count for minute in page.data) != page.meta.total_tweet_count:
            raise SignalError(Fault.FORMAT, "meta.total_tweet_count is not the sum of the minutes")
    if minutes > (until - since) / 60:
        raise SignalError(Fault.FORMAT, f"{minutes} minutes came where {(until - since) / 60:.0f} were asked for")
    first = int(since // BUCKET * BUCKET)
    return [Tally(service, "", start, counts[start]) for start in range(first, int(until), BUCKET)]


def _start(minute: Minute, now: float, since: float, until: float) -> float:
    start = moment(minute.start, now)
    if not since <= start < until or minute.tweet_count < 0:
        raise SignalError(Fault.FORMAT, f"data: the minute {one_line(minute.start)} was not asked for")
    return start


async def _pages(query: str, options: Options, fetch: Fetch, since: float, until: float) -> AsyncIterator[Page]:
    asked = {"query": query, "granularity": "minute", "start_time": _text(since), "end_time": _text(until)}
    for _ in range(MOST_PAGES):
        page = await _page(asked, options, fetch)
        yield page
        if not page.meta.next_token:
            return
        asked["next_token"] = page.meta.next_token
    raise SignalError(Fault.SIZE, f"the answer has more than {MOST_PAGES} pages")


async def _page(asked: dict[str, str], options: Options, fetch: Fetch) -> Page:
    token = read_secret(options.token, options.token_file)
    answer = await fetch.get(options.url, headers={"Authorization": f"Bearer {token}"}, params=asked)
    refusal = parse_json(Refusal, answer.body)
    if refusal.errors or refusal.title:
        raise SignalError(Fault.ERROR, f"X says: {one_line(str(refusal.errors or refusal.title))}")
    return parse_json(Page, answer.body)


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
