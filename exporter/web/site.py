"""What the pages need, handed to them in one piece, and what they share."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jinja2
from aiohttp import web

from exporter import __version__
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own, Page
from exporter.signals.reports import Intake
from exporter.state import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """`reload` returns the mistakes of a configuration that was not applied; `ready` tells of first results.

    `crowds` and `intake` are there for as long as the program runs, whatever a reload says of signals.
    """

    store: Store
    page: Page
    own: Own
    history: History
    reload: Callable[[], Awaitable[list[str]]]
    ready: Callable[[], bool]
    crowds: Crowds | None = None
    intake: Intake | None = None


SITE: web.AppKey[Site] = web.AppKey("site", Site)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else "never"


_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("exporter.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["moment"] = _moment
_templates.filters["milliseconds"] = lambda seconds: f"{seconds * 1000:.1f} ms"
_templates.globals["version"] = __version__


def html(name: str, **values: Any) -> web.Response:
    """A template as a page."""
    return web.Response(text=_templates.get_template(name).render(values), content_type="text/html")


@web.middleware
async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Errors in a sentence, never a traceback."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = web.Response(status=error.status, text=f"{error.status}: {error.reason}.\n")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
    except ConnectionError:
        # The visitor has gone in the middle of the answer: nobody is left to tell.
        raise
    except Exception as error:
        log.exception("page failed", extra={"path": request.path}, exc_info=error)
        answer = web.Response(
            status=500, text="500: this page failed by a fault of this program; the log says where.\n"
        )
    return answer


async def secure(request: web.Request, answer: web.StreamResponse) -> None:
    """Security headers on everything, set when an answer begins: a page in pieces has begun when its handler ends."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
