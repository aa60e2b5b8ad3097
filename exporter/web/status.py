"""`/api/v1/status`: verdicts, states and sights as JSON; `?service=` for one service alone."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from exporter.web.api import asked_service, refuse_strangers, told
from exporter.web.site import SITE, Site

routes = web.RouteTableDef()


@routes.get("/api/v1/status")
async def status(request: web.Request) -> web.Response:
    site = request.app[SITE]
    refuse_strangers(request, ("service",))
    service = asked_service(request)
    return told(request, ("status", service), lambda: current(site, service))


def current(site: Site, service: str = "") -> dict[str, Any]:
    """What is known now, of `service` or of all. Regions and signals belong to all of them."""
    found = site.store.as_json()
    return {**found, "services": [one for one in found["services"] if service in ("", one["service"])]}
