"""Ordinary answers of real servers: nginx and aiohttp."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from exporter import __version__
from exporter.model import NetworkOptions, Reason
from exporter.probes.http import FAMILIES
from tests.probes.http_probing import PHASES, page, phase, run, site
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.torture import Torture, answers, redirects_to

CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ text/html html; application/octet-stream bin; }}
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    root {folder};
    location /moved {{ return 301 /index.html; }}
  }}
}}
"""


class Nginx:
    """Debian's nginx with a page and five megabytes of zeros, over HTTP/1.1 and, by TLS, HTTP/2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "ca")
        self.trusting = NetworkOptions(ca_file=str(self.authority.file))
        self.plain, self.secure = free_port(), free_port()

    async def start(self) -> None:
        leaf = self.authority.leaf("127.0.0.1", "localhost")
        (self.folder / "index.html").write_text("<title>TikTok</title>")
        (self.folder / "large.bin").write_bytes(bytes(5 << 20))
        config = CONFIG.format(
            folder=self.folder, plain=self.plain, secure=self.secure, certificate=leaf.certificate, key=leaf.key
        )
        file = self.folder / "nginx.conf"
        file.write_text(config)
        self._process = await asyncio.create_subprocess_exec("nginx", "-c", str(file), stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(10):
            while self._process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.secure)
                except ConnectionError:
                    await asyncio.sleep(0.01)  # nginx tells nobody that it listens
                    continue
                writer.close()
                await writer.wait_closed()
                return
        raise RuntimeError("nginx did not start")

    async def stop(self) -> None:
        self._process.terminate()
        await self._process.communicate()


@pytest_asyncio.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Nginx]:
    server = Nginx(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def test_a_page_of_nginx_sets_every_sample_and_its_phases_add_up(nginx: Nginx) -> None:
    result = await run(f"http://127.0.0.1:{nginx.plain}/", fail_if_body_not_matches_regexp=("TikTok",))
    assert result.ok, result.message
    assert result.samples["probe_http_status_code"] == 200
    assert result.samples["probe_http_version"] == 1.1
    assert result.samples["probe_http_content_length"] == len("<title>TikTok</title>")
    assert result.samples["probe_http_uncompressed_body_length"] == len("<title>TikTok</title>")
    assert result.samples["probe_http_last_modified_timestamp_seconds"] == pytest.approx(
        (nginx.folder / "index.html").stat().st_mtime, abs=1
    )
    assert sum(phase(result, name) for name in PHASES) == pytest.approx(result.duration)
    assert phase(result, "connect") > 0
    assert phase(result, "processing") > 0
    assert phase(result, "tls") == 0


async def test_nginx_answers_in_http_2_when_asked_over_tls(nginx: Nginx) -> None:
    url = f"https://127.0.0.1:{nginx.secure}/"
    result = await run(url, nginx.trusting, valid_http_versions=("HTTP/2.0",), fail_if_body_not_matches_regexp=("Tik",))
    assert result.ok, result.message
    assert result.samples["probe_http_version"] == 2.0
    assert result.samples["probe_http_ssl"] == 1
    assert result.samples["probe_http_content_length"] == len("<title>TikTok</title>")
    assert phase(result, "tls") > 0
    assert sum(phase(result, name) for name in PHASES) == pytest.approx(result.duration)


async def test_http_2_can_be_turned_off(nginx: Nginx) -> None:
    result = await run(f"https://127.0.0.1:{nginx.secure}/", nginx.trusting, enable_http2=False)
    assert result.samples["probe_http_version"] == 1.1


async def test_a_large_body_passes_http_2_flow_control(nginx: Nginx) -> None:
    result = await run(f"https://127.0.0.1:{nginx.secure}/large.bin", nginx.trusting)
    assert result.ok, result.message
    assert result.samples["probe_http_uncompressed_body_length"] == 5 << 20


async def test_a_redirect_in_http_2_is_followed_although_nginx_says_goaway(nginx: Nginx) -> None:
    result = await run(f"https://127.0.0.1:{nginx.secure}/moved", nginx.trusting)
    assert result.ok, result.message
    assert [hop["status"] for hop in result.facts["hops"]] == [301, 200]


async def test_a_body_is_posted_whole() -> None:
    body = "x" * 300_000
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {len(await request.text())} {request.headers['X-Kind']}")
        return web.Response()

    async with site(handler) as url:
        result = await run(url, method="POST", body=body, headers={"X-Kind": "test"})
    assert result.ok, result.message
    assert seen == ["POST 300000 test"]


async def test_every_sample_is_there_when_nothing_answers() -> None:
    async with Torture(answers()) as server:
        url = server.url
    result = await run(url)
    assert result.reason is Reason.CONNECT
    names = {key if isinstance(key, str) else key[0] for key in result.samples}
    always = {family.name for family in FAMILIES if re.match("probe_(http|failed)", family.name)}
    assert names >= always - {"probe_http_last_modified_timestamp_seconds", "probe_failed_due_to_cel"}
    assert [phase(result, name) for name in PHASES[2:]] == [0, 0, 0]


async def test_the_request_names_the_project_and_closes() -> None:
    async with Torture(answers()) as server:
        await run(server.url + "a?b=c d")
    lines = server.heads[0].decode().splitlines()
    assert lines[0] == "GET /a?b=c%20d HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert f"User-Agent: outage-exporter/{__version__} (+https://github.com/outage-exporter/outage-exporter)" in lines
    assert "Connection: close" in lines
    assert not [line for line in lines if line.startswith("Accept-Encoding")]


async def test_a_configured_host_and_user_agent_replace_ours() -> None:
    async with Torture(answers()) as server:
        await run(server.url, headers={"Host": "www.example.com", "user-agent": "me"})
    lines = server.heads[0].decode().splitlines()
    assert [line for line in lines if line.lower().startswith(("host", "user-agent"))] == [
        "Host: www.example.com",
        "user-agent: me",
    ]


async def test_head_waits_for_no_body_and_reports_the_length() -> None:
    async with site(page("hello")) as url:
        result = await run(url, method="HEAD")
    assert result.ok, result.message
    assert result.samples["probe_http_content_length"] == 5
    assert result.samples["probe_http_uncompressed_body_length"] == 0


async def test_a_chunked_body_has_no_length_of_its_own() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"x" * 1000)
        return response

    async with site(handler) as url:
        result = await run(url, fail_if_body_not_matches_regexp=("^x+$",))
    assert result.ok, result.message
    assert result.samples["probe_http_content_length"] == -1
    assert result.samples["probe_http_uncompressed_body_length"] == 3000


async def test_a_body_may_end_by_closing() -> None:
    async def until_closed(client: object) -> None:
        await client.request()  # type: ignore[attr-defined]
        await client.send(b"HTTP/1.0 200 OK\r\n\r\nthe whole story")  # type: ignore[attr-defined]

    async with Torture(until_closed) as server:
        result = await run(server.url, fail_if_body_not_matches_regexp=("story$",))
    assert result.ok, result.message
    assert result.samples["probe_http_version"] == 1.0
    assert result.samples["probe_http_content_length"] == -1


async def test_no_content_has_no_body() -> None:
    async with site(page("", 204)) as url:
        result = await run(url, valid_status_codes=(range(204, 205),))
    assert result.ok, result.message
    assert result.samples["probe_http_content_length"] == 0


async def test_each_hop_is_recorded_with_its_phases() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/":
            raise web.HTTPFound("/next")
        return web.Response(text="there")

    async with site(handler) as url:
        result = await run(f"{url}/")
    hops = result.facts["hops"]
    assert [(hop["url"], hop["status"], hop["address"]) for hop in hops] == [
        (f"{url}/", 302, "127.0.0.1"),
        (f"{url}/next", 200, "127.0.0.1"),
    ]
    assert sum(sum(hop["phases"].values()) for hop in hops) == pytest.approx(result.duration)
    assert result.samples["probe_http_redirects"] == 1


async def test_eleven_redirects_stop_at_the_last_status() -> None:
    async with Torture(redirects_to("/")) as server:
        result = await run(server.url)
    assert result.reason is Reason.STATUS
    assert result.samples["probe_http_redirects"] == 11
    assert result.samples["probe_http_status_code"] == 302
    assert server.requests == 11


async def test_a_redirect_that_is_not_followed_is_the_answer() -> None:
    async with Torture(redirects_to("/")) as server:
        result = await run(server.url, follow_redirects=False, valid_status_codes=(range(302, 303),))
    assert result.ok, result.message
    assert result.samples["probe_http_redirects"] == 1
    assert server.requests == 1


async def test_a_redirect_out_of_http_is_a_protocol_failure() -> None:
    async with Torture(redirects_to("ftp://127.0.0.1/file")) as server:
        result = await run(server.url)
    assert result.reason is Reason.PROTOCOL
    assert "ftp" in result.message


async def test_a_cookie_set_by_a_redirect_comes_back() -> None:
    async def handler(request: web.Request) -> web.Response:
        if "visited" in request.cookies:
            return web.Response(text="welcome")
        response = web.Response(status=302, headers={"Location": request.path})
        response.set_cookie("visited", "yes", path="/")
        return response

    async with site(handler) as url:
        result = await run(url, fail_if_body_not_matches_regexp=("welcome",))
    assert result.ok, result.message
    assert result.samples["probe_http_redirects"] == 1


@pytest.mark.parametrize(("status", "then"), [(302, "GET 0"), (303, "GET 0"), (307, "POST 4"), (308, "POST 4")])
async def test_a_redirected_post_keeps_its_body_only_where_the_status_says_so(status: int, then: str) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {len(await request.read())}")
        return web.Response(status=status if len(seen) == 1 else 200, headers={"Location": "/"})

    async with site(handler) as url:
        result = await run(url, method="POST", body="data")
    assert result.ok, result.message
    assert seen == ["POST 4", then]
