"""Downdetector's Enterprise API."""

from __future__ import annotations

import json

from exporter.options import Secret
from exporter.signals import downdetector
from tests.servers.origin import Request
from tests.signals.case import Case

_DAY = 96
"""Quarters of an hour."""


def _answer(request: Request, newest: int) -> bytes:
    if request.path == "/v2/companies/search":
        company = {"id": 17, "name": request.query["name"], "country_iso": request.query["country"]}
        others = {"id": 18, "name": f"{request.query['name']} Lite", "country_iso": request.query["country"]}
        return json.dumps([others, company]).encode()
    if request.path != "/v2/companies/17":
        raise KeyError(request.path)
    return json.dumps(
        {
            "id": 17,
            "name": "TikTok",
            "country_iso": "US",
            "stats_24": [3] * (_DAY - 1) + [newest],
            "baseline": [4] * _DAY,
            "baseline_current": {"value": 4.5},
        }
    ).encode()


def calm(request: Request, now: float) -> bytes:
    return _answer(request, 3)


def trouble(request: Request, now: float) -> bytes:
    return _answer(request, 840)


CASE = Case(
    kind="downdetector",
    options=lambda url: downdetector.Options(token=Secret("s3cret"), url=f"{url}/v2"),
    calm=calm,
    trouble=trouble,
    error=b'{"error": true, "message": "invalid <b>client</b> secret"}',
    says="[0].id",
    dated=False,
)
