"""What the hosts in the box answer over HTTP, in the shapes that TikTok, its alternatives and the controls document."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.servers.faults import Mode

SHELL_SIZE = 32 << 10
"""Bytes of the web shell that www.tiktok.com answers any unknown path with."""


@dataclass(frozen=True, slots=True)
class Shape:
    status: int
    body: bytes = b""
    kind: str = "text/html"
    location: str | None = None


def _json(status: int, content: dict[str, object]) -> Shape:
    return Shape(status, json.dumps(content, separators=(",", ":")).encode(), "application/json")


def _shell() -> bytes:
    head = (
        b'<!DOCTYPE html><html lang="en"><head><title>TikTok - Make Your Day</title></head><body><div id="app"></div>'
    )
    state = (
        b'<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{"pad":"%s"}</script></body></html>'
    )
    return head + state % (b"x" * (SHELL_SIZE - len(head) - len(state) + 2))


SHELL = Shape(200, _shell())
ROBOTS = Shape(200, b"# Created in the distant future\n\nUser-agent: *\nDisallow: /api/\n", "text/plain")
NOT_FOUND = Shape(404)
SHORT_LINK = Shape(302, location="https://www.tiktok.com/")
BROKEN = {
    Mode.STATUS_500: Shape(500, b"<html><head><title>Error</title></head><body>internal error</body></html>"),
    Mode.STATUS_503: Shape(503, b"<html><head><title>Error</title></head><body>upstream error</body></html>"),
    Mode.BLOCKED: Shape(403, b"<html><head><title>Access Denied</title></head><body>Are you human?</body></html>"),
    Mode.WRONG_BODY: Shape(200, b"<html><head><title>Welcome to nginx!</title></head><body>It works</body></html>"),
}

_OEMBED = _json(
    200,
    {
        "version": "1.0",
        "type": "video",
        "title": "a canary",
        "author_name": "box",
        "provider_name": "TikTok",
        "provider_url": "https://www.tiktok.com",
        "html": "<blockquote></blockquote>",
        "width": "100%",
        "height": "100%",
    },
)
_NO_TOKEN = _json(
    401,
    {"data": {}, "error": {"code": "access_token_invalid", "message": "The access token is invalid", "log_id": "1"}},
)
_NO_ADVERTISER = _json(200, {"code": 40104, "message": "Access token is empty", "request_id": "1", "data": {}})

BY_PATH = {
    "/oembed": _OEMBED,
    "/v2/user/info/": _NO_TOKEN,
    "/open_api/v1.3/advertiser/info/": _NO_ADVERTISER,
    "/generate_204": Shape(204),
    "/hotspot-detect.html": Shape(200, b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"),
    "/success.txt": Shape(200, b"success\n", "text/plain"),
    "/robots.txt": ROBOTS,
}
"""Every other path is answered with the shell, or by `vm.` with a redirect."""


def healthy(host: str, path: str) -> Shape:
    return BY_PATH.get(path, SHORT_LINK if host.startswith("vm.") else SHELL)
