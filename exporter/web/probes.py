"""`/probes`: every pair with its newest result; `/probes/SERVICE/ENDPOINT/REGION`: one pair whole."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from exporter.model import Result
from exporter.state import Record
from exporter.web.paging import part
from exporter.web.site import SITE, html

routes = web.RouteTableDef()


@routes.get("/probes")
async def probes(request: web.Request) -> web.Response:
    service, failing = request.query.get("service", ""), "failing" in request.query
    records = [r for r in request.app[SITE].store.records.values() if _wanted(r, service, failing)]
    shown, page, pages = part(records, request.query.get("page", ""))
    values = {"service": service, "failing": failing, "page": page, "pages": pages}
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
