"""Amazon Web Services: UTF-16 with a byte order mark."""

from __future__ import annotations

import codecs
import json

from exporter.signals import aws
from tests.servers.origin import Request
from tests.signals.case import Case

PATH = "/public/currentevents"


def _events(request: Request, now: float, status: str) -> bytes:
    if request.path != PATH:
        raise KeyError(request.path)
    event = {
        "date": f"{now - 600:.0f}",
        "arn": "arn:aws:health:us-east-1::event/EC2/x",
        "region_name": "N. Virginia",
        "status": status,
        "service": "ec2-us-east-1",
        "service_name": "Amazon EC2",
        "summary": "Increased error rates",
        "event_log": [{"summary": "x", "message": "We are looking into it.", "status": 1, "timestamp": int(now)}],
    }
    return codecs.BOM_UTF16_BE + json.dumps([event]).encode("utf-16-be")


def calm(request: Request, now: float) -> bytes:
    return _events(request, now, "0")


def trouble(request: Request, now: float) -> bytes:
    return _events(request, now, "2")


CASE = Case(
    kind="aws",
    options=lambda url: aws.Options(url=f"{url}{PATH}"),
    calm=calm,
    trouble=trouble,
    wrong=b'[{"status": [], "arn": 7}]',
    says="[0].status",
)
