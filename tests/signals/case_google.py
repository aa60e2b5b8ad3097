"""Google Cloud."""

from __future__ import annotations

import json

from exporter.signals import google
from tests.servers.origin import Request
from tests.signals.case import Case
from tests.signals.times import iso


def _incidents(request: Request, now: float, end: str | None) -> bytes:
    if request.path != "/incidents.json":
        raise KeyError(request.path)
    incident = {
        "id": "abc",
        "begin": iso(now - 600),
        "modified": iso(now - 300),
        "end": end,
        "external_desc": "Compute Engine in us-central1 returns errors",
        "uri": "incidents/abc",
        "status_impact": "SERVICE_OUTAGE",
        "severity": "high",
        "affected_products": [{"id": "p", "title": "Compute Engine"}],
        "currently_affected_locations": [{"id": "us-central1", "title": "Iowa"}],
        "most_recent_update": {"when": iso(now - 300), "text": "We are looking into it.", "status": "SERVICE_OUTAGE"},
    }
    return json.dumps([incident]).encode()


def calm(request: Request, now: float) -> bytes:
    return _incidents(request, now, iso(now - 60))


def trouble(request: Request, now: float) -> bytes:
    return _incidents(request, now, None)


CASE = Case(
    kind="google",
    options=lambda url: google.Options(url=url),
    calm=calm,
    trouble=trouble,
    says="[0].id",
)
