"""`/{service}/badge.svg`: the verdict in a word and a colour, for other people's pages."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from aiohttp import web

from exporter import languages
from exporter.model import Answer
from exporter.web.markup import clean
from exporter.web.shelf import answer
from exporter.web.site import SITE, Place, Site, render, service_of

# White is read on each of them at 4.5 to 1.
COLOURS = {
    Answer.UP: "#1a7f37",
    Answer.DEGRADED: "#8a5d00",
    Answer.PARTIAL: "#b34700",
    Answer.DOWN: "#c62828",
    Answer.UNKNOWN: "#6e7781",
}

_LONGEST = 60  # characters of a title
_MARGINS = 12  # pixels
_NARROW, _USUAL, _BROAD, _WIDE = 4.0, 6.8, 8.5, 11.0  # pixels of a character of Verdana at 11 px, roughly
_THIN = frozenset("fijlrtI.,:;'|! -()[]")

routes = web.RouteTableDef()


@routes.get("/{service}/badge.svg")
async def show(request: web.Request) -> web.Response:
    site, name = request.app[SITE], service_of(request).name
    headers = {"Access-Control-Allow-Origin": "*"}
    return answer(request, ("badge", name), lambda: badge(site, name), "image/svg+xml", headers)


def badge(site: Site, name: str) -> str:
    """The badge of a service that is configured; grey before its first verdict."""
    service = site.store.config.service(name)
    verdict = site.store.verdicts.get(name)
    answered = verdict.answer if verdict else Answer.UNKNOWN
    place = Place(languages.of(languages.DEFAULT))
    state = place.language.say(f"state.{answered}")
    title = clean(service.title)
    short = title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
    widths = {"left": _width(short), "right": _width(state)}
    told = f"{title}: {state}"
    return render("badge.svg", place, title=short, state=state, told=told, colour=COLOURS[answered], **widths)


def _width(text: str) -> int:
    """Pixels of a part; the text is fitted into it, whatever font there is."""
    return round(sum(map(_breadth, text))) + _MARGINS


def _breadth(character: str) -> float:
    if combining(character):
        return 0.0
    if east_asian_width(character) in "WF":
        return _WIDE
    if character in _THIN:
        return _NARROW
    return _BROAD if character.isupper() or character in "mw" else _USUAL
