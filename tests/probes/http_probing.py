"""What the tests of the http kind share: running one probe, and a server whose answers are functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter import attempt, kinds
from exporter.model import Endpoint, NetworkOptions, Pair, Region, Result
from exporter.net import Network
from exporter.probes import http

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def pair(url: str, timeout: float = 5.0, through: str | None = None, **options: Any) -> Pair:
    """An endpoint from here, or `through` a proxy."""
    if through is None:
        region = Region("here", "local", kinds.module("regions", "local").Options())
    else:
        region = Region("away", "proxy", kinds.module("regions", "proxy").Options(url=through))
    return Pair(Endpoint("box", "web", "page", "http", url, http.Options(**options), 60.0, timeout), region)


async def run(url: str, network: NetworkOptions | None = None, **options: Any) -> Result:
    """One probe of `url`; `timeout`, `through` and the kind's own options by name."""
    return await attempt.run(pair(url, **options), Network(network or NetworkOptions()))


def phase(result: Result, name: str) -> float:
    return result.samples["probe_http_duration_seconds", name]


@asynccontextmanager
async def site(handler: Handler, tls: SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The URL, without a slash at the end, of a server that answers everything by `handler`."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app, scheme="https" if tls else "http", host=host)
    await server.start_server(**({"ssl": tls} if tls else {}))
    try:
        yield f"{'https' if tls else 'http'}://{host}:{server.port}"
    finally:
        await server.close()


def page(text: str = "hello", status: int = 200, **headers: str) -> Handler:
    """A handler that always answers the same."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=fields)

    return handler
