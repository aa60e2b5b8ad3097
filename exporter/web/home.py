"""`/`: each service's verdict in words, with its evidence and a table of features and regions; alternatives last."""

from __future__ import annotations

from aiohttp import web

from exporter.evidence import NOTHING, Evidence
from exporter.sentences import quotation
from exporter.verdict import Verdict
from exporter.web.site import SITE, html

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    site = request.app[SITE]
    store = site.store
    # The sort keeps the configuration's order among those that people ask about, and among their alternatives.
    names = sorted(store.verdicts, key=lambda name: name in store.config.alternatives)
    verdicts = {name: store.verdicts[name] for name in names}
    tables = {name: _regions(verdict) for name, verdict in verdicts.items()}
    incidents = {name: site.history.incidents.open_incident(name) for name in verdicts}
    return html(
        "home.html",
        verdicts=verdicts,
        since=store.since,
        tables=tables,
        incidents=incidents,
        evidence={name: store.evidence.get(name, NOTHING) for name in verdicts},
        said={name: _said(verdict, store.evidence.get(name, NOTHING)) for name, verdict in verdicts.items()},
    )


def _said(verdict: Verdict, evidence: Evidence) -> list[str]:
    """The sentences but the quotations, which stand on the page with their links."""
    quoted = {quotation(statement) for statement in evidence.statements}
    return [sentence for sentence in verdict.sentences if sentence not in quoted]


def _regions(verdict: Verdict) -> list[str]:
    """The regions in which any feature is probed, in their order."""
    return list(dict.fromkeys(region for _, region in verdict.states))
