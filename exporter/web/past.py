"""`/{service}/history`: every incident that is kept, and the outages that others have documented."""

from __future__ import annotations

import time

from aiohttp import web

from exporter.web.outages import past
from exporter.web.service import named
from exporter.web.shelf import answer
from exporter.web.site import LANGUAGE, SITE, Place, Site, place_of, render
from exporter.web.words import Words

routes = web.RouteTableDef()

WHOLE = 50
"""Incidents that are told with all that is kept of them; of older ones a line."""


@routes.get(f"/{LANGUAGE}/{{service}}/history")
@routes.get("/{service}/history")
async def history(request: web.Request) -> web.Response:
    site, place, name = request.app[SITE], place_of(request), named(request)
    return answer(request, ("past", name, place.language.code), lambda: past_page(site, name, place), "text/html")


def past_page(site: Site, name: str, place: Place) -> str:
    now = time.time()
    values = {"past": past(site, name, now, WHOLE), "words": Words(place.language, now)}
    return render("past.html", place, verdict=site.store.verdicts[name], path=f"{name}/history", **values)
