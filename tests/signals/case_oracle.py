"""Oracle Cloud."""

from __future__ import annotations

import json

from exporter.signals import oracle
from tests.servers.origin import Request
from tests.signals.case import Case


def _regions(request: Request, status: str) -> bytes:
    if request.path != "/api/v2/components.json":
        raise KeyError(request.path)
    regions = [
        {
            "regionId": name,
            "regionName": title,
            "regionCanonicalName": name,
            "serviceHealthReports": [
                {"serviceName": "Compute", "serviceStatus": status if name == "us-ashburn-1" else "NormalPerformance"},
                {"serviceName": "DNS", "serviceStatus": "NormalPerformance", "incidents": []},
            ],
        }
        for name, title in (("us-ashburn-1", "US East (Ashburn)"), ("us-phoenix-1", "US West (Phoenix)"))
    ]
    return json.dumps({"realm": "OC1", "regionHealthReports": regions}).encode()


def calm(request: Request, now: float) -> bytes:
    return _regions(request, "NormalPerformance")


def trouble(request: Request, now: float) -> bytes:
    return _regions(request, "ServiceDisruption")


CASE = Case(
    kind="oracle",
    options=lambda url: oracle.Options(url=url),
    calm=calm,
    trouble=trouble,
    says="regionHealthReports[0]",
    dated=False,
)
