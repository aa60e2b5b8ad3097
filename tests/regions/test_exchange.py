"""One request on the way to something else: what goes out by a client's configuration, and what comes back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.client import BasicAuth, ClientConfig
from exporter.errors import ProbeError
from exporter.exchange import Reply, exchange
from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from exporter.options import Secret, TLSConfig
from tests.net.test_proxy import connect, listening, socks
from tests.probes.http_probing import page, site
from tests.probing import needs
from tests.servers.certificates import Authority
from tests.servers.origin import Origin
from tests.servers.origin import Reply as Said
from tests.servers.ports import free_port
from tests.servers.torture import Conversation, Torture, closes_without_answering

NGINX = """
daemon off; error_log /dev/stderr crit; pid {folder}/pid;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  gzip on; gzip_min_length 1; gzip_types text/plain; default_type text/plain;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {leaf.certificate}; ssl_certificate_key {leaf.key};
    ssl_client_certificate {authority.file}; ssl_verify_client optional;
    location / {{ return 200 "$server_protocol $ssl_client_verify $http_x_asked"; }}
  }}
}}
"""


async def ask(url: str, method: str = "GET", *, within: float = 5.0, ca: Path | None = None, **about: Any) -> Reply:
    """One exchange; what is no argument of it is of the client's configuration."""
    given = {name: about.pop(name) for name in ("headers", "body", "limit") if name in about}
    net = Network(NetworkOptions(ca_file=str(ca) if ca else None)).attempt(within)
    async with asyncio.timeout(within):
        return await exchange(net.aside(), method, url, ClientConfig(**about), **given)


@dataclass(frozen=True, slots=True)
class Nginx:
    url: str
    authority: Authority


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Nginx]:
    authority, port = Authority(tmp_path / "ca"), free_port()
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX.format(folder=tmp_path, port=port, leaf=authority.leaf("127.0.0.1"), authority=authority))
    async with listening(port, needs("nginx"), "-c", str(file)):
        yield Nginx(f"https://127.0.0.1:{port}/", authority)


@pytest.mark.parametrize(("http2", "protocol"), [(True, b"HTTP/2.0"), (False, b"HTTP/1.1")])
async def test_it_speaks_what_the_server_agrees_to_and_unpacks_the_answer(
    nginx: Nginx, http2: bool, protocol: bytes
) -> None:
    reply = await ask(nginx.url, ca=nginx.authority.file, enable_http2=http2, headers={"X-Asked": "politely"})
    assert (reply.status, reply.whole) == (200, True)
    assert reply.body == protocol + b" NONE politely"
    assert reply.headers["content-encoding"] == "gzip"


async def test_a_client_certificate_is_shown(nginx: Nginx) -> None:
    leaf = nginx.authority.leaf("client.example")
    shown = TLSConfig(cert_file=str(leaf.certificate), key_file=str(leaf.key))
    assert b" SUCCESS " in (await ask(nginx.url, ca=nginx.authority.file, tls_config=shown)).body


async def test_a_certificate_of_a_stranger_is_refused(nginx: Nginx) -> None:
    with pytest.raises(ProbeError) as caught:
        await ask(nginx.url)
    assert caught.value.reason is Reason.TLS


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"basic_auth": BasicAuth(username="ann", password=Secret("secret"))}, "Basic YW5uOnNlY3JldA=="),
        ({"bearer_token": Secret("token")}, "Bearer token"),
        ({}, ""),
    ],
)
async def test_credentials_and_the_body_arrive(config: dict[str, Any], expected: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        said = request.headers.get("Authorization", "")
        return web.Response(text=f"{said}|{request.method}|{await request.text()}")

    async with site(handler) as url:
        reply = await ask(url, "POST", headers={"Content-Type": "text/plain"}, body=b"what?", **config)
    assert reply.body.decode() == f"{expected}|POST|what?"


async def test_a_redirect_is_an_answer_like_another() -> None:
    async with Origin(lambda request: Said(status=302, headers={"Location": "http://127.0.0.1:1/"})) as origin:
        reply = await ask(origin.url)
    assert (reply.status, reply.headers["location"]) == (302, "http://127.0.0.1:1/")


@pytest.mark.parametrize("packed", [False, True])
async def test_no_more_than_the_limit_is_read(packed: bool) -> None:
    body = gzip.compress(bytes(1 << 20)) if packed else bytes(1 << 20)
    told = {"Content-Encoding": "gzip"} if packed else {}
    async with Origin(lambda request: Said(body, headers=told)) as origin:
        reply = await ask(origin.url, limit=1000)
    assert (reply.whole, reply.body) == (False, bytes(1000))


async def test_headers_of_one_name_are_joined() -> None:
    async def twice(client: Conversation) -> None:
        await client.request()
        await client.send(b"HTTP/1.1 429 Wait\r\nX-Limit: 1\r\nx-limit: 2\r\nContent-Length: 0\r\n\r\n")

    async with Torture(twice) as server:
        reply = await ask(server.url)
    assert (reply.status, reply.headers["x-limit"]) == (429, "1, 2")


async def test_a_server_that_does_not_answer_is_not_asked_twice() -> None:
    async with Torture(closes_without_answering) as server:
        with pytest.raises(ProbeError, match="closed the connection without answering") as caught:
            await ask(server.url)
        assert (server.requests, caught.value.reason) == (1, Reason.PROTOCOL)


async def test_a_body_that_is_cut_short_is_not_taken_for_whole() -> None:
    async with Origin(lambda request: Said(b"half", claimed=8)) as origin:
        with pytest.raises(ProbeError, match="after 4 of 8 bytes"):
            await ask(origin.url)


@asynccontextmanager
async def proxy_of(scheme: str, folder: Path, credentials: str = "") -> AsyncIterator[Secret]:
    at = f"{credentials}@" if credentials else ""
    async with socks(credentials) if scheme == "socks5h" else connect(folder, credentials) as address:
        yield Secret(f"{scheme}://{at}{address}")


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
@pytest.mark.parametrize("secure", [False, True])
async def test_it_goes_through_a_proxy(tmp_path: Path, scheme: str, secure: bool) -> None:
    authority = Authority(tmp_path / "ca")
    tls = authority.leaf("127.0.0.1").server_context() if secure else None
    async with site(page("reached"), tls) as url, proxy_of(scheme, tmp_path, "ann:secret") as proxy:
        assert (await ask(url, ca=authority.file, proxy_url=proxy)).body == b"reached"


async def test_a_proxy_that_wants_credentials_is_the_vantages_fault(tmp_path: Path) -> None:
    async with site(page()) as url, proxy_of("http", tmp_path, "ann:secret") as proxy:
        with pytest.raises(ProbeError) as caught:
            await ask(url, proxy_url=Secret(proxy.replace("ann:secret@", "")))
    assert caught.value.reason is Reason.VANTAGE
