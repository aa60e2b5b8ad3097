"""`POST /{service}/reports`: what the form on a service's page sends, answered by a page in its language."""

from __future__ import annotations

import time

from aiohttp import web

from exporter.languages import Language
from exporter.readings import Crowd
from exporter.web.reports import Outcome, receive
from exporter.web.site import LANGUAGE, SITE, Site, place_of, render, service_of
from exporter.web.words import Words

routes = web.RouteTableDef()


@routes.post(f"/{LANGUAGE}/{{service}}/reports")
@routes.post("/{service}/reports")
async def thanks(request: web.Request) -> web.Response:
    place, service = place_of(request), service_of(request)
    came = await receive(request, {"service": service.name})
    texts = {
        "said": _said(place.language, came),
        "others": _others(request.app[SITE], place.language, came, service.title),
    }
    page = render("thanks.html", place, title=service.title, path=service.name, **texts)
    return web.Response(text=page, content_type="text/html", status=came.status, headers=came.headers)


@routes.get(f"/{LANGUAGE}/{{service}}/reports")
@routes.get("/{service}/reports")
async def form(request: web.Request) -> web.Response:
    """Whoever comes back to the address of the thanks is led to the form."""
    raise web.HTTPSeeOther(f"{place_of(request).page(service_of(request).name)}#report")


def _said(language: Language, came: Outcome) -> str:
    return language.say(f"report.{came.answer or 'off'}", n=came.wait)


def _others(site: Site, language: Language, came: Outcome, title: str) -> str:
    """What others report, empty when that is not known: of the quarter of an hour under way if that is unusual."""
    full = came.others
    if full is None:
        return ""
    same = (one for one in site.store.crowds if _subject(one) == _subject(full) and one.at > full.at)
    crowd = next(same, full)
    key = "report.others" if crowd is full else "report.others_so_far"
    what = f"{title}, {language.feature(crowd.feature)}" if crowd.feature else title
    usual = Words(language, time.time()).number(crowd.usual)
    return language.say(key, n=crowd.count, what=what, usual=usual)


def _subject(crowd: Crowd) -> tuple[str, str, str]:
    return crowd.signal, crowd.service, crowd.feature
