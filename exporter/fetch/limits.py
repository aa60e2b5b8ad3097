"""When a server wants to be asked again: Retry-After (RFC 9110, 10.2.3) and the headers of rate limits.

Of the latter there are many dialects: X-RateLimit-Reset, x-rate-limit-reset and RateLimit-Reset hold unix seconds
(X, GitHub), seconds from now (Globalping, the IETF's drafts) or a time (Mastodon); RateLimit holds `reset=` or `t=`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exporter.errors import SignalError
from exporter.fetch.parsing import moment
from exporter.readings import Fault

LONGEST = 86400.0
"""Seconds: a server that says a year is mistaken, and would silence a signal for good."""

_RESETS = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
_LEFT = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_RESET = re.compile(r"\b(?:reset|t)=(\d+)")
_NONE_LEFT = re.compile(r"\b(?:remaining|r)=0\b")
_UNIX = 1e9


class Limits:
    """Remembers for each host until when it is left alone, in unix seconds."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def check(self, host: str, now: float) -> None:
        """SignalError `limited` while the host wants to be left alone."""
        until = self._until.get(host, 0.0)
        if until > now:
            raise SignalError(Fault.LIMITED, f"{host} wants to be asked again in {until - now:.0f} s", until)
        self._until.pop(host, None)

    def note(self, host: str, status: int, headers: Mapping[str, str], now: float) -> float:
        """Take in what an answer says of limits: when it wants to be asked again, 0 when at any time."""
        at = retry_at(status, headers, now)
        if at > now:
            self._until[host] = at
        return at


def retry_at(status: int, headers: Mapping[str, str], now: float) -> float:
    """Unix seconds, 0 when the headers (names in lower case) do not say; at most a day ahead."""
    refused = status in (429, 503)
    text = headers.get("retry-after", "") if refused else ""
    if not text and (status == 429 or _is_used_up(headers)):
        text = _first(headers, _RESETS) or _found(_RESET, headers.get("ratelimit", ""))
    return min(_parse(text, now), now + LONGEST)


def _is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the next request would be one too many, though this one was answered."""
    return _first(headers, _LEFT) == "0" or bool(_NONE_LEFT.search(headers.get("ratelimit", "")))


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((headers[name].strip() for name in names if name in headers), "")


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _parse(text: str, now: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return _parse_time(text)
    if not 0 <= number < _UNIX * 10:
        return 0.0
    return number if number >= _UNIX else now + number


def _parse_time(text: str) -> float:
    try:
        return moment(text, float("inf"))
    except SignalError:
        return 0.0
