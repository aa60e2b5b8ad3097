"""Atlassian's Statuspage."""

from __future__ import annotations

import json
from typing import Any

from exporter.signals import statuspage
from tests.servers.origin import Request
from tests.signals.case import Case
from tests.signals.times import iso


def _page(request: Request, now: float, indicator: str, incidents: list[Any]) -> bytes:
    if request.path != "/api/v2/summary.json":
        raise KeyError(request.path)
    page = {"id": "p", "name": "Cloudflare", "url": "https://a.example", "updated_at": iso(now - 60)}
    status = {"indicator": indicator, "description": "All Systems Operational"}
    scheduled = [{"id": "m", "name": "Works", "status": "scheduled", "impact": "none", "created_at": iso(now - 9000)}]
    components = [{"id": "c", "name": "CDN", "status": "operational", "group": False}]
    found = {"page": page, "status": status, "components": components, "incidents": incidents}
    return json.dumps({**found, "scheduled_maintenances": scheduled}).encode()


def calm(request: Request, now: float) -> bytes:
    return _page(request, now, "none", [])


def trouble(request: Request, now: float) -> bytes:
    update = {"status": "investigating", "body": "We are <b>looking</b> into it.", "created_at": iso(now - 500)}
    incident = {
        "id": "i",
        "name": "Errors at the edge",
        "status": "investigating",
        "impact": "major",
        "created_at": iso(now - 600),
        "resolved_at": None,
        "shortlink": "https://stspg.example/i",
        "incident_updates": [update],
        "components": [{"name": "CDN"}],
    }
    return _page(request, now, "major", [incident])


CASE = Case(
    kind="statuspage",
    options=lambda url: statuspage.Options(url=url),
    calm=calm,
    trouble=trouble,
    says="page.name",
)
