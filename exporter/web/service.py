"""`/{service}`: is it down? The answer in one glance, and behind it everything that says so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from exporter.web.charts import HEIGHTS
from exporter.web.lately import lately
from exporter.web.outages import past
from exporter.web.shelf import answer
from exporter.web.site import LANGUAGE, SITE, Place, Site, own_policy, place_of, policy, render, service_of
from exporter.web.streams import version_of
from exporter.web.view import View, view
from exporter.web.words import Words

_PAST = 5  # incidents

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands in `#glance`, the title of the page it stands on, and what is said aloud when it is another.

    `version` tells it from any other.
    """

    html: str
    version: str
    answer: str
    title: str
    announce: str


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
    return service_of(request).name


def origins(site: Site, name: str) -> tuple[str, ...]:
    """Where the visitor's own browser looks when it is asked whether it is just them."""
    config = site.store.config
    found = (urlsplit(url) for url in (*config.service(name).browser_checks, *config.browser_controls))
    return tuple(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in found))


def service_page(site: Site, name: str, place: Place) -> str:
    values = _values(site, name, place)
    values |= {
        "glance": _glance(values["view"], place, values),
        "policy": own_policy(*origins(site, name)),
        "lately": lately(site, name, values["now"]),
        "past": past(site, name, values["now"], _PAST),
        "heights": HEIGHTS,
    }
    return render("service.html", place, **values)


def glance(site: Site, name: str, place: Place) -> Glance:
    """An event brings it to the pages that are open."""
    values = _values(site, name, place)
    return _glance(values["view"], place, values)


def _glance(shown: View, place: Place, values: dict[str, Any]) -> Glance:
    html, say = render("_glance.html", place, **values), place.language.say
    title = f"{say(f'answer.{shown.answer}').upper()} - {say('question', title=shown.title)}"
    return Glance(html, version_of(html), shown.answer, title, place.language.tell(shown.verdict.headline))


def _values(site: Site, name: str, place: Place) -> dict[str, Any]:
    now = time.time()
    return {"view": view(site, name), "words": Words(place.language, now), "now": now, "path": name}
