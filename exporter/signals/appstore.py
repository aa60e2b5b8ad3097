"""What people write in Apple's App Store: the share of one-star reviews that complain of what an outage does.

Format, from memory and so read tolerantly: at itunes.apple.com
`/{country}/rss/customerreviews/page={1..10}/id={app}/sortby=mostrecent/json`; `feed.entry` is a list, one object when
there is one, absent when there is none; 50 a page, newest first. Reviews appear minutes to hours late, so they
corroborate others and say nothing alone (`ALONE`). A review is of the app and seldom names it: each sentence is also
read with the service's title before it. No text is kept.

The first read counts nothing: it learns where the next begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.options import Country, any_of
from exporter.readings import Fault, Mark, Reading, Tally, tallied

INTERVAL = 600.0
ALONE = False
NEEDS_SERVICES = True
NEEDS_COMPLAINTS = True

MOST_PAGES = 10
"""Apple has no more."""

LONGEST = 10_000
"""Characters of a review that are looked at."""

_SENTENCE = re.compile(r"[.!?\n]+\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    apps: dict[str, int] = field(default_factory=dict)
    countries: tuple[Country, ...] = ("US",)
    url: str = "https://itunes.apple.com"

    def __post_init__(self) -> None:
        if not self.apps:
            raise ValueError("apps is empty; write the number of each service's app, such as {tiktok: 835599320}")


@dataclass(frozen=True, slots=True)
class Feed:
    entry: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    feed: Feed


@dataclass(frozen=True, slots=True)
class Review:
    time: float
    stars: str
    text: str


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The reviews since the last read."""
    mark, at = Mark.of(bookmark), fetch.now()
    newest: dict[str, str] = {}
    tallies: list[Tally] = []
    since = mark.at or at
    for service, country in ((one, country) for one in services for country in signal.options.countries):
        if service.name not in signal.options.apps:
            # A service that nobody asks about must not look as if nobody complained.
            raise SignalError(Fault.INTERNAL, f"apps has no number for {service.name}")
        place = f"{service.name} {country}"
        known = _time(mark.newest.get(place))
        reviews, are_all = await _since(known, signal.options, service.name, country, fetch)
        newest[place] = repr(max(chain([known or 0.0], (review.time for review in reviews))))
        if known is None:
            since = at
            continue
        if not are_all:
            since = max(since, min(review.time for review in reviews))
        tallies += _tallies(service, country, reviews)
    return Reading(at, tuple(tallies), min(since, at), bookmark=str(Mark(at, newest)))


def _time(known: str | None) -> float | None:
    """When the newest review that is known is from, unix seconds; None before the first read."""
    try:
        return None if known is None else float(known)
    except ValueError:
        return None


async def _since(
    known: float | None, options: Options, service: str, country: str, fetch: Fetch
) -> tuple[list[Review], bool]:
    """The reviews after the newest that is known, and whether these are all."""
    found: list[Review] = []
    for number in range(1, MOST_PAGES + 1):
        address = f"{options.url}/{country.lower()}/rss/customerreviews/page={number}/id={options.apps[service]}"
        answer = await fetch.get(f"{address}/sortby=mostrecent/json")
        page = _reviews(answer.body, fetch.now())
        found += [review for review in page if known is None or review.time > known]
        if not page or known is None or min(review.time for review in page) <= known:
            return found, True
    return found, False


def _reviews(body: bytes, now: float) -> list[Review]:
    entries = parse_json(Page, body).feed.entry
    if not isinstance(entries, list):
        entries = [] if entries is None else [entries]
    # The app itself is among them in some answers: it has no rating.
    return [_review(entry, now) for entry in entries if not isinstance(entry, dict) or "im:rating" in entry]


def _review(entry: Any, now: float) -> Review:
    text = f"{_label(entry, 'title')}\n{_label(entry, 'content')}"
    return Review(moment(_label(entry, "updated"), now), _label(entry, "im:rating"), text[:LONGEST])


def _label(entry: Any, key: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    label = value.get("label") if isinstance(value, dict) else None
    if not isinstance(label, str):
        raise SignalError(Fault.FORMAT, f"feed.entry: {key} has no label that is a text")
    return label


def _tallies(service: Service, country: str, reviews: Sequence[Review]) -> list[Tally]:
    pattern = any_of(service.complaints)
    worst = [
        (review.time, any(pattern.search(text) for text in _readings_of(review.text, service.title)))
        for review in reviews
        if review.stars == "1"
    ]
    return tallied(service.name, worst, country)


def _readings_of(text: str, title: str) -> list[str]:
    return [one_line(text, LONGEST), *(f"{title} {sentence}" for sentence in _SENTENCE.split(text) if sentence)]
