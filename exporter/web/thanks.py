"""`POST /{service}/reports`: what the form on a service's page sends, answered by a page in its language."""

from __future__ import annotations

import time

from aiohttp import web

from exporter.languages import Language
from exporter.web.reports import Outcome, receive
from exporter.web.site import LANGUAGE, place_of, render, service_of
from exporter.web.words import Words

routes = web.RouteTableDef()


@routes.post(f"/{LANGUAGE}/{{service}}/reports")
@routes.post("/{service}/reports")
async def thanks(request: web.Request) -> web.Response:
    place, service = place_of(request), service_of(request)
    came = await receive(request, {"service": service.name})
    texts = {"said": _said(place.language, came), "others": _others(place.language, came, service.title)}
    page = render("thanks.html", place, title=service.title, path=service.name, **texts)
    return web.Response(text=page, content_type="text/html", status=came.status, headers=came.headers)


@routes.get(f"/{LANGUAGE}/{{service}}/reports")
@routes.get("/{service}/reports")
async def form(request: web.Request) -> web.Response:
    """Whoever comes back to the address of the thanks is led to the form."""
    raise web.HTTPSeeOther(f"{place_of(request).page(service_of(request).name)}#report")


def _said(language: Language, came: Outcome) -> str:
    return language.say(f"report.{came.answer or 'off'}", n=came.wait)


def _others(language: Language, came: Outcome, title: str) -> str:
    """What others report, empty when that is not known."""
    if came.others is None:
        return ""
    feature = came.others.feature
    what = f"{title}, {language.feature(feature)}" if feature else title
    usual = Words(language, time.time()).number(came.others.usual)
    return language.say("report.others", n=came.others.count, what=what, usual=usual)
