"""`/metrics`: text or OpenMetrics by the Accept header, gzip when asked.

The page goes out in pieces, each a millisecond's work, so that a scrape of ten thousand targets
holds nothing else up. Pieces are compressed in a thread (zlib releases the interpreter's lock).
"""

from __future__ import annotations

import asyncio
import time
import zlib

from aiohttp import web

from exporter.history import Statistics
from exporter.metrics import content_type, exposition
from exporter.web.accepted import gzips, weights
from exporter.web.site import SITE, Site

_LEVEL = 1  # of gzip: on a loopback or a LAN the time to compress counts, not the size
_GZIP = 31  # wbits of zlib: the largest window, gzip's header and trailer
_IN_A_THREAD_ABOVE = 1 << 16

routes = web.RouteTableDef()


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.StreamResponse:
    site = request.app[SITE]
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    compressed = gzips(request)
    answer = web.StreamResponse(headers={"Content-Type": content_type(openmetrics), "Vary": "Accept, Accept-Encoding"})
    if compressed:
        answer.headers["Content-Encoding"] = "gzip"
    await answer.prepare(request)
    if request.method == "HEAD":
        return answer
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP) if compressed else None
    for piece in exposition(site.page, site.own, site.store, openmetrics, _statistics(site), site.intake):
        if packer is None:
            await answer.write(piece)
            # A fast reader never makes a write wait, so the others' turn must be given.
            await asyncio.sleep(0)
        elif len(piece) > _IN_A_THREAD_ABOVE:
            await answer.write(await asyncio.to_thread(packer.compress, piece))
        else:
            await answer.write(packer.compress(piece))
    if packer is not None:
        await answer.write(packer.flush())
    await answer.write_eof()
    return answer


def _statistics(site: Site) -> dict[str, Statistics]:
    """Of each service; a history that cannot be read is not known, and no reason to have no metrics."""
    now = time.time()
    try:
        return {
            service.name: site.history.incidents.statistics(service.name, now) for service in site.store.config.services
        }
    except OSError:
        return {}


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics to the text format."""
    wanted = weights(accept)
    return 0 < wanted.get("application/openmetrics-text", 0.0) >= wanted.get("text/plain", 0.0)
