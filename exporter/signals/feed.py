"""What an RSS or Atom feed says is open: TikTok's Business API, Azure, and any page that has a feed.

Format: RSS 2.0 and Atom, parsed by feedparser. A feed does not say what is over, so two patterns and an age decide: an
entry is open when it is not older than `open_within`, matches `open_if` and does not match `closed_if`; of entries with
the same link the newest speaks. Azure's feed drops what is resolved: `open_within: 7d` suits it. The layout of TikTok's
entries (levels "No Known Issue", "Low Disruption", "Major Disruption") has not been seen, so level and text are looked
for in title and description alike. A feed that is cut off is not read: what is missing may be what is open.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import feedparser

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line
from exporter.model import Service, Signal
from exporter.options import Duration, Pattern, compiled
from exporter.readings import Fault, Notice, Reading

INTERVAL = 300.0
NOTICES = True

MOST = 50
"""Notices of a feed that are told."""

ENTRIES = 500
"""Entries of a feed that are looked at."""

_MAJOR = compiled(r"(?i)\b(major|outage|down|unavailable|critical)\b")
_MINOR = compiled(r"(?i)\b(low|minor|degraded|partial|delays?|intermittent)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`open_within` in seconds; entries without a time are taken for new."""

    url: str
    open_within: Duration = 86400.0
    open_if: Pattern = ""
    closed_if: Pattern = r"(?i)\b(resolved|restored|completed|no known issues?|operating normally|mitigated)\b"

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url: {self.url!r} is not a feed such as https://status.example/feed.rss")


@dataclass(frozen=True, slots=True)
class Entry:
    """Of a feed; `at` is its newest time, unix seconds, None when it has none."""

    title: str
    text: str
    link: str
    at: float | None


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """All that is open in the feed."""
    options, now = signal.options, fetch.now()
    entries = _newest(_entries((await fetch.get(options.url)).body, now))
    found = [entry for entry in entries if _is_open(entry, options, now)]
    return Reading(now, notices=tuple(_notice(entry, options.url) for entry in found[:MOST]))


def _entries(body: bytes, now: float) -> list[Entry]:
    if not body.lstrip().startswith((b"<", b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")):
        raise SignalError(Fault.FORMAT, "neither RSS nor Atom" if body.strip() else "an empty answer instead of a feed")
    parsed = feedparser.parse(body)
    if not parsed.version:
        raise SignalError(Fault.FORMAT, "neither RSS nor Atom, but another page")
    broken = parsed.get("bozo_exception")
    if broken is not None and not isinstance(broken, feedparser.CharacterEncodingOverride):
        raise SignalError(Fault.FORMAT, f"a feed that is broken: {one_line(str(broken), 80)}")
    return [_entry(item, now) for item in parsed.entries[:ENTRIES]]


def _entry(item: Any, now: float) -> Entry:
    # Asked for what it has alone: feedparser warns when `published` must stand in for `updated`.
    name = "updated" if "updated" in item else "published"
    when, written = item.get(f"{name}_parsed"), item.get(name)
    if when is None and written:
        raise SignalError(Fault.FORMAT, f"{one_line(written, 60)!r} is not a time")
    at = moment(float(calendar.timegm(when)), now) if when else None
    return Entry(one_line(item.get("title", "")), one_line(item.get("summary", "")), one_line(item.get("link", "")), at)


def _newest(entries: Iterable[Entry]) -> list[Entry]:
    """Newest first, and of those with one link only the newest."""
    found: dict[str, Entry] = {}
    for number, entry in enumerate(sorted(entries, key=lambda entry: -(entry.at or 0.0))):
        found.setdefault(entry.link or str(number), entry)
    return list(found.values())


def _is_open(entry: Entry, options: Options, now: float) -> bool:
    said = f"{entry.title} {entry.text}"
    young = entry.at is None or now - entry.at <= options.open_within
    return young and bool(compiled(options.open_if).search(said)) and not compiled(options.closed_if).search(said)


def _notice(entry: Entry, url: str) -> Notice:
    return Notice(entry.title or "untitled", entry.link or url, _level(entry), entry.at, quote=entry.text)


def _level(entry: Entry) -> Literal["minor", "major", "unknown"]:
    said = f"{entry.title} {entry.text}"
    if _MAJOR.search(said):
        return "major"
    return "minor" if _MINOR.search(said) else "unknown"
