"""The pages, one file each, and the server that shows them: some for everybody, some for those who run it."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from aiohttp import web

from exporter.web import (
    badge,
    events,
    export,
    feed,
    health,
    home,
    incidents,
    internals,
    metrics,
    openapi,
    operations,
    past,
    probe,
    probes,
    reports,
    service,
    static,
    status,
    thanks,
)
from exporter.web.connections import allow_many, most
from exporter.web.copies import Shelf
from exporter.web.probing import Prober
from exporter.web.serving import Public, Server, serve
from exporter.web.shelf import SHELF
from exporter.web.site import SITE, Site, guard, secure, slashless
from exporter.web.streams import Streams

__all__ = [
    "Prober",
    "Public",
    "Server",
    "Shelf",
    "Site",
    "Streams",
    "allow_many",
    "application",
    "most",
    "public_application",
    "serve",
]

# `/de/history` is the page of a service `history` in German, so these come before what answers below a service's name;
# and `/de` is no service. What has an address of its own is found first in any order.
PUBLIC = (home, service, badge, events, export, feed, health, incidents, openapi, past, reports, static, status, thanks)
OPERATORS = (internals, metrics, operations, probe, probes)

_LARGEST = 1 << 20  # bytes of a request's body, where a page has no limit of its own


def application(site: Site, shelf: Shelf | None = None) -> web.Application:
    """All pages over `site`; the public ones are made once for all applications that have the same `shelf`."""
    return _application(site, shelf or Shelf(), (*OPERATORS, *PUBLIC))


def public_application(site: Site, shelf: Shelf | None = None) -> web.Application:
    """The pages that are for everybody; the others are not there at all."""
    return _application(site, shelf or Shelf(), PUBLIC)


def _application(site: Site, shelf: Shelf, pages: Iterable[ModuleType]) -> web.Application:
    app = web.Application(middlewares=[guard, slashless], client_max_size=_LARGEST)
    app[SITE] = site
    app[SHELF] = shelf
    app[export.EXPORT] = export.Export()
    app.on_response_prepare.append(secure)
    app.on_shutdown.append(events.end)
    for page in pages:
        app.add_routes(page.routes)
    return app
