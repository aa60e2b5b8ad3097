"""Pictures of the pages in every verdict, by real Chromium.

    python -m tests.stack.browser.pictures DIR [SCENE...]   sites made in code (`scenes`), whole pages
    python -m tests.stack.browser.pictures DIR box          a real exporter on TikTok in a box, as root
    python -m tests.stack.browser.pictures readme           those that the README shows, into `pictures/`

Each page is photographed light, dark, and on a phone 360 px wide.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, async_playwright

from exporter import web
from tests.servers.box import Box
from tests.servers.program import Exporter, hastened
from tests.servers.proxies import Microsocks, Tinyproxy
from tests.stack.browser.scenes import SCENES, staged

KEPT = Path(__file__).with_name("pictures")


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at; `cut` is the height in pixels after which a picture ends, None for the whole page."""

    name: str
    width: int
    dark: bool = False
    scale: float = 1.0
    cut: int | None = None


LIGHT, DARK, PHONE = Look("light", 1200), Look("dark", 1200, dark=True), Look("phone", 360, scale=1.5)
PAGES = {"": "tiktok", "german": "de/tiktok", "history": "tiktok/history", "home": ""}
README = (
    ("down", Look("light", 1000, cut=720)),
    ("up", Look("dark", 1000, dark=True, cut=720)),
    ("partial", Look("phone", 360, cut=900)),
)


async def photograph(browser: Browser, address: str, look: Look, file: Path) -> None:
    """Times stand as the server wrote them, for a reader in UTC."""
    page = await browser.new_page(
        viewport={"width": look.width, "height": look.cut or 900},
        color_scheme="dark" if look.dark else "light",
        device_scale_factor=look.scale,
        timezone_id="UTC",
    )
    await page.goto(address)
    await page.screenshot(path=file, full_page=look.cut is None)
    await page.close()


async def photograph_all(browser: Browser, url: str, name: str, folder: Path, pages: Sequence[str]) -> None:
    for page in pages:
        for look in (LIGHT, DARK, PHONE):
            file = folder / f"{'-'.join(filter(None, (name, page, look.name)))}.png"
            await photograph(browser, f"{url}/{PAGES[page]}", look, file)


@asynccontextmanager
async def serving(scene: str) -> AsyncIterator[str]:
    """The address of a scene's site."""
    with tempfile.TemporaryDirectory() as kept, staged(scene, Path(kept)) as site:
        async with TestServer(web.application(site)) as server:
            yield str(server.make_url("")).rstrip("/")


async def photograph_box(browser: Browser, folder: Path) -> None:
    """What a real exporter says of servers that break; its past begins with the pictures."""
    async with AsyncExitStack() as running:
        kept = Path(running.enter_context(tempfile.TemporaryDirectory()))
        box = await running.enter_async_context(Box())
        proxies = [
            await running.enter_async_context(Microsocks(box, "eu-west", user="box", password="open sesame")),
            await running.enter_async_context(Tinyproxy(box, "us-east")),
        ]
        exporter = Exporter(kept, hastened(kept, 2.0), box.write_config(kept, proxies))
        await running.enter_async_context(exporter)
        steps: tuple[tuple[str, str, Callable[[], None]], ...] = (
            ("up", "up", box.mend),
            ("partial", "partial", lambda: box.break_(feature="upload", mode="reset")),
            ("down", "down", lambda: box.break_(mode="refuse")),
            ("line", "unknown", lambda: box.break_(feature="controls")),
        )
        for name, answer, happen in steps:
            happen()
            await exporter.until_answer("tiktok", answer)
            await asyncio.sleep(5.0)  # until all features are as the first
            await photograph_all(browser, exporter.url, f"box-{name}", folder, ["", "home"])


async def main(arguments: list[str]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        if arguments == ["readme"]:
            for scene, look in README:
                async with serving(scene) as url:
                    await photograph(browser, f"{url}/tiktok", look, KEPT / f"{scene}-{look.name}.png")
        elif arguments[1:] == ["box"]:
            await photograph_box(browser, Path(arguments[0]))
        else:
            for scene in arguments[1:] or SCENES:
                async with serving(scene) as url:
                    pages = list(PAGES) if scene in ("up", "down") else [""]
                    await photograph_all(browser, url, scene, Path(arguments[0]), pages)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
