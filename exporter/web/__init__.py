"""The pages, one file each, and the server that shows them."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from exporter.web import home, incidents, metrics, operations, probes, reports, status
from exporter.web.serving import Server, serve
from exporter.web.shelf import SHELF, Shelf
from exporter.web.site import SITE, Site, guard, secure

__all__ = ["Server", "Site", "application", "serve"]


def application(site: Site) -> web.Application:
    """All pages over `site`."""
    app = web.Application(middlewares=[guard], client_max_size=1 << 20)
    app[SITE] = site
    app[SHELF] = Shelf()
    app.on_response_prepare.append(secure)
    for page in (home, incidents, metrics, operations, probes, reports, status):
        app.add_routes(page.routes)
    app.router.add_static("/static", Path(__file__).parent / "static", append_version=False)
    return app
