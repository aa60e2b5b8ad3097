"""For those who run the exporter: reload, and the configuration without its secrets."""

from __future__ import annotations

from aiohttp import web

from exporter.web.accepted import weights
from exporter.web.origin import is_own
from exporter.web.site import SITE, html

routes = web.RouteTableDef()


@routes.post("/-/reload")
async def reload(request: web.Request) -> web.Response:
    if not is_own(request):
        return web.Response(status=403, text="403: reload is not taken from another site's page.\n")
    mistakes = await request.app[SITE].reload()
    if not mistakes:
        return web.Response(text="applied.\n")
    count = len(mistakes)
    last = f"{count} mistake{'' if count == 1 else 's'}; nothing was applied.\n"
    return web.Response(status=400, text="\n".join([*mistakes, last]))


@routes.get("/config")
async def config(request: web.Request) -> web.Response:
    shown = request.app[SITE].store.config.shown
    if "text/html" in weights(request.headers.get("Accept", "")):
        return html("configuration.html", shown=shown)
    return web.Response(text=shown)
