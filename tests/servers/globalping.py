"""Globalping on this machine: its documented API, strict about what it is asked; what strangers find, a test says.

    async with Globalping(lambda asked, country: answered(200, "hello")) as globalping:
        globalping.url

POST, GET with ETag, rate limits with their headers, 400, 404, 422 and 429, and by `mood` what no documentation tells:
silence, garbage, a server that fails. A measurement is ready at the look `ready_at`. In the box it has its own host.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import web

HOST = "api.globalping.io"
BODY_LIMIT = 10_000
"""Bytes of a body that are kept."""

WITHOUT_TOKEN, WITH_TOKEN = 250, 500
"""Tests an hour."""

POLITE = 0.5
"""Seconds from an answer to the next look at a measurement, at least."""

_LATENESS = 0.01
_KEYS = {"type", "target", "timeout", "locations", "measurementOptions"}
_PLACES = {"country", "city", "network", "tags", "limit"}
_TYPES = {"http", "dns", "ping"}
_CITIES = {"US": "Ashburn", "GB": "London", "DE": "Berlin", "JP": "Tokyo", "BR": "Sao Paulo"}

Found = dict[str, Any]


class Mood(StrEnum):
    FINE = "fine"
    SPENT = "spent"
    """429, whatever was asked before."""
    FAILING = "failing"
    """500 with a page for people."""
    SILENT = "silent"
    GARBAGE = "garbage"
    """200, with a page for people."""
    ENDLESS = "endless"
    """Measurements are made, and never finished."""


def answered(
    status: int,
    body: str = "",
    headers: Mapping[str, Any] | None = None,
    *,
    first_byte: int = 219,
    trusted: bool = True,
    secure: bool = True,
) -> Found:
    """The result of a stranger's HTTP request, as documented."""
    tls = {
        "authorized": trusted,
        "protocol": "TLSv1.3",
        "cipherName": "TLS_AES_256_GCM_SHA384",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2030-01-01T00:00:00.000Z",
        "error": None if trusted else "certificate has expired",
    }
    return {
        "status": "finished",
        "resolvedAddress": "192.0.2.7",
        "headers": dict(headers or {}),
        "rawHeaders": "",
        "rawBody": body[:BODY_LIMIT],
        "rawOutput": "",
        "truncated": len(body) > BODY_LIMIT,
        "statusCode": status,
        "statusCodeName": "",
        "timings": {
            "total": 106 + first_byte,
            "dns": 37,
            "tcp": 32,
            "tls": 36 if secure else None,
            "firstByte": first_byte,
            "download": 1,
        },
        "tls": tls if secure else None,
    }


def failed(source: str | None, said: str) -> Found:
    """The result of a test that failed by `source`: target, resolver, internal, or None where it is not said."""
    told = {"failureSource": source} if source else {}
    nothing = dict.fromkeys(("total", "dns", "tcp", "tls", "firstByte", "download"))
    return {"status": "failed", **told, "rawOutput": said, "timings": nothing}


def offline() -> Found:
    return {"status": "offline", "rawOutput": "This probe is currently offline. Please try again later."}


@dataclass(slots=True)
class _Measurement:
    asked: Mapping[str, Any]
    results: list[Found]
    looks: int = 0
    answered_at: float = field(default_factory=time.monotonic)


class Globalping:
    """`find(asked, country)` says what the next stranger of that country finds; None: there is none."""

    def __init__(self, find: Callable[[Mapping[str, Any], str], Found | None]) -> None:
        self.find = find
        self.mood = Mood.FINE
        self.limit = WITHOUT_TOKEN
        self.ready_at = 2
        self.asked: list[Mapping[str, Any]] = []
        self.tests = 0
        self.hasty: list[float] = []
        """Looks that came too soon after an answer, in seconds."""
        self.unchanged = 0
        self.tokens: set[str] = set()
        self._known: dict[str, _Measurement] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self.respond, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.say(Mood.FINE)
        await self._runner.cleanup()

    def say(self, mood: Mood | str) -> None:
        """From now on, also to those who wait."""
        self.mood = Mood(mood)
        self._changed.set()
        self._changed = asyncio.Event()

    def forget(self) -> None:
        """Know none of the measurements that were made."""
        self._known.clear()

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """What its API answers."""
        while self.mood is Mood.SILENT:
            await self._changed.wait()
        if self.mood is Mood.FAILING:
            return web.Response(status=500, text="<html>Internal Server Error</html>", content_type="text/html")
        if self.mood is Mood.GARBAGE:
            return web.Response(text="<html>We will be back soon</html>", content_type="text/html")
        if (bearer := request.headers.get("Authorization")) is not None:
            self.tokens.add(bearer.removeprefix("Bearer "))
        if request.path == "/v1/measurements" and request.method == "POST":
            return self._create(await request.read())
        if request.path.startswith("/v1/measurements/") and request.method == "GET":
            return self._show(request.path.rpartition("/")[2], request.headers.get("If-None-Match"))
        return _refusal(404, "not_found", "There is no such resource.")

    def _create(self, body: bytes) -> web.Response:
        try:
            asked = json.loads(body)
            place, wanted = _checked(asked)
        except (ValueError, KeyError, TypeError) as error:
            return _refusal(400, "validation_error", f"Parameter validation failed: {error}")
        if self.mood is Mood.SPENT or self.tests + wanted > self.limit:
            return _refusal(429, "rate_limit_exceeded", "API rate limit exceeded.", self._limits(0))
        results = [found for _ in range(wanted) if (found := self.find(asked, place)) is not None]
        if not results:
            return _refusal(422, "no_probes_found", "No suitable probes found.", self._limits(0))
        self.tests += len(results)
        self.asked.append(asked)
        number = f"made{len(self._known):012d}"
        self._known[number] = _Measurement(asked, [_of_a_stranger(place, n, found) for n, found in enumerate(results)])
        told = {"Location": f"https://{HOST}/v1/measurements/{number}", **self._limits(len(results))}
        return web.json_response({"id": number, "probesCount": len(results)}, status=202, headers=told)

    def _limits(self, cost: int) -> dict[str, str]:
        left = 0 if self.mood is Mood.SPENT else max(0, self.limit - self.tests)
        told = {"Limit": self.limit, "Consumed": self.tests, "Remaining": left, "Reset": 1800}
        return {f"X-RateLimit-{name}": str(value) for name, value in told.items()} | {"X-Request-Cost": str(cost)}

    def _show(self, number: str, tag: str | None) -> web.Response:
        made = self._known.get(number)
        if made is None:
            return _refusal(404, "not_found", "Couldn't find the requested measurement.")
        if (waited := time.monotonic() - made.answered_at) < POLITE - _LATENESS:
            self.hasty.append(waited)
        made.looks += 1
        ready = made.looks >= self.ready_at and self.mood is not Mood.ENDLESS
        body = json.dumps(_shown(number, made, ready)).encode()
        current = f'"{hashlib.sha1(body).hexdigest()}"'
        made.answered_at = time.monotonic()
        if tag == current:
            self.unchanged += 1
            return web.Response(status=304, headers={"ETag": current})
        return web.Response(body=body, content_type="application/json", headers={"ETag": current})


def _checked(asked: Any) -> tuple[str, int]:
    """Where and how many; ValueError or KeyError for what the documentation does not have."""
    unknown = set(asked) - _KEYS
    if unknown or asked["type"] not in _TYPES or not asked["target"]:
        raise ValueError(f"{sorted(unknown) or 'type and target'} is not allowed")
    if not (isinstance(asked["timeout"], int) and 1 <= asked["timeout"] <= 10):
        raise ValueError('"timeout" must be from 1 to 10')
    (place,) = asked["locations"]
    if set(place) - _PLACES or not 1 <= place["limit"] <= 50:
        raise ValueError('"locations" is not allowed')
    if asked["type"] == "http":
        request = asked["measurementOptions"]["request"]
        if request["method"] not in ("GET", "HEAD", "OPTIONS") or {"Host", "User-Agent"} & set(request["headers"]):
            raise ValueError('"request" is not allowed')
    return place.get("country") or place.get("city") or "ZZ", place["limit"]


def _of_a_stranger(country: str, number: int, found: Found) -> Found:
    city = _CITIES.get(country, "Somewhere")
    probe = {"continent": "EU", "country": country, "city": city, "asn": 64500 + number, "network": f"Net {number}"}
    return {"probe": {**probe, "tags": ["eyeball-network"], "resolvers": ["private"]}, "result": found}


def _shown(number: str, made: _Measurement, ready: bool) -> Found:
    results = made.results
    if not ready:
        waiting = {"status": "in-progress", "rawOutput": ""}
        results = [results[0], *({**each, "result": waiting} for each in results[1:])] if len(results) > 1 else []
    return {
        "id": number,
        "type": made.asked["type"],
        "status": "finished" if ready else "in-progress",
        "createdAt": "2026-08-01T00:00:00.000Z",
        "updatedAt": "2026-08-01T00:00:01.000Z",
        "target": made.asked["target"],
        "probesCount": len(made.results),
        "results": results,
    }


def _refusal(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"type": kind, "message": message}}, status=status, headers=headers)
