"""`/static/NAME`, kept for a year by whoever asks with the hash that pages link; and `/robots.txt`."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cache

from aiohttp import web

from exporter.web import assets
from exporter.web.copies import Copy, copied
from exporter.web.shelf import answer, give

FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"

ROBOTS = """User-agent: *
Disallow: /probes
Disallow: /config$
Disallow: /status$
Disallow: /metrics$
Disallow: /export.tar
Disallow: /-/
Disallow: /api/
Disallow: /*/events$
"""

routes = web.RouteTableDef()


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.Response:
    # Looked up, never opened: no path leads anywhere.
    name = request.match_info["name"]
    copy = _copies().get(name)
    if copy is None:
        raise web.HTTPNotFound(reason="there is no such file")
    is_this = request.query.get("v") == assets.version(name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return give(request, copy, kind, {"Cache-Control": FOREVER if is_this else _ASK_AGAIN})


@cache
def _copies() -> Mapping[str, Copy]:
    return {name: copied(content) for name, content in assets.assets().items()}


@routes.get("/robots.txt")
async def robots(request: web.Request) -> web.Response:
    return answer(request, ("robots",), lambda: ROBOTS, "text/plain", max_age=3600)
