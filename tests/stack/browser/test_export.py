"""The pages as files, where nothing but files is: nginx, below a path, and a folder that a browser opens.

Every link of every page is followed, and Chromium finds nothing missing and nothing that the pages' own policy refuses.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from exporter import web
from exporter.export import export
from tests.servers.ports import free_port
from tests.servers.program import until
from tests.stack.browser.scenes import staged
from tests.stack.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELOW = "is/it/down"
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; include /etc/nginx/mime.types; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; scgi_temp_path {folder}/d; uwsgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/root; }}
}}
"""
IN_STYLE = re.compile(r"""url\(["']?([^"')]+)""")


@dataclass(frozen=True, slots=True)
class Hosted:
    """An export below a path of nginx at `url`, in `folder`, of the exporter whose archive is at `source`."""

    url: str
    folder: Path
    source: str


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[str]:
    """Debian's nginx over `folder`/root; its address."""
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    process = await asyncio.create_subprocess_exec("nginx", "-c", str(folder / "nginx.conf"))

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    try:
        await until(listens, bool)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    folder, port = tmp_path_factory.mktemp("hosted"), free_port()
    async with AsyncExitStack() as running:
        site = running.enter_context(staged("down", folder / "site"))
        server = await web.serve(web.application(site), [f"127.0.0.1:{port}"], None)
        running.push_async_callback(server.close)
        source, root = f"http://127.0.0.1:{port}/export.tar", folder / "root" / BELOW
        await asyncio.to_thread(export, source, root)
        address = await running.enter_async_context(nginx(folder))
        yield Hosted(f"{address}/{BELOW}/", root, source)


class Read(HTMLParser):
    """What a page links, or a style or a feed, and what can be linked in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links = set(IN_STYLE.findall(text))
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links |= {value for name, value in attributes if name in ("href", "src", "action") and value}
        self.names |= {value for name, value in attributes if name == "id" and value}


async def test_every_link_of_every_page_leads_to_a_file_that_is_there(hosted: Hosted) -> None:
    waiting, read, linked, missing = [f"{hosted.url}index.html"], dict[str, Read](), set[str](), list[str]()
    async with aiohttp.ClientSession() as session:
        while waiting:
            url = waiting.pop()
            async with session.get(url) as answer:
                read[url] = Read(await answer.text())
                if answer.status != 200:
                    missing.append(url)
            links = {urljoin(url, link) for link in read[url].links}
            linked |= links
            ours = {urldefrag(link).url for link in links if not link.startswith("https:")}
            waiting += ours - read.keys() - set(waiting)
    assert not missing
    assert all(url.startswith(hosted.url) for url in read)
    pages = [urldefrag(link) for link in linked if urldefrag(link).url in read]
    assert not [page for page in pages if page.fragment and page.fragment not in read[page.url].names]
    # All that there is, is found.
    files = {str(path.relative_to(hosted.folder)) for path in hosted.folder.rglob("*") if path.is_file()}
    found = {url.removeprefix(hosted.url).partition("?")[0] for url in read}
    assert {file for file in files - found if not file.startswith(".")} <= {"api/v1/incidents.json"} | {
        f"static/icon-{answer}.svg" for answer in ("up", "degraded", "partial", "down", "unknown")
    }


@asynccontextmanager
async def opened(chromium: Browser, url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and all that the browser complains of; what is asked of others is answered here."""
    page, complaints = await chromium.new_page(), list[str]()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    await page.goto(url)
    try:
        yield page, complaints
    finally:
        await page.close()


@pytest.mark.parametrize(
    "path", ["index.html", "tiktok/index.html", "de/tiktok/index.html", "tiktok/history/index.html"]
)
@pytest.mark.parametrize("scheme", ["http", "file"])
async def test_a_browser_misses_nothing(hosted: Hosted, chromium: Browser, path: str, scheme: str) -> None:
    url = f"{hosted.url}{path}" if scheme == "http" else (hosted.folder / path).as_uri()
    async with opened(chromium, url) as (page, complaints):
        assert not complaints
        assert await page.evaluate("getComputedStyle(document.querySelector('.skip')).position") == "absolute"
        assert await page.locator("form").count() == 0
        if path.endswith("tiktok/index.html"):
            assert await page.locator("#just-me").is_visible()


async def test_its_own_policy_lets_a_page_ask_what_the_configuration_names_and_nobody_else(
    chromium: Browser, stage: Stage, tmp_path: Path
) -> None:
    stage.apply(checks=(f"http://service.test:{stage.port}/-/healthy",))
    await asyncio.to_thread(export, f"{stage.url}/export.tar", tmp_path / "root")
    ask = "url => fetch(url, {mode: 'no-cors'}).then(() => true, () => false)"
    async with nginx(tmp_path) as address, opened(chromium, f"{address}/tiktok/index.html") as (page, complaints):
        assert await page.evaluate(ask, f"http://service.test:{stage.port}/-/healthy")
        # Of an answer that nobody reads the browser says that it was broken off.
        assert not [complaint for complaint in complaints if "Policy" in complaint]
        assert not await page.evaluate(ask, f"http://other.test:{stage.port}/-/healthy")
        assert [complaint for complaint in complaints if "Content Security Policy" in complaint]


async def test_an_open_page_shows_the_next_export(hosted: Hosted, chromium: Browser) -> None:
    async with opened(chromium, "about:blank") as (page, complaints):
        await page.clock.install()
        await page.goto(f"{hosted.url}tiktok/index.html")
        file = hosted.folder / "tiktok" / "index.html"
        before = file.read_text()
        file.write_text(re.sub('data-answer="down" data-version="[^"]*"', 'data-answer="up" data-version="x"', before))
        try:
            await page.clock.fast_forward("02:00")
            await page.wait_for_selector('#glance[data-answer="up"]')
        finally:
            file.write_text(before)
        assert not complaints
