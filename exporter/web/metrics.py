"""`/metrics`: text or OpenMetrics by the Accept header, gzip when asked.

A large page is compressed in a thread (zlib releases the interpreter's lock), so that it delays nobody.
"""

from __future__ import annotations

import asyncio
import gzip

from aiohttp import web

from exporter.metrics import OPENMETRICS, TEXT, wants_openmetrics
from exporter.web.site import SITE

_LEVEL = 1  # of gzip: on a loopback or a LAN the time to compress counts, not the size
_IN_A_THREAD_ABOVE = 1 << 20

routes = web.RouteTableDef()


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    site = request.app[SITE]
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    body = site.page.render(site.store, site.own, openmetrics)
    headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        if len(body) > _IN_A_THREAD_ABOVE:
            body = await asyncio.to_thread(gzip.compress, body, _LEVEL)
        else:
            body = gzip.compress(body, _LEVEL)
    return web.Response(body=body, headers=headers)
