"""What an Accept or Accept-Encoding header names, and how much it is wanted (RFC 9110, 12.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from aiohttp import web


def gzips(request: web.Request) -> bool:
    """Whether the answer may be compressed with gzip."""
    wanted = weights(request.headers.get("Accept-Encoding", ""))
    return wanted.get("gzip", wanted.get("*", 0.0)) > 0


_USUAL = 256  # characters; a longer header is nobody's usual one, and not worth to be remembered


def weights(header: str) -> Mapping[str, float]:
    """What the header names, in lower case, with the highest weight that it gives each."""
    return _remembered(header) if len(header) <= _USUAL else _read(header)


def _read(header: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for item in header.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        found[name] = max(found.get(name, 0.0), _quality(parameters))
    return found


_remembered = lru_cache(maxsize=256)(_read)


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
