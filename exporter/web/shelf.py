"""Answers to the public, from copies: with a tag by which a cache asks again, and 304 to whoever has the newest.

Tags are weak (RFC 9110, 8.8.3), because a page and its compressed form have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from aiohttp import web

from exporter.web.accepted import gzips
from exporter.web.copies import Copy, FailedError, Made, Shelf
from exporter.web.site import SITE

MAX_AGE = 5
"""Seconds that a cache may serve a page without asking."""

STALE_FOR = 600
"""Seconds that a cache may serve the last page while this program does not answer: the page says how old it is."""

SHELF: web.AppKey[Shelf] = web.AppKey("shelf", Shelf)

_WITHOUT_CHARSET = ("image/", "application/x-tar")


def answer(
    request: web.Request,
    key: Hashable,
    make: Callable[[], Made],
    content_type: str,
    headers: Mapping[str, str] | None = None,
    max_age: int = MAX_AGE,
) -> web.Response:
    """The page under `key` (which begins with the page's kind), or 304 to whoever has it."""
    try:
        copy = request.app[SHELF].copy(key, make, request.app[SITE].store.config)
    except FailedError as error:
        raise _again(error.first) from None
    return give(request, copy, content_type, {"Cache-Control": caching(request, max_age), **(headers or {})})


def caching(request: web.Request, max_age: int = MAX_AGE) -> str:
    """What caches are told: how many seconds they may serve it without asking."""
    # `public` would let a cache give to everybody what was asked for with a password.
    whose = "private" if "Authorization" in request.headers else "public"
    return f"{whose}, max-age={max_age}, stale-while-revalidate={max_age}, stale-if-error={STALE_FOR}"


def give(request: web.Request, copy: Copy, content_type: str, headers: Mapping[str, str]) -> web.Response:
    """A copy, compressed for whoever takes that, or 304 to whoever has it; `headers` go out with both."""
    fixed = {"ETag": f'W/"{copy.tag}"', "Vary": "Accept-Encoding", **headers}
    if _has(request, copy.tag):
        return web.Response(status=304, headers=fixed)
    packed = copy.packed if gzips(request) else None
    if packed is not None:
        fixed["Content-Encoding"] = "gzip"
    charset = None if content_type.startswith(_WITHOUT_CHARSET) else "utf-8"
    return web.Response(body=packed or copy.body, content_type=content_type, charset=charset, headers=fixed)


def _again(first: Exception) -> web.HTTPException:
    """What is answered to whoever comes right after a page has failed; the log has it already."""
    if isinstance(first, web.HTTPException):
        return type(first)(reason=first.reason)
    return web.HTTPInternalServerError(reason="this page failed by a fault of this program; the log says where")


def _has(request: web.Request, tag: str) -> bool:
    """Whether the visitor's copy is this one; a tag that is compared weakly may come with or without `W/`."""
    found = request.if_none_match or ()
    return any(one.value in ("*", tag) for one in found)
