"""`/-/healthy` and `/-/ready`: for what starts the exporter, and for what sends it visitors."""

from __future__ import annotations

from aiohttp import web

from exporter.web.site import SITE

routes = web.RouteTableDef()


@routes.get("/-/healthy")
async def healthy(request: web.Request) -> web.Response:
    return web.Response(text="healthy: the main process answers.\n")


@routes.get("/-/ready")
async def ready(request: web.Request) -> web.Response:
    if request.app[SITE].ready():
        return web.Response(text="ready: results are coming in.\n")
    return web.Response(status=503, text="not ready: no probe has come back yet.\n")
