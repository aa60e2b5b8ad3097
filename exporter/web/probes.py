"""`/probes`: every pair with its newest result; `/probes/SERVICE/ENDPOINT/REGION`: one pair whole."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from exporter.model import Result
from exporter.state import Record
from exporter.web.site import SITE, html

PAGE_SIZE = 200

routes = web.RouteTableDef()


@routes.get("/probes")
async def probes(request: web.Request) -> web.Response:
    service, failing = request.query.get("service", ""), "failing" in request.query
    records = [r for r in request.app[SITE].store.records.values() if _wanted(r, service, failing)]
    pages = max(1, -(-len(records) // PAGE_SIZE))
    number = _number(request.query.get("page", "1"), pages)
    shown = records[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    values = {"service": service, "failing": failing, "page": number, "pages": pages}
    return html("probes.html", records=shown, total=len(records), **values)


@routes.get("/probes/{service}/{endpoint}/{region}")
async def probe(request: web.Request) -> web.Response:
    names = request.match_info
    record = request.app[SITE].store.records.get((names["service"], names["endpoint"], names["region"]))
    if record is None:
        raise web.HTTPNotFound(reason="no such pair is configured; see /probes")
    return html("probe.html", record=record, moves=_moves(record.results))


def _moves(results: Sequence[Result]) -> list[str]:
    """Of each result, newest first: which edge it was sent to, and which the one before, when they are not the same."""
    found, before = [], ""
    for result in reversed(results):
        edge = str(result.facts.get("edge", ""))
        found.append(f"{edge}; it was {before}" if edge and before and edge != before else "")
        before = edge or before
    return found[::-1]


def _wanted(record: Record, service: str, failing: bool) -> bool:
    if service and record.pair.endpoint.service != service:
        return False
    return not failing or record.track.reason is not None


def _number(text: str, pages: int) -> int:
    return min(max(int(text), 1), pages) if text.isdecimal() and len(text) < 10 else 1
