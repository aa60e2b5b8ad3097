"""What the JSON pages share: their parameters, and answers that keep their tag while they say the same.

`generated_at` is when an answer was made. It is no part of what an answer says: a program that asks again with the tag
hears 304 until something else changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from exporter.web.copies import Stamped
from exporter.web.shelf import answer
from exporter.web.site import SITE

_LONGEST = 100  # characters of a parameter that an error repeats
# Other sites' pages may read it all, and the tag.
_OPEN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}

_Parsed = TypeVar("_Parsed")


def told(request: web.Request, key: Hashable, make: Callable[[], Mapping[str, Any]]) -> web.Response:
    """The JSON object that `make` gives, with `generated_at`."""
    return answer(request, key, lambda: stamped(make(), time.time()), "application/json", _OPEN)


def stamped(value: Mapping[str, Any], now: float) -> Stamped:
    """JSON with the time in it."""
    return Stamped(json.dumps({"generated_at": iso(now), **value}), json.dumps(value))


def iso(seconds: float) -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refuse_strangers(request: web.Request, parameters: Collection[str]) -> None:
    """400 when a parameter is asked for that there is not."""
    for name in request.query:
        if name not in parameters:
            raise bad(f"{quoted(name)} is not a parameter; there {_are(parameters)}")


def asked_service(request: web.Request) -> str:
    """The parameter `service`, empty for all; 404 when none of that name is configured."""
    names = [service.name for service in request.app[SITE].store.config.services]
    service = request.query.get("service", "")
    if service and service not in names:
        raise web.HTTPNotFound(reason=f"no service {quoted(service)} is configured; there are {', '.join(names)}")
    return service


def parsed(request: web.Request, name: str, parse: Callable[[str], _Parsed], allowed: str) -> _Parsed | None:
    """A parameter, None when it is not there; 400 says that it is not `allowed`."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise bad(f"{name} {quoted(text)} is not {allowed}") from None


def bad(sentence: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(reason=sentence)


def quoted(text: str) -> str:
    """As it was asked for, in ASCII, on one line, and no longer than a line."""
    return ascii(text[:_LONGEST])


def _are(parameters: Collection[str]) -> str:
    return f"{'is' if len(parameters) == 1 else 'are'} {', '.join(parameters)}"
