"""What people write on Mastodon under a service's hashtags: the share of those statuses that complain about it.

Format: docs.joinmastodon.org, `GET /api/v1/timelines/tag/{tag}` with `any[]` for further tags, newest first, 40 a page,
300 requests in 5 minutes. `content` is HTML. With several instances each is asked for its own people's statuses alone
(`local`), and all tags are asked for at once, so that no status is counted twice. Neither text nor author is kept.

The first read counts nothing: it learns where the next begins. A status tells its time itself, and one that comes from
another server may lie: those from the future are left out, and are the instance's fault only when all are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.model import Service, Signal
from exporter.options import any_of
from exporter.readings import Fault, Mark, Reading, Tally, tallied

INTERVAL = 60.0
NEEDS_SERVICES = True
NEEDS_COMPLAINTS = True

PAGE = 40
MOST_PAGES = 10
"""More than this between two reads is left uncounted, and not claimed as covered."""

FUTURE = 300.0
"""Seconds by which another machine's clock may be ahead of ours."""

LONGEST = 10_000
"""Characters of a status that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    instances: tuple[str, ...] = ("https://mastodon.social",)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for instance in self.instances:
            if not instance.startswith(("https://", "http://")):
                raise ValueError(f"instances: {instance!r} is not a URL such as https://mastodon.social")
        if not self.instances:
            raise ValueError("instances is empty; leave it out for mastodon.social")
        for service, tags in self.tags.items():
            if not tags or not all(tag.isalnum() for tag in tags):
                raise ValueError(f"tags.{service}: write hashtags without #, letters and digits only")


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    created_at: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What comes instead of a list."""

    error: str = ""


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """What was written since the last read."""
    mark, at = Mark.of(bookmark), fetch.now()
    newest: dict[str, str] = {}
    tallies: list[Tally] = []
    since = mark.at or at
    for service in services:
        written: list[tuple[float, str]] = []
        for instance in signal.options.instances:
            timeline = f"{instance} {service.name}"
            known = mark.newest.get(timeline)
            statuses, are_all = await _since(known, _asked(signal.options, service.name), instance, fetch)
            newest[timeline] = max((known or "0", *(status.id for status in statuses)), key=_order)
            found = _written(statuses, at)
            if known is None:
                since = at
                continue
            if not are_all:
                since = max(since, min(time for time, _ in found))
            written += found
        pattern = any_of(service.complaints)
        tallies += tallied(service.name, [(time, bool(pattern.search(text))) for time, text in written])
    return Reading(at, tuple(tallies), min(since, at), bookmark=str(Mark(at, newest)))


def _order(identity: str) -> tuple[int, str]:
    """Ids are numbers of growing length; some servers' are letters of one length."""
    return len(identity), identity


def _asked(options: Options, service: str) -> dict[str, Any]:
    first, *others = options.tags.get(service, (service,))
    alone = {"local": "true"} if len(options.instances) > 1 else {}
    return {"tag": first, "limit": str(PAGE), **({"any[]": others} if others else {}), **alone}


async def _since(known: str | None, asked: dict[str, Any], instance: str, fetch: Fetch) -> tuple[list[Status], bool]:
    """The statuses after the one that is known, newest first, and whether these are all."""
    asked = dict(asked)
    url = f"{instance.rstrip('/')}/api/v1/timelines/tag/{quote(asked.pop('tag'))}"
    asked |= {"since_id": known} if known else {}
    found: list[Status] = []
    for _ in range(MOST_PAGES):
        page = _page((await fetch.get(f"{url}?{urlencode(asked, doseq=True)}")).body)
        found += page
        if len(page) < PAGE or known is None:
            return found, True
        asked["max_id"] = min((status.id for status in page), key=_order)
    return found, False


def _page(body: bytes) -> list[Status]:
    if body.lstrip().startswith(b"{"):
        refusal = parse_json(Refusal, body)
        raise SignalError(Fault.ERROR, f"the instance says: {one_line(refusal.error) or 'an object, not a list'}")
    return parse_json(list[Status], body)


def _written(statuses: Sequence[Status], at: float) -> list[tuple[float, str]]:
    """Time and plain text of those that are not from the future; SignalError when all are."""
    dated = [(moment(status.created_at, math.inf), status) for status in statuses]
    found = [(time, one_line(status.content, LONGEST)) for time, status in dated if time <= at + FUTURE]
    if statuses and not found:
        raise SignalError(Fault.FORMAT, f"all {len(statuses)} statuses are from the future")
    return found
