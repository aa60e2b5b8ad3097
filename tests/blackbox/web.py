"""What the matrix's web server answers: a page for each thing that an http module can judge."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import brotli
from aiohttp import web

MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"
ACCOUNT = "Basic Ym94OnMzY3JldA=="  # box:s3cret
BEARER = "Bearer t0ken"
CHAINS = range(13)
"""Lengths of chains of redirects: ten are followed, no more."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def raw_deflate(data: bytes) -> bytes:
    """What servers call deflate, without the zlib header that RFC 9110 asks for."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _to(location: str, status: int = 302) -> dict[str, Any]:
    return {"status": status, "text": "moved", "headers": {"Location": location}}


def _coded(body: bytes, coding: str) -> dict[str, Any]:
    return {"body": body, "headers": {"Content-Encoding": coding}}


PAGES: dict[str, dict[str, Any]] = {
    "ok": {"text": "hello", "headers": {"X-A": "b", "Last-Modified": MODIFIED}},
    "empty": {},
    "404": {"status": 404, "text": "hello"},
    "500": {"status": 500, "text": "hello", "headers": {"X-A": "c"}},
    "json": {"text": '{"state": "good"}', "content_type": "application/json"},
    "latin": {"body": "gr\xfc\xdfe hello".encode("latin-1")},
    "utf-8": {"text": "grüße \N{WAVING HAND SIGN} hello"},
    "binary": {"body": bytes(range(256)) * 8},
    "lines": {"text": "one\r\ntwo\nhello\n"},
    "large": {"body": b"0123456789abcdef" * 65536},
    "modified/not a date": {"headers": {"Last-Modified": "yesterday"}},
    "modified/rfc850": {"headers": {"Last-Modified": "Wednesday, 21-Oct-15 07:28:00 GMT"}},
    "modified/asctime": {"headers": {"Last-Modified": "Wed Oct 21 07:28:00 2015"}},
    "modified/before 1970": {"headers": {"Last-Modified": "Wed, 21 Oct 1965 07:28:00 GMT"}},
    "modified/not GMT": {"headers": {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 +0200"}},
    "two headers": {"headers": [("X-A", "c"), ("X-A", "b")]},
    "gzip": {"body": gzip.compress(b"hello")},
    "gzip/said": _coded(gzip.compress(b"hello"), "gzip"),
    "gzip/not": _coded(b"hello", "gzip"),
    "gzip/half": {"body": gzip.compress(b"hello")[:-4]},
    "gzip/two": {"body": gzip.compress(b"hel") + gzip.compress(b"lo")},
    "gzip/trailing": {"body": gzip.compress(b"hello") + b"hello"},
    "gzip/large": {"body": gzip.compress(b"0123456789abcdef" * 65536)},
    "br": {"body": brotli.compress(b"hello")},
    "br/half": {"body": brotli.compress(b"hello" * 50)[:-4]},
    "br/said": _coded(brotli.compress(b"hello"), "br"),
    "deflate": {"body": raw_deflate(b"hello")},
    "deflate/zlib": {"body": zlib.compress(b"hello")},
    "deflate/said": _coded(raw_deflate(b"hello"), "deflate"),
    "to/here": _to("/ok"),
    "to/404": _to("/404"),
    "to/relative": _to("ok"),
    "to/basic": _to("/basic"),
    "to/up": _to("../../ok"),
    "to/query": _to("?again=1"),
    "to/fragment": _to("/ok#there"),
    "to/space": _to("/ok no"),
    "to/nowhere": {"status": 302, "text": "moved"},
    "to/empty": _to(""),
    "to/itself": _to("/to/itself"),
    "to/ftp": _to("ftp://a.example/"),
    "to/no scheme": _to("//[::1"),
    "to/bad port": _to("http://127.0.0.1:99999/"),
    "to/refused": _to("http://127.0.0.1:1/"),
    "to/refused by ip6": _to("http://[::1]:1/"),
    "to/user": _to("http://u:p@127.0.0.1:1/"),
    **{f"to/{status}": _to("/method", status) for status in (300, 301, 302, 303, 304, 305, 306, 307, 308)},
    **{f"chain/{left}": _to(f"/chain/{left - 1}") for left in CHAINS if left},
    "chain/0": {"text": "hello"},
    "wall": {"status": 403, "text": "Are you human?"},
    "slow down": {"status": 429, "text": "hello"},
}


async def status(request: web.Request) -> web.Response:
    """/status/NNN"""
    return web.Response(status=int(request.match_info["status"]), text="hello")


async def method(request: web.Request) -> web.Response:
    """/method: the method, the body and what is said of it, as a text."""
    said = [request.headers.get(name, "-") for name in ("Content-Type", "Content-Length", "X-A")]
    text = await request.text()
    return web.Response(text=f"{request.method} {text} {' '.join(said)} ")


async def host(request: web.Request) -> web.Response:
    """/host: the name that was asked for."""
    return web.Response(text=f"{request.headers['Host'].partition(':')[0]} ")


def asks(value: str) -> Handler:
    """401 without this Authorization."""

    async def handler(request: web.Request) -> web.Response:
        good = request.headers.get("Authorization") == value
        return web.Response(text="hello", status=200 if good else 401)

    return handler


async def token(request: web.Request) -> web.Response:
    """/token: the one that /bearer asks for, for the right secret (RFC 6749, 4.4)."""
    form = await request.post()
    good = request.headers.get("Authorization") == ACCOUNT or form.get("client_secret") == "s3cret"
    if not good or form.get("grant_type") != "client_credentials":
        return web.json_response({"error": "invalid_client"}, status=401)
    return web.json_response({"access_token": BEARER.split()[1], "token_type": "Bearer", "expires_in": 3600})


async def bakes(request: web.Request) -> web.Response:
    """/cookie/set: a cookie, and a redirect to who wants it."""
    response = web.Response(status=302, headers={"Location": "/cookie/wanted"})
    response.set_cookie("a", "b")
    return response


async def eats(request: web.Request) -> web.Response:
    """/cookie/wanted"""
    return web.Response(text="hello", status=200 if request.cookies.get("a") == "b" else 403)


async def chunked(request: web.Request) -> web.StreamResponse:
    """/chunked: two pieces, no length."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for piece in (b"hel", b"lo"):
        await response.write(piece)
    await response.write_eof()
    return response


async def forever(request: web.Request) -> web.StreamResponse:
    """/never: no answer. /never/ends: an answer whose body does not end."""
    response = web.StreamResponse()
    if request.path == "/never/ends":
        await response.prepare(request)
        await response.write(b"hello")
    await asyncio.Event().wait()
    return response


async def huge(request: web.Request) -> web.Response:
    """/huge: more than patterns are looked for in here."""
    return web.Response(body=bytes(11 << 20))


async def page(request: web.Request) -> web.Response:
    found = PAGES.get(request.path[1:])
    return web.Response(**found) if found else web.Response(status=410)


def site(elsewhere: Mapping[str, str]) -> web.Application:
    """`elsewhere` are URLs that /elsewhere/NAME redirects to."""

    async def leave(request: web.Request) -> web.Response:
        return web.Response(**_to(elsewhere[request.match_info["name"]], int(request.query.get("status", "302"))))

    application = web.Application(client_max_size=1 << 24)
    for path, handler in (
        ("/status/{status}", status),
        ("/method", method),
        ("/host", host),
        ("/basic", asks(ACCOUNT)),
        ("/bearer", asks(BEARER)),
        ("/token", token),
        ("/cookie/set", bakes),
        ("/cookie/wanted", eats),
        ("/chunked", chunked),
        ("/huge", huge),
        ("/never", forever),
        ("/never/ends", forever),
        ("/elsewhere/{name}", leave),
        ("/{path:.*}", page),
    ):
        application.router.add_route("*", path, handler)
    return application
