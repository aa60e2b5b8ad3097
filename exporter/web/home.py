"""`/`: what is watched here and whether it is down; what people use meanwhile stands apart."""

from __future__ import annotations

import time

from aiohttp import web

from exporter.history.incident import SEVERITY
from exporter.model import Answer
from exporter.verdict import Verdict
from exporter.web.shelf import answer
from exporter.web.site import LANGUAGE, SITE, Place, Site, place_of, render
from exporter.web.words import Words

routes = web.RouteTableDef()

_WORST_FIRST = (*reversed(SEVERITY), Answer.UNKNOWN, Answer.UP)


@routes.get("/")
@routes.get(f"/{LANGUAGE}")
async def home(request: web.Request) -> web.Response:
    site, place = request.app[SITE], place_of(request)
    return answer(request, ("home", place.language.code), lambda: home_page(site, place), "text/html")


def home_page(site: Site, place: Place) -> str:
    now = time.time()
    alternatives = site.store.config.alternatives
    found = sorted(site.store.verdicts.items(), key=lambda one: _WORST_FIRST.index(one[1].answer))
    main: list[tuple[str, Verdict]] = [one for one in found if one[0] not in alternatives]
    aside = [one for one in found if one[0] in alternatives]
    words = Words(place.language, now)
    return render("home.html", place, words=words, services=main or aside, alternatives=aside if main else [], path="")
