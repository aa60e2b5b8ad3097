"""`/probe`: one probe of the target that is asked for, by blackbox_exporter's rules, and `/probe/history`: the newest.

A target that makes no sense is a failed probe, as there, and no wrong request.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from exporter.attempt import named
from exporter.metrics import content_type, once
from exporter.model import Module
from exporter.web import probe_text
from exporter.web.accepted import gzips
from exporter.web.connections import Connection
from exporter.web.metrics import wants_openmetrics
from exporter.web.paging import part
from exporter.web.probed import Probed
from exporter.web.probing import EndingError, TooManyError
from exporter.web.site import SITE, html

OFF = "/probe is off; it is on with run --blackbox.config FILE, where FILE is a blackbox_exporter's module file"

_MODULE = "http_2xx"  # when none is named
_SCRAPE = "X-Prometheus-Scrape-Timeout-Seconds"
_SCRAPE_DEFAULT = 120.0
_LONGEST = 3600.0  # seconds; nobody who waits longer is there any more
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RETRY = 1  # seconds until there is probably room
_WBITS, _MEMORY = 28, 5  # gzip with a window of 4 KiB: such pages are small, and a larger one costs more to clear

routes = web.RouteTableDef()


@routes.get("/probe")
async def probe(request: web.Request) -> web.Response:
    prober = request.app[SITE].prober
    if prober is None:
        raise web.HTTPNotFound(reason=OFF)
    asked = request.query
    name = asked.get("module") or _MODULE
    module = prober.modules.get(name)
    if module is None:
        return _refused(400, f"Unknown module {json.dumps(name)}")
    try:
        within = allowed(request.headers.get(_SCRAPE, ""), module, prober.offset)
    except ValueError as error:
        return _refused(500, f"Failed to parse timeout from Prometheus header: {error}")
    target, hostname = asked.get("target", ""), asked.get("hostname", "")
    if not target:
        return _refused(400, "Target parameter is missing")
    try:
        named(module, hostname)
    except ValueError as error:
        return _refused(400, str(error))
    try:
        with _given_up_with(request):
            probed = await prober.probe(module, target, hostname, within)
    except TooManyError as error:
        return _too_many(error)
    except EndingError:
        return _refused(503, "The program ends")
    if asked.get("debug") == "true":
        return web.Response(text=probe_text.told(probed))
    return _answer(request, probed)


@routes.get("/probe/history")
async def history(request: web.Request) -> web.Response:
    prober = request.app[SITE].prober
    if "id" not in request.query:
        found = part(list(prober.history) if prober else [], request.query.get("page", ""))
        return html("probe_history.html", off=OFF, prober=prober, text=probe_text, **found._asdict())
    number = request.query["id"]
    probed = prober.history.find(int(number)) if prober and number.isdecimal() and len(number) < 16 else None
    if probed is None:
        raise web.HTTPNotFound(reason="there is no such probe, or it is too old to be kept; see /probe/history")
    return web.Response(text=probe_text.told(probed))


def allowed(header: str, module: Module, offset: float) -> float:
    """Seconds for a probe: what the scraper gives less `offset`, or the module's own timeout when that is shorter.

    As blackbox_exporter: when the scraper gives less than the offset, the module's timeout, even if it has none.
    ValueError when the header is no number.
    """
    if header and not _NUMBER.fullmatch(header):
        raise ValueError(f"{json.dumps(header)} is not a number of seconds")
    given = (float(header or 0) or _SCRAPE_DEFAULT) - offset
    if given < 0 or 0 < module.timeout < given:
        return module.timeout
    return min(given, _LONGEST)


@contextmanager
def _given_up_with(request: web.Request) -> Iterator[None]:
    """Inside, who goes away ends what is done for them."""
    connection, task = request.protocol, asyncio.current_task()
    assert isinstance(connection, Connection)
    assert task is not None
    connection.on_leaving = task.cancel
    try:
        yield
    finally:
        connection.on_leaving = None


def _answer(request: web.Request, probed: Probed) -> web.Response:
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    body = once.page(probed.module, probed.result, probed.timeout, openmetrics)
    headers = {"Content-Type": content_type(openmetrics), "Vary": "Accept, Accept-Encoding"}
    if gzips(request):
        packer = zlib.compressobj(1, wbits=_WBITS, memLevel=_MEMORY)
        body = packer.compress(body) + packer.flush()
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def _refused(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n")


def _too_many(error: TooManyError) -> web.Response:
    answer = _refused(429, f"{error}; ask again in a second")
    answer.headers["Retry-After"] = str(_RETRY)
    return answer
