"""What the pages need, handed to them in one piece, and what they share."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from aiohttp import web

from exporter import __version__, languages
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own, Page
from exporter.model import Service
from exporter.signals.reports import Intake
from exporter.state import Store
from exporter.web.accepted import weights
from exporter.web.assets import version
from exporter.web.probing import Prober
from exporter.web.streams import Streams

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """`reload` returns the mistakes of a configuration that was not applied; `ready` tells of first results.

    `crowds` and `intake` are there for as long as the program runs, whatever a reload says of signals. `streams` are
    rung after each judgement, `files` are those of the configuration, `prober` answers `/probe` where it is on, `drawn`
    is what was drawn of a service and when.
    """

    store: Store
    page: Page
    own: Own
    history: History
    reload: Callable[[], Awaitable[list[str]]]
    ready: Callable[[], bool]
    crowds: Crowds | None = None
    intake: Intake | None = None
    streams: Streams = field(default_factory=Streams)
    files: Sequence[Path] = ()
    prober: Prober | None = None
    drawn: dict[str, tuple[float, Any]] = field(default_factory=dict)


SITE: web.AppKey[Site] = web.AppKey("site", Site)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: its language, and how it links to others.

    `root` leads to the top: `/` of a live page, `../` and the like of a page in an export, where every page is a
    folder's `index.html`.
    """

    language: languages.Language
    root: str = "/"
    live: bool = True

    def page(self, path: str = "", code: str | None = None) -> str:
        """The address of the page at `path` (`tiktok/history`, empty for the first), in the language `code` or this."""
        code = code or self.language.code
        full = "/".join(filter(None, ("" if code == languages.DEFAULT else code, quote(path))))
        return f"{self.root}{full}" if self.live else f"{self.root}{full}{'/' if full else ''}index.html"

    def file(self, path: str) -> str:
        """The address of what is no page and has no language: `static/style.css`, `tiktok/feed.atom`, `api/v1/status`.

        In an export JSON has its ending, by which hosts tell what a file is.
        """
        return f"{self.root}{quote(path)}{'.json' if path.startswith('api/') and not self.live else ''}"

    def asset(self, name: str) -> str:
        """The address of a file of `static/`; another one as soon as its content is another."""
        return f"{self.file(f'static/{name}')}?v={version(name)}"


def link(url: str) -> str:
    """A URL that may be followed, or nothing: what strangers send may be `javascript:`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def policy(*connect: str) -> str:
    """The Content-Security-Policy of a page whose script may ask these origins besides our own."""
    return f"{own_policy(*connect)}; frame-ancestors 'none'"


def own_policy(*connect: str) -> str:
    """As far as a page can say it itself, which it does in an export: no header comes with it there."""
    asked = " ".join(("'self'", *connect))
    return (
        f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src {asked}; "
        "img-src 'self'; form-action 'self'; base-uri 'none'"
    )


HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    # To nobody else; but with none at all a browser would not even tell us that a form is our own.
    "Referrer-Policy": "same-origin",
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
    auto_reload=False,
)
_templates.filters["moment"] = _moment
_templates.filters["milliseconds"] = lambda seconds: f"{seconds * 1000:.1f} ms"
_templates.globals["version"] = __version__
_templates.globals["link"] = link
_templates.globals["languages"] = lambda: [languages.of(code) for code in languages.codes()]
_templates.globals["asset"] = Place.asset
# All now: an upgrade that replaces the files under a running program must not mix two versions.
for _name in _templates.list_templates():
    _templates.get_template(_name)


def render(template: str, place: Place, **values: Any) -> str:
    """A template in a language; in it, `say` is that language's and `tell` tells a sentence of a verdict."""
    words = {"place": place, "say": place.language.say, "tell": place.language.tell, "policy": own_policy()}
    return _templates.get_template(template).render(words | values)


def html(name: str, **values: Any) -> web.Response:
    """A template as a page that is made for one visitor, in English."""
    return web.Response(text=render(name, Place(languages.of(languages.DEFAULT)), **values), content_type="text/html")


def place_of(request: web.Request) -> Place:
    """The place of the page that is asked for, by the language in its path."""
    return Place(languages.of(request.match_info.get("language", languages.DEFAULT)))


LANGUAGE = "{language:" + "|".join(code for code in languages.codes() if code != languages.DEFAULT) + "}"
"""The first part of the path of a page in another language than English, in aiohttp's words."""


_NO_SERVICE = "no such service is watched here; / lists those that are"


def service_of(request: web.Request) -> Service:
    """The service that the path names; 404 when none of that name is configured, 308 from `/TikTok` to `/tiktok`."""
    config, name = request.app[SITE].store.config, request.match_info["service"]
    try:
        return config.service(name)
    except KeyError:
        pass
    resource = request.match_info.route.resource
    if resource is not None and name.lower() in {service.name for service in config.services}:
        there = resource.url_for(**{**request.match_info, "service": name.lower()})
        raise web.HTTPPermanentRedirect(there.with_query(request.query))
    raise web.HTTPNotFound(reason=_NO_SERVICE)


@contextmanager
def reading() -> Iterator[None]:
    """503 in a sentence when the history cannot be read."""
    try:
        yield
    except OSError as error:
        log.error("the history cannot be read", extra={"reason": str(error)})
        raise web.HTTPServiceUnavailable(reason="the history cannot be read; the log says why") from None


@web.middleware
async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Errors in a sentence, never a traceback."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = _missing(request) if _lost(request, error) else _told(error)
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


def _lost(request: web.Request, error: web.HTTPException) -> bool:
    """Whether a person has come to an address where nothing is: programs do not ask for HTML."""
    is_nowhere = error.status == 404 and error.reason in ("Not Found", _NO_SERVICE)
    return is_nowhere and weights(request.headers.get("Accept", "")).get("text/html", 0.0) > 0


def _missing(request: web.Request) -> web.Response:
    """A page in the language that the address begins with, which leads to what there is."""
    first = request.path.split("/")[1] if request.path.startswith("/") else ""
    place = Place(languages.of(first if first in languages.codes() else languages.DEFAULT))
    return web.Response(status=404, text=render("missing.html", place, path=""), content_type="text/html")


def _told(error: web.HTTPException) -> web.Response:
    return web.Response(status=error.status, text=f"{error.status}: {_sentence(error)}.\n")


def _sentence(error: web.HTTPException) -> str:
    """What a page says is wrong; where there is none, what can be said without one."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"this page takes {' and '.join(sorted(error.allowed_methods))} only"
    return "there is no such page; the first is /" if error.reason == "Not Found" else error.reason


@web.middleware
async def slashless(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """An address with slashes too many leads to the page without them, here and nowhere else."""
    path = request.rel_url.raw_path
    is_missing = isinstance(request.match_info.http_exception, web.HTTPNotFound)
    if is_missing and path.endswith("/"):
        query = request.rel_url.raw_query_string
        raise web.HTTPPermanentRedirect(f"/{path.strip('/')}{'?' if query else ''}{query}")
    return await handler(request)


async def secure(request: web.Request, answer: web.StreamResponse) -> None:
    """Security headers on everything, set when an answer begins: a page in pieces has begun when its handler ends."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
