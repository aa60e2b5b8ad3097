"""What an RSS or Atom feed says is open: TikTok's Business API, Azure, and any page that has a feed.

Format: RSS 2.0 (rssboard.org/rss-specification), RSS 1.0 and Atom (RFC 4287). A feed does not say what is over, so two
patterns and an age decide: an entry is open when it is not older than `open_within`, matches `open_if` and does not
match `closed_if`; of entries with the same link the newest speaks. What is announced for later is not open yet. Azure's
feed drops what is resolved: `open_within: 7d` suits it. The layout of TikTok's entries (levels "No Known Issue", "Low
Disruption", "Major Disruption") has not been seen, so level and text are looked for in title and description alike. A
feed that is cut off is not read: what is missing may be what is open.

It is read by expat in one pass, because whole libraries for feeds take seconds for what a stranger can write in two
megabytes, and pages are served by the same process. A document type is refused: entities are declared there.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.parsers import expat

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

TEXT = 2000
"""Characters of an entry's text in which patterns are looked for: some feeds have the newest words at its end."""

AHEAD = 300.0
"""Seconds by which a feed's clock may be ahead of ours."""

_DEEPEST = 100
_FEEDS = frozenset({"rss", "feed", "rdf:RDF"})
_PARTS = {
    "title": "title",
    "description": "text",
    "summary": "text",
    "content": "text",
    "content:encoded": "text",
    "link": "link",
    "pubDate": "published",
    "published": "published",
    "dc:date": "published",
    "updated": "updated",
    "atom:updated": "updated",
}
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
    if not body.strip():
        raise SignalError(Fault.FORMAT, "an empty answer instead of a feed")
    items = _Items(body).found
    entries = [entry for item in items if (entry := _entry(item)).at is None or entry.at <= now + AHEAD]
    if items and not entries:
        raise SignalError(Fault.FORMAT, f"all of its {len(items)} entries are from the future")
    return entries


def _entry(item: dict[str, str]) -> Entry:
    written = item.get("updated") or item.get("published")
    at = moment(written, math.inf) if written else None
    title, text, link = (item.get(part, "") for part in ("title", "text", "link"))
    return Entry(one_line(title), one_line(text, TEXT), one_line(link), at)


class _Items:
    """The texts of a feed's entries, by the names on the right of `_PARTS`; the first of each is kept.

    What stands around them must be XML to its end, and is otherwise passed over.
    """

    def __init__(self, body: bytes) -> None:
        self.found: list[dict[str, str]] = []
        self._path: list[str] = []
        self._item: dict[str, str] | None = None
        self._depth = 0
        self._part = ""
        self._heard: list[str] = []
        self._parse(body.lstrip())

    def _parse(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        # HTML's names, such as &nbsp;, stand in feeds that declare none: so expat tells of them instead of giving up.
        parser.UseForeignDTD(True)
        parser.ExternalEntityRefHandler = lambda *_: 1
        parser.SkippedEntityHandler = lambda name, _: self._hear(html.unescape(f"&{name};"))
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._enter
        parser.CharacterDataHandler = self._hear
        parser.EndElementHandler = self._leave
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            kind = "a feed that is broken" if self._path or self.found else "neither RSS nor Atom"
            raise SignalError(Fault.FORMAT, f"{kind}: {error}") from error
        except (LookupError, ValueError) as error:
            raise SignalError(Fault.FORMAT, f"an encoding that is unknown: {one_line(str(error), 80)}") from error

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if self._path[0] not in _FEEDS:
            raise SignalError(Fault.FORMAT, "neither RSS nor Atom, but another page")
        if len(self._path) > _DEEPEST:
            raise SignalError(Fault.FORMAT, f"elements more than {_DEEPEST} deep")
        if self._item is None:
            if name in ("item", "entry") and len(self.found) < ENTRIES:
                self._item, self._depth = {}, len(self._path)
        elif len(self._path) == self._depth + 1:
            self._begin(self._item, _PARTS.get(name, ""), attributes)
        else:
            self._hear(" ")

    def _begin(self, item: dict[str, str], part: str, attributes: dict[str, str]) -> None:
        self._part, self._heard = part, []
        if part == "link" and attributes.get("rel", "alternate") == "alternate":
            self._heard.append(attributes.get("href", ""))

    def _hear(self, text: str) -> None:
        if self._part:
            self._heard.append(text)

    def _leave(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._item is None:
            return
        if depth == self._depth:
            self.found.append(self._item)
            self._item = None
        elif depth == self._depth + 1 and self._part:
            said = "".join(self._heard).strip()
            if said:
                self._item.setdefault(self._part, said)
            self._part = ""


def _refuse(name: str, *_: object) -> None:
    what = "a page of HTML" if name.lower() == "html" else "a document type"
    raise SignalError(Fault.FORMAT, f"{what} instead of a feed")


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
    return Notice(entry.title or "untitled", entry.link or url, _level(entry), entry.at, quote=one_line(entry.text))


def _level(entry: Entry) -> Literal["minor", "major", "unknown"]:
    said = f"{entry.title} {entry.text}"
    if _MAJOR.search(said):
        return "major"
    return "minor" if _MINOR.search(said) else "unknown"
