"""`/{service}/events`: the verdict as server-sent events (the HTML standard, 9.2), for pages that stay open.

An event `glance` brings what stands at the top of the page, as JSON, with its version as the id; `alive` says that
verdicts are still judged. Whoever comes names the version that their page shows, so that nothing is missed between a
page and its stream: `?v=` at first, and the browser's `Last-Event-ID` when it comes again.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from dataclasses import asdict

from aiohttp import web

from exporter.web.connections import most
from exporter.web.service import glance, named
from exporter.web.site import LANGUAGE, SITE, Place, Site, place_of
from exporter.web.streams import ALIVE, MOST, Channel, Event, Source

_STALLED_FOR = 45.0  # seconds that a listener may leave what it was sent
_SEND_BUFFER = 1 << 15  # bytes that the kernel holds for a listener; by itself it would take megabytes
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
    # Three connections of four are left to those who ask and go.
    if site.streams.count >= min(MOST, most() // 4):
        text = "503: as many pages as can be told of changes are open; look again now and then.\n"
        return web.Response(status=503, text=text, headers={"Retry-After": str(_RETRY_FULL)})
    answer = web.StreamResponse(headers=_HEADERS)
    await answer.prepare(request)
    transport = request.transport
    if request.method == "HEAD" or transport is None:
        return answer
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    known = request.headers.get("Last-Event-ID") or request.query.get("v", "")
    with site.streams.listen((name, place.language.code), _source(site, name, place)) as channel:
        try:
            await answer.write(f"retry: {random.randint(*_RETRY)}\n\n".encode())  # noqa: S311
            await _tell(answer, transport, channel, known)
            await answer.write_eof()
        except ConnectionError:
            pass  # The visitor has gone.
    return answer


async def end(app: web.Application) -> None:
    """Let all go when the program stops."""
    app[SITE].streams.end()


async def _tell(answer: web.StreamResponse, transport: asyncio.Transport, channel: Channel, known: str) -> None:
    """Send what is new to one who knows the version `known`, until one of both ends it."""
    loop = asyncio.get_running_loop()
    if known == channel.newest.version:
        await answer.write(ALIVE)
    else:
        channel.doubt()
    sent_at = loop.time()
    while True:
        await channel.turn()
        if channel.ended or transport.is_closing():
            return
        # What has not been taken yet waits in the kernel first, and then here: behind that comes nothing.
        if not transport.get_write_buffer_size():
            newest = channel.newest
            await answer.write(ALIVE if newest.version == known else newest.body)
            known, sent_at = newest.version, loop.time()
        elif loop.time() - sent_at > _STALLED_FOR:
            transport.abort()
            return


def _source(site: Site, name: str, place: Place) -> Source:
    def answer() -> str | None:
        verdict = site.store.verdicts.get(name)
        return verdict.answer if verdict else None

    def make() -> Event:
        shown = glance(site, name, place)
        data = json.dumps(asdict(shown), ensure_ascii=False)
        return Event(shown.version, shown.answer, f"id: {shown.version}\nevent: glance\ndata: {data}\n\n".encode())

    return Source(answer, make)
