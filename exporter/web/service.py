"""`/{service}`: is it down? The answer in one glance, and behind it everything that says so."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from exporter.web.shelf import answer
from exporter.web.site import LANGUAGE, SITE, Place, Site, place_of, policy, render
from exporter.web.view import view
from exporter.web.words import Words

routes = web.RouteTableDef()


@routes.get(f"/{LANGUAGE}/{{service}}")
@routes.get("/{service}")
async def service(request: web.Request) -> web.Response:
    site, place, name = request.app[SITE], place_of(request), named(request)
    headers = {"Content-Security-Policy": policy(*origins(site, name))}
    return answer(
        request, ("service", name, place.language.code), lambda: service_page(site, name, place), "text/html", headers
    )


def named(request: web.Request) -> str:
    """The service that is asked for; 404 says that there is none of that name."""
    name = request.match_info["service"]
    if name not in request.app[SITE].store.verdicts:
        raise web.HTTPNotFound(reason="no such service is watched here; / lists those that are")
    return name


def origins(site: Site, name: str) -> tuple[str, ...]:
    """Where the visitor's own browser looks when it is asked whether it is just them."""
    return ()


def service_page(site: Site, name: str, place: Place) -> str:
    return render("service.html", place, **_values(site, name, place))


def glance(site: Site, name: str, place: Place) -> str:
    """What stands in `#glance`: an event brings it to the pages that are open."""
    return render("_glance.html", place, **_values(site, name, place))


def _values(site: Site, name: str, place: Place) -> dict[str, Any]:
    now = time.time()
    return {"view": view(site, name, now), "words": Words(place.language, now), "now": now, "path": name}
