"""`/api/v1/openapi.json`: what programs may ask here and what they are answered; tests hold the answers to it."""

from __future__ import annotations

from functools import cache
from importlib import resources

from aiohttp import web

from exporter.web.shelf import answer

routes = web.RouteTableDef()


@routes.get("/api/v1/openapi.json")
async def openapi(request: web.Request) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*"}
    return answer(request, ("openapi",), document, "application/json", headers, max_age=3600)


@cache
def document() -> bytes:
    """The document as it is shipped."""
    return resources.files("exporter.web").joinpath("openapi.json").read_bytes()
