"""What the public reads, made at most once a second however many ask, with a tag by which a cache asks again.

A page that is made anew and says the same keeps its tag, so that a cache is answered 304 until something changes.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from aiohttp import web

FRESH_FOR = 1.0
"""Seconds that a page is served before it is made anew."""

MAX_AGE = 5
"""Seconds that a cache may serve it without asking."""

STALE_FOR = 600
"""Seconds that a cache may serve the last page while this program does not answer: the page says how old it is."""

_MOST = 512  # copies: pages that are asked for with parameters must not fill the memory
_LEVEL = 6  # of gzip
_SMALLEST = 1024  # bytes that are worth compressing


@dataclass(frozen=True, slots=True)
class Copy:
    """A page as it goes out; `made_at` is of the monotonic clock."""

    body: bytes
    packed: bytes | None
    tag: str
    made_at: float


class Shelf:
    """The newest copy of each page."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._copies: OrderedDict[Hashable, Copy] = OrderedDict()

    def copy(self, key: Hashable, make: Callable[[], str | bytes]) -> Copy:
        """The copy under `key`, made by `make` when there is none that is fresh."""
        known, now = self._copies.get(key), self._now()
        if known is not None and now - known.made_at < FRESH_FOR:
            self._copies.move_to_end(key)
            return known
        made = _made(make(), known, now)
        self._copies[key] = made
        self._copies.move_to_end(key)
        if len(self._copies) > _MOST:
            self._copies.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget everything: a new configuration may have changed any page."""
        self._copies.clear()


SHELF: web.AppKey[Shelf] = web.AppKey("shelf", Shelf)


def answer(
    request: web.Request,
    key: Hashable,
    make: Callable[[], str | bytes],
    content_type: str,
    headers: Mapping[str, str] | None = None,
    max_age: int = MAX_AGE,
) -> web.Response:
    """The page under `key` (which begins with the page's kind), or 304 to whoever has it."""
    copy = request.app[SHELF].copy(key, make)
    packed = copy.packed if "gzip" in request.headers.get("Accept-Encoding", "").lower() else None
    fixed = {
        "Cache-Control": f"public, max-age={max_age}, stale-while-revalidate={max_age}, stale-if-error={STALE_FOR}",
        "ETag": f'W/"{copy.tag}"',
        "Vary": "Accept-Encoding",
        **(headers or {}),
    }
    if _has(request, copy.tag):
        return web.Response(status=304, headers=fixed)
    if packed is not None:
        fixed["Content-Encoding"] = "gzip"
    charset = None if content_type.startswith("image/") or content_type == "application/x-tar" else "utf-8"
    return web.Response(body=packed or copy.body, content_type=content_type, charset=charset, headers=fixed)


def _has(request: web.Request, tag: str) -> bool:
    """Whether the visitor's copy is this one; a tag that is compared weakly may come with or without `W/`."""
    found = request.if_none_match or ()
    return any(one.value in ("*", tag) for one in found)


def _made(content: str | bytes, known: Copy | None, now: float) -> Copy:
    body = content.encode() if isinstance(content, str) else content
    if known is not None and known.body == body:
        return Copy(known.body, known.packed, known.tag, now)
    packed = gzip.compress(body, _LEVEL, mtime=0) if len(body) >= _SMALLEST else None
    return Copy(body, packed, hashlib.blake2b(body, digest_size=12).hexdigest(), now)
