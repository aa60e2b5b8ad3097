"""OONI."""

from __future__ import annotations

import json

from exporter.signals import ooni
from tests.servers.origin import Request
from tests.signals.case import Case


def _countries(request: Request, anomalies: int, fine: int) -> bytes:
    if request.path != "/api/v1/aggregation":
        raise KeyError(request.path)
    countries = {"IN": (anomalies, 0, fine), "DE": (3, 0, 40), "US": (0, 0, 900)}
    found = [
        {
            "probe_cc": name,
            "anomaly_count": bad,
            "confirmed_count": confirmed,
            "failure_count": 1,
            "ok_count": ok,
            "measurement_count": bad + confirmed + ok + 1,
        }
        for name, (bad, confirmed, ok) in countries.items()
    ]
    return json.dumps({"v": 0, "dimension_count": 1, "result": found}).encode()


def calm(request: Request, now: float) -> bytes:
    return _countries(request, 2, 42)


def trouble(request: Request, now: float) -> bytes:
    return _countries(request, 40, 4)


CASE = Case(
    kind="ooni",
    options=lambda url: ooni.Options(url=url, domains={"tiktok": "www.tiktok.com"}),
    calm=calm,
    trouble=trouble,
    error=b'{"v":0,"error":"quota exceeded"}',
    says="result[0].probe_cc",
    dated=False,
)
