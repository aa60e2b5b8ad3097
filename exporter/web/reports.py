"""`POST /api/v1/reports`: a person says that something does not work, as JSON or by a form.

A report that is accepted is answered 202 when it has been kept, and so is one that was counted within the hour: it says
`"counted": false`, and nothing else of it differs, so that neither scripts nor people try again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from exporter.crowd import Crowds
from exporter.model import Service
from exporter.readings import PUSHED, Crowd
from exporter.signals.reports import Answer, Intake, Report, region, visitor
from exporter.web.origin import is_own
from exporter.web.site import SITE

LARGEST = 4096
"""Bytes of a report."""

_SLOWEST = 10.0  # seconds that a report's body may take
_FULL_FOR = 600  # seconds: by then some of what is remembered has been forgotten
_UNKEPT_FOR = 30  # seconds
_KEYS = ("service", "feature", "words")
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"

routes = web.RouteTableDef()


class _RefusedError(Exception):
    """`allowed` is what might stand there instead."""

    def __init__(self, status: int, answer: Answer, sentence: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.answer = answer
        self.values = {"allowed": list(allowed)} if allowed else {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a report; `answer` is None where none are taken. `values` are for programs.

    `wait` is in seconds, 0 when it makes no difference. `others` is what others report.
    """

    status: int
    answer: Answer | None
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)
    wait: int = 0
    others: Crowd | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.wait)} if self.wait else {}


@routes.post("/api/v1/reports")
async def report(request: web.Request) -> web.Response:
    """JSON to whom speaks it, else a line."""
    found = await receive(request)
    if request.content_type != _FORM or _JSON in request.headers.get("Accept", ""):
        key = "message" if found.status < 400 else "error"
        return web.json_response({key: found.sentence, **found.values}, status=found.status, headers=found.headers)
    allowed = f" (allowed: {', '.join(found.values['allowed'])})" if "allowed" in found.values else ""
    line = f"{found.status}: {found.sentence}{allowed}.\n"
    return web.Response(status=found.status, text=line, headers=found.headers)


async def receive(request: web.Request, given: Mapping[str, str] | None = None) -> Outcome:
    """Take the report that the request brings; `given` are fields that its address says."""
    intake = request.app[SITE].intake
    if intake is None or intake.signal is None:
        return Outcome(404, None, "reports are not taken here: no signal of kind reports is configured")
    try:
        if not is_own(request):
            raise _RefusedError(403, Answer.FOREIGN, "reports are not taken from another site's page")
        who, where = _whose(request, intake)
        if seconds := intake.wait(who):
            return _later(429, Answer.LIMITED, "too many reports", seconds)
        said = {**_fields(await _body(request), request.content_type), **(given or {})}
        service, feature = _subject(said, intake.services)
    except _RefusedError as refused:
        return Outcome(refused.status, intake.refuse(refused.answer), str(refused), refused.values)
    has_words = bool(said.get("words", "").strip())
    match await intake.take(Report(who, service.name, feature, where, has_words)):
        case Answer.FULL:
            return _later(503, Answer.FULL, "not counted: there are more reports than can be remembered", _FULL_FOR)
        case Answer.UNKEPT:
            return _later(503, Answer.UNKEPT, "not counted: it cannot be kept at the moment", _UNKEPT_FOR)
        case answer:
            return _taken(request.app[SITE].crowds, answer, service, feature)


def _whose(request: web.Request, intake: Intake) -> tuple[bytes, str]:
    """What stands for the visitor, and the region."""
    options, headers = intake.options, request.headers
    forwarded = headers.getall(options.visitor_header, ()) if options.visitor_header else ()
    who, via_proxy = visitor(request.remote, forwarded, options.trusted_proxies)
    said = headers.get(options.region_header) if options.region_header and via_proxy else None
    return who, region(said)


async def _body(request: web.Request) -> bytes:
    if request.content_type not in (_JSON, _FORM):
        raise _RefusedError(415, Answer.WRONG, "not a type of content that is read here", (_JSON, _FORM))
    too_large = _RefusedError(413, Answer.LARGE, f"a report has at most {LARGEST} bytes")
    if (request.content_length or 0) > LARGEST:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_SLOWEST):
            while len(body) <= LARGEST and (piece := await request.content.read(LARGEST + 1)):
                body += piece
    except TimeoutError:
        raise _RefusedError(408, Answer.WRONG, f"the report did not come within {_SLOWEST:g} s") from None
    if len(body) > LARGEST:
        raise too_large
    return bytes(body)


def _fields(body: bytes, kind: str) -> dict[str, str]:
    """The report's fields, all of them texts."""
    try:
        found = json.loads(body) if kind == _JSON else dict(parse_qsl(body.decode(), keep_blank_values=True))
    except (ValueError, RecursionError):
        raise _RefusedError(400, Answer.WRONG, f"the report is not {kind}") from None
    if not isinstance(found, dict):
        raise _RefusedError(400, Answer.WRONG, "the report is not an object with keys", _KEYS)
    for key, value in found.items():
        if key not in _KEYS:
            raise _RefusedError(400, Answer.WRONG, f"{key[:40]!r} is not a key of a report", _KEYS)
        if not isinstance(value, str):
            raise _RefusedError(400, Answer.WRONG, f"{key} is not a text")
    return found


def _subject(said: Mapping[str, str], services: Mapping[str, Service]) -> tuple[Service, str]:
    """The service, and the feature or none."""
    name, feature = said.get("service", ""), said.get("feature", "")
    service = services.get(name)
    if service is None:
        sentence = f"{name[:40]!r} is not a service that is watched here" if name else "service is missing"
        raise _RefusedError(400, Answer.WRONG, sentence, services)
    features = [one.name for one in service.features]
    if feature and feature not in features:
        raise _RefusedError(400, Answer.WRONG, f"{feature[:40]!r} is not a feature of {service.title}", features)
    return service, feature


def _taken(crowds: Crowds | None, answer: Answer, service: Service, feature: str) -> Outcome:
    """Thanks, and what others report."""
    crowd = _others(crowds, service.name, feature)
    what = f"{feature} of {service.title}" if feature else service.title
    counted = answer is Answer.ACCEPTED
    sentence = "thank you" if counted else "thank you; it counts once an hour, and had been counted"
    others = None
    if crowd is not None:
        until = datetime.fromtimestamp(crowd.at, UTC).isoformat(timespec="seconds")
        others = {"count": crowd.count, "usual": round(crowd.usual, 1), "until": until}
        sentence += f". In the last full quarter of an hour {crowd.count} reported {what}; {crowd.usual:.3g} are usual"
    values = {"counted": counted, "service": service.name, "feature": feature, "others": others}
    return Outcome(202, answer, sentence, values, others=crowd)


def _others(crowds: Crowds | None, service: str, feature: str) -> Crowd | None:
    found = crowds.full() if crowds is not None else ()
    return next((c for c in found if (c.kind, c.service, c.feature) == (PUSHED, service, feature)), None)


def _later(status: int, answer: Answer, sentence: str, seconds: float) -> Outcome:
    wait = ceil(seconds)
    return Outcome(status, answer, f"{sentence}; try again in {wait} s", wait=wait)
