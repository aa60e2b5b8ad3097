"""`/api/v1/status`: verdicts, states and sights as JSON."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from aiohttp import web

from exporter.web.site import SITE

routes = web.RouteTableDef()


@routes.get("/api/v1/status")
async def status(request: web.Request) -> web.Response:
    store = request.app[SITE].store
    answer = {**store.as_json(), "generated_at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")}
    return web.json_response(answer, headers={"Access-Control-Allow-Origin": "*"})
