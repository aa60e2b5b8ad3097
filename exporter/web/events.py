"""`/{service}/events`: the verdict as server-sent events (the HTML standard, 9.2), for pages that stay open.

An event `glance` brings what stands at the top of the page, as JSON, with its version as the id; `alive` says that
verdicts are still judged. Whoever comes names the version that their page shows, so that
nothing is missed between a page and its stream: `?v=` at first, and the browser's `Last-Event-ID` when it comes again.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict

from aiohttp import web

from exporter.web.service import glance, named
from exporter.web.site import LANGUAGE, SITE, Place, Site, place_of
from exporter.web.streams import ALIVE, MOST, Channel, Event, Source

_STALLED_FOR = 45.0  # seconds that a listener may leave what it was sent
_RETRY = (2000, 8000)  # milliseconds until a browser comes again: all lose their streams at once
_RETRY_FULL = 60  # seconds
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx passes on at once what it would collect.
    "X-Accel-Buffering": "no",
}

routes = web.RouteTableDef()


@routes.get(f"/{LANGUAGE}/{{service}}/events")
@routes.get("/{service}/events")
async def events(request: web.Request) -> web.StreamResponse:
    site, name, place = request.app[SITE], named(request), place_of(request)
    if site.streams.count >= MOST:
        text = "503: as many pages as can be told of changes are open; look again now and then.\n"
        return web.Response(status=503, text=text, headers={"Retry-After": str(_RETRY_FULL)})
    answer = web.StreamResponse(headers=_HEADERS)
    await answer.prepare(request)
    if request.method == "HEAD":
        return answer
    known = request.headers.get("Last-Event-ID") or request.query.get("v", "")
    with site.streams.listen((name, place.language.code), _source(site, name, place)) as channel:
        try:
            await answer.write(f"retry: {random.randint(*_RETRY)}\n\n".encode())  # noqa: S311
            await _tell(answer, request.transport, channel, known)
        except ConnectionError:
            return answer  # The visitor has gone.
    await answer.write_eof()
    return answer


async def end(app: web.Application) -> None:
    """Let all go when the program stops."""
    app[SITE].streams.end()


async def _tell(answer: web.StreamResponse, transport: asyncio.Transport | None, channel: Channel, known: str) -> None:
    """Send what is new to one who knows the version `known`, until one of both ends it."""
    loop = asyncio.get_running_loop()
    sent_at = loop.time()
    while not channel.ended and transport is not None and not transport.is_closing():
        # What has not been taken yet waits in the kernel first, and then here: behind that comes nothing.
        if not transport.get_write_buffer_size():
            newest = channel.newest
            await answer.write(ALIVE if newest.version == known else newest.body)
            known, sent_at = newest.version, loop.time()
        elif loop.time() - sent_at > _STALLED_FOR:
            transport.abort()
            break
        await channel.turn()


def _source(site: Site, name: str, place: Place) -> Source:
    def state() -> object:
        verdict = site.store.verdicts.get(name)
        known = (site.store.evidence.get(name), site.store.sights, site.history.incidents.open_incident(name))
        return verdict and (verdict, *known)

    def make() -> Event:
        shown = glance(site, name, place)
        data = json.dumps(asdict(shown), ensure_ascii=False)
        return Event(shown.version, shown.answer, f"id: {shown.version}\nevent: glance\ndata: {data}\n\n".encode())

    return Source(state, make)
