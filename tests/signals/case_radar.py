"""Cloudflare Radar."""

from __future__ import annotations

import json

from exporter.options import Secret
from exporter.signals import radar
from tests.servers.origin import Request
from tests.signals.case import Case
from tests.signals.times import iso


def _outages(request: Request, now: float, end: str | None) -> bytes:
    if request.path != "/radar/annotations/outages" or request.headers.get("authorization") != "Bearer t":
        raise KeyError(request.path)
    one = {
        "id": "1",
        "asns": [],
        "locations": ["IN"],
        "outage": {"outageCause": "GOVERNMENT_DIRECTED", "outageType": "NATIONWIDE"},
        "startDate": iso(now - 3600),
        "endDate": end,
        "description": None,
    }
    return json.dumps({"success": True, "errors": [], "result": {"annotations": [one]}}).encode()


def calm(request: Request, now: float) -> bytes:
    return _outages(request, now, iso(now - 60))


def trouble(request: Request, now: float) -> bytes:
    return _outages(request, now, None)


CASE = Case(
    kind="radar",
    options=lambda url: radar.Options(url=url, token=Secret("t")),
    calm=calm,
    trouble=trouble,
    error=b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}',
    says="success",
)
