"""Instatus."""

from __future__ import annotations

import json
from typing import Any

from exporter.signals import instatus
from tests.servers.origin import Request
from tests.signals.case import Case
from tests.signals.times import iso


def _page(request: Request, status: str, incidents: list[Any]) -> bytes:
    if request.path != "/summary.json":
        raise KeyError(request.path)
    page = {"name": "Example", "url": "https://example.instatus.com", "status": status}
    return json.dumps({"page": page, "activeIncidents": incidents}).encode()


def calm(request: Request, now: float) -> bytes:
    return _page(request, "UP", [])


def trouble(request: Request, now: float) -> bytes:
    incident = {
        "name": "Uploads fail",
        "started": iso(now - 600),
        "status": "INVESTIGATING",
        "impact": "MAJOROUTAGE",
        "url": "https://example.instatus.com/i",
    }
    return _page(request, "HASISSUES", [incident])


CASE = Case(
    kind="instatus",
    options=lambda url: instatus.Options(url=url),
    calm=calm,
    trouble=trouble,
    says="page.name",
)
