"""`/`: each service's verdict in words, with its evidence and a table of features and regions."""

from __future__ import annotations

from aiohttp import web

from exporter.verdict import Verdict
from exporter.web.site import SITE, html

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    site = request.app[SITE]
    store = site.store
    tables = {name: _regions(verdict) for name, verdict in store.verdicts.items()}
    incidents = {name: site.history.open_incident(name) for name in store.verdicts}
    return html("home.html", verdicts=store.verdicts, since=store.since, tables=tables, incidents=incidents)


def _regions(verdict: Verdict) -> list[str]:
    """The regions in which any feature is probed, in their order."""
    return list(dict.fromkeys(region for _, region in verdict.states))
