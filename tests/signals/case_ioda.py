"""IODA."""

from __future__ import annotations

import json
from typing import Any

from exporter.signals import ioda
from tests.servers.origin import Request
from tests.signals.case import Case


def _events(request: Request, events: list[Any]) -> bytes:
    if request.path != "/v2/outages/events":
        raise KeyError(request.path)
    return json.dumps({"type": "outages.events", "error": None, "data": events}).encode()


def _event(source: str, start: float, duration: float) -> dict[str, Any]:
    return {
        "location": "country/IN",
        "start": int(start),
        "duration": int(duration),
        "uncertainty": None,
        "status": 0,
        "method": "median",
        "datasource": source,
        "score": 1234.5,
        "location_name": "India",
    }


def calm(request: Request, now: float) -> bytes:
    return _events(request, [_event("bgp", now - 80000, 600), _event("ping-slash24", now - 80000, 600)])


def trouble(request: Request, now: float) -> bytes:
    return _events(request, [_event("bgp", now - 1200, 900), _event("ping-slash24", now - 1200, 900)])


CASE = Case(
    kind="ioda",
    options=lambda url: ioda.Options(url=url),
    calm=calm,
    trouble=trouble,
    error=b'{"error":"invalid entity type","data":null}',
    says="data[0].location",
)
