"""The OpenAPI document against what is really answered: each status of each path, body and headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from exporter import config as configuration
from exporter import kinds, web
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Answer, Cause, Confidence, Signal
from exporter.readings import BUCKET, Crowd, Fault, Heard, Notice, Reading, Restriction
from exporter.signals.reports import Intake
from exporter.verdict import Verdict
from exporter.web import copies, openapi, reports
from tests.configurations import NOW, Running, config, failed, ok
from tests.servers.ports import free_port

DOCUMENT = json.loads(openapi.document())
REGISTRY = Registry().with_resource("urn:document", DRAFT202012.create_resource(DOCUMENT))
FORMATS = FormatChecker(())
FORMATS.checks("date-time", ValueError)(lambda text: not isinstance(text, str) or datetime.fromisoformat(text))
REPORT = {"service": "tiktok", "feature": "feed"}
REPORTS = "/api/v1/reports"


class Whole:
    """Everything that can be told is: every kind of evidence, incidents of both kinds, reports."""

    def __init__(self, folder: Path) -> None:
        self.port, self.now = free_port(), NOW
        options = kinds.module("signals", "reports").Options()
        loaded = config("home")
        signals = [Signal(name, "statuspage", None, 60.0, ("tiktok",)) for name in ("status", "oracle", "never")]
        tiktok = replace(loaded.services[0], upstreams=("oracle:ashburn",), expected_blocked=("IN",))
        self.loaded = replace(
            loaded,
            services=(tiktok, *loaded.services[1:]),
            signals=(*signals, Signal("people", "reports", options, 10.0, ("tiktok",))),
        )
        self.history = History(folder, {"tiktok": configuration.past_outages()})
        self.crowds = Crowds(self.history.buckets, lambda: self.now)
        self.intake = Intake(self.crowds.add, lambda: self.now)
        self.running = Running(self.loaded)
        self.take_signals(self.loaded.signals)
        self._tell()

    def take_signals(self, signals: tuple[Signal, ...]) -> None:
        self.crowds.apply(replace(self.loaded, signals=signals))
        self.intake.apply(replace(self.loaded, signals=signals))

    def _tell(self) -> None:
        notice = Notice("Trouble", "https://status.example/1", "major", NOW - 60.0, ("ashburn",), "We look into it.")
        reading = Reading(NOW, notices=(notice,), restrictions=(Restriction("IN", "blocked", "40 of 44 fail"),))
        heard = {name: Heard(name, "statuspage", reading, NOW, True) for name in ("status", "oracle")}
        heard["never"] = Heard("never", "statuspage", None, 0.0, False, "no answer", NOW, {Fault.TIMEOUT: 3})
        crowd = Crowd("people", "reports", "tiktok", "feed", 90, 4.0, 12.0, NOW, True, True, NOW - BUCKET)
        self.running.store.hear(heard, [crowd])
        self.running.take("gstatic", ok(), "controls")
        self.running.take("home", failed())
        incidents = self.history.incidents
        bad = Verdict("tiktok", "TikTok", Answer.DOWN, {"feed": Answer.DOWN}, {}, ("feed is down.",))
        named = replace(bad, cause=Cause.UPSTREAM, because="oracle says so", confidence=Confidence.HIGH)
        for verdict, at in ((named, NOW - 900.0), (replace(bad, answer=Answer.UP), NOW - 500.0), (bad, NOW)):
            incidents.note(verdict, at)

    async def __aenter__(self) -> Self:
        site = web.Site(
            self.running.store, self.running.page, Own(), self.history, self._reload, lambda: True, self.crowds,
            self.intake,
        )  # fmt: skip
        self.app = web.application(site)
        self.server = await web.serve(self.app, [f"127.0.0.1:{self.port}"], None)
        self.session = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.server.close()
        self.intake.close()
        self.history.close()

    async def _reload(self) -> list[str]:
        return []

    def refuse_writes(self) -> None:
        self.history.buckets._database.execute("PRAGMA query_only = True")


@pytest.fixture
async def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Whole]:
    monkeypatch.setattr(copies, "FRESH_FOR", 0.0)
    async with Whole(tmp_path) as running:
        yield running


async def nothing(whole: Whole) -> None:
    """Is done before a case."""


async def no_history(whole: Whole) -> None:
    whole.history.close()


async def no_signal(whole: Whole) -> None:
    whole.take_signals(())


async def many_reports(whole: Whole) -> None:
    for _ in range(100):
        async with whole.session.post(REPORTS, json=REPORT) as answer:
            if answer.status == 429:
                return


async def no_writes(whole: Whole) -> None:
    whole.refuse_writes()


async def slow_body() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(5)


@dataclass(frozen=True)
class Case:
    """What is asked, and the status of the answer; `known` is with the tag of the answer before."""

    path: str
    status: int
    query: str = ""
    service: str = "tiktok"
    known: bool = False
    sent: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Whole], Awaitable[None]] = nothing

    @property
    def method(self) -> str:
        return next(iter(DOCUMENT["paths"][self.path]))

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status} {self.query}"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
READ = ("/api/v1/status", "/api/v1/incidents", "/api/v1/openapi.json", "/{service}/feed.atom", "/{service}/badge.svg")
CASES = (
    *(Case(path, 200) for path in READ),
    *(Case(path, 304, known=True) for path in READ),
    *(Case(path, 404, service="tiktak") for path in (*READ[3:], "/{service}/events")),
    *(Case(path, 503, before=no_history) for path in ("/api/v1/incidents", "/{service}/feed.atom")),
    *(Case(path, 200, "?service=tiktok") for path in READ[:2]),
    *(Case(path, 400, "?servise=tiktok") for path in READ[:2]),
    *(Case(path, 404, "?service=tiktak") for path in READ[:2]),
    Case("/api/v1/incidents", 400, "?limit=0"),
    Case("/{service}/events", 200),
    Case("/{service}/events", 503),
    Case(REPORTS, 202, sent={"json": REPORT}),
    Case(REPORTS, 202, sent={"data": REPORT}),
    Case(REPORTS, 202, sent={"data": REPORT, "headers": {"Accept": "application/json"}}),
    Case(REPORTS, 400, sent={"json": {"service": "tiktak"}}),
    Case(REPORTS, 400, sent={"data": {"service": "tiktok", "feature": "foed"}}),
    Case(REPORTS, 400, sent={"data": b"{", "headers": {"Content-Type": "application/json"}}),
    Case(REPORTS, 403, sent={"json": REPORT, "headers": {"Origin": "https://evil.example"}}),
    Case(REPORTS, 404, sent={"json": REPORT}, before=no_signal),
    Case(REPORTS, 408, sent={"data": slow_body, "headers": {"Content-Type": "application/json"}}),
    Case(REPORTS, 413, sent={"data": {"words": "x" * 5000}}),
    Case(REPORTS, 415, sent={"data": b"hello", "headers": {"Content-Type": "text/plain"}}),
    Case(REPORTS, 429, sent={"json": REPORT}, before=many_reports),
    Case(REPORTS, 503, sent={"json": REPORT}, before=no_writes),
)  # fmt: skip


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_every_status_that_is_described_has_a_case() -> None:
    described = {
        (path, int(status))
        for path, operations in DOCUMENT["paths"].items()
        for operation in operations.values()
        for status in operation["responses"]
    }
    assert {(case.path, case.status) for case in CASES} == described


async def test_every_route_for_programs_is_described_and_every_path_is_there(whole: Whole) -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in whole.app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    described = {(method, path) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert described <= routes
    assert {(method, path) for method, path in routes if path.startswith("/api/")} <= described


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_is_answered_is_what_is_described(whole: Whole, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_SLOWEST", 0.2)
    if case.path == "/{service}/events" and case.status == 503:
        monkeypatch.setattr("exporter.web.events.MOST", 0)
    await case.before(whole)
    url = case.path.replace("{service}", case.service) + case.query
    sent = dict(case.sent)
    if callable(sent.get("data")):
        sent["data"] = sent["data"]()
    if case.known:
        async with whole.session.get(url) as first:
            sent["headers"] = {"If-None-Match": first.headers["ETag"]}
    async with whole.session.request(case.method, url, **sent) as answer:
        assert answer.status == case.status, await answer.text()
        body = b"" if answer.content_type == "text/event-stream" else await answer.read()
    described = resolved(DOCUMENT["paths"][case.path][case.method]["responses"][str(case.status)])
    check_headers(answer, described)
    check_body(answer.content_type, body, described)


def check_headers(answer: aiohttp.ClientResponse, described: Any) -> None:
    for name, header in described.get("headers", {}).items():
        schema = resolved(header)["schema"]
        value: Any = answer.headers[name]
        Draft202012Validator(schema).validate(int(value) if schema["type"] == "integer" else value)


def check_body(content_type: str, body: bytes, described: Any) -> None:
    if "content" not in described:
        assert body == b""
        return
    schema = described["content"][content_type]["schema"]
    value = json.loads(body) if content_type == "application/json" else body.decode()
    validator = Draft202012Validator(based(schema), registry=REGISTRY, format_checker=FORMATS)
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not errors


def resolved(found: Any) -> Any:
    """What a reference leads to."""
    while "$ref" in found:
        name, kind = found["$ref"].split("/")[-1], found["$ref"].split("/")[-2]
        found = DOCUMENT["components"][kind][name]
    return found


def based(schema: Any) -> Any:
    """With its reference, if it is one, to the document."""
    return {"$ref": f"urn:document{quote(schema['$ref'], safe='#/')}"} if "$ref" in schema else schema


async def test_all_that_the_status_may_hold_was_told(whole: Whole) -> None:
    async with whole.session.get("/api/v1/status") as answer:
        (tiktok, _), signals = (found := await answer.json())["services"], found["signals"]
    assert all(tiktok["evidence"].values()), tiktok["evidence"]
    assert any(signal["errors"] for signal in signals)


def objects(schema: Any) -> list[Any]:
    """Every schema of an object in this one."""
    found = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return found + [one for part in inside for one in objects(part)]


def test_nothing_is_answered_that_is_not_described() -> None:
    for schema in objects(DOCUMENT["components"]["schemas"]):
        assert schema["additionalProperties"] is False or "properties" not in schema, schema
