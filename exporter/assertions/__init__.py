"""What an answer must hold: statuses, headers, patterns in the body, values in its JSON; and what a bot wall is like.

Each check returns the sentence of what is wrong, or None. Patterns are RE2 and unanchored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exporter.options import Pattern, StatusRanges, compiled, searched

_SHOWN = 120
"""Characters of a body or a header that a sentence quotes."""

BLOCKING_STATUSES = (range(403, 404), range(429, 430))
"""What most bot walls answer: taken for one unless configured otherwise."""


class Headers(Protocol):
    """The head of an answer; names in lower case."""

    def every(self, name: bytes) -> list[str]:
        """The values of all fields called `name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMatch:
    """blackbox_exporter's header matcher; a header that is missing fails it unless `allow_missing`."""

    header: str
    regexp: Pattern
    allow_missing: bool = False

    def __post_init__(self) -> None:
        if not self.header or not self.regexp:
            raise ValueError("header and regexp must be set")


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONMatch:
    """A value in a JSON body: `path` is keys and indices joined by dots; the value is matched as text."""

    path: str
    regexp: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class WallHeader:
    """A header by which a bot wall shows."""

    header: str
    regexp: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class BotWall:
    """What a bot wall looks like; any one sign is enough. Without `status`, 403 and 429 unless they are valid."""

    status: StatusRanges | None = None
    headers: tuple[WallHeader, ...] = ()
    body: tuple[Pattern, ...] = ()


NO_WALL = BotWall()
"""What holds when nothing is configured."""

_SUCCESS = (range(200, 300),)


def status_fault(status: int, valid: Sequence[range]) -> str | None:
    valid = valid or _SUCCESS
    if any(status in statuses for statuses in valid):
        return None
    return f"status {status}, wanted {', '.join(map(range_text, valid))}"


def range_text(statuses: range) -> str:
    """`404` or `200-299`."""
    return f"{statuses.start}" if len(statuses) == 1 else f"{statuses.start}-{statuses.stop - 1}"


def wall_in_head(wall: BotWall, valid: Sequence[range], status: int, head: Headers) -> str | None:
    """The sign of a bot wall in status and headers."""
    if wall.status is not None:
        walled = any(status in statuses for statuses in wall.status)
    else:
        walled = any(status in s for s in BLOCKING_STATUSES) and not any(status in s for s in valid)
    if walled:
        return f"status {status} is that of a bot wall"
    for sign in wall.headers:
        for value in head.every(sign.header.lower().encode()):
            if compiled(sign.regexp).search(value):
                return f"header {sign.header} is that of a bot wall: {quoted(value)}"
    return None


def wall_in_body(wall: BotWall, body: bytes) -> str | None:
    """The sign of a bot wall in the body."""
    for pattern in wall.body:
        if compiled(pattern).search(body):
            return f'the body is that of a bot wall: it matches "{pattern}"'
    return None


def header_fault(head: Headers, forbidden: Sequence[HeaderMatch], wanted: Sequence[HeaderMatch]) -> str | None:
    for match, must in (*((match, False) for match in forbidden), *((match, True) for match in wanted)):
        values = head.every(match.header.lower().encode())
        if not values and match.allow_missing:
            continue
        if not values:
            return f"header {match.header} is missing"
        if any(compiled(match.regexp).search(value) for value in values) != must:
            verb = "does not match" if must else "matches"
            return f'header {match.header} {verb} "{match.regexp}": {quoted(values[0])}'
    return None


def body_fault(body: bytes, forbidden: Sequence[str], wanted: Sequence[str]) -> str | None:
    for pattern in forbidden:
        if searched(pattern, body):
            return f'the body matches "{pattern}" ({described(body)})'
    for pattern in wanted:
        if not searched(pattern, body):
            return f'the body does not match "{pattern}" ({described(body)})'
    return None


def json_fault(body: bytes, forbidden: Sequence[JSONMatch], wanted: Sequence[JSONMatch]) -> str | None:
    if not forbidden and not wanted:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return f"the body is not JSON ({described(body)})"
    for match in forbidden:
        text = value_at(document, match.path)
        if text is not None and compiled(match.regexp).search(text):
            return f'{match.path} in the JSON body matches "{match.regexp}": {quoted(text)}'
    for match in wanted:
        text = value_at(document, match.path)
        if text is None:
            return f"{match.path} is not in the JSON body ({described(body)})"
        if not compiled(match.regexp).search(text):
            return f'{match.path} in the JSON body does not match "{match.regexp}": {quoted(text)}'
    return None


def value_at(document: Any, path: str) -> str | None:
    """The value at `path` as text: a string as it is, anything else as JSON; None when there is none."""
    value = document
    for step in path.split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return None


def quoted(text: str) -> str:
    """The beginning of a text on one line, in quotes."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return f'"{line[:_SHOWN]}..."' if len(line) > _SHOWN or len(text) > 4 * _SHOWN else f'"{line}"'


def described(body: bytes) -> str:
    """How long a body is and how it begins."""
    if not body:
        return "it is empty"
    return f"{len(body)} bytes, begins {quoted(body[: 5 * _SHOWN].decode('utf-8', 'replace'))}"
