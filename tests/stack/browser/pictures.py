"""Pictures of the pages in every verdict, by real Chromium: `python -m tests.stack.browser.pictures DIR [SCENE...]`.

Each scene is photographed light, dark, and on a phone 360 px wide; whole pages, so that nothing is missed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web as aiohttp_web
from playwright.async_api import Browser, async_playwright

from exporter import web
from tests.stack.browser.scenes import SCENES, staged


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    name: str
    width: int
    scheme: str
    height: int = 900


LOOKS = (Look("light", 1200, "light"), Look("dark", 1200, "dark"), Look("phone", 360, "light", 740))
PAGES = {"": "tiktok", "history": "tiktok/history", "home": "", "de": "de/tiktok"}


async def photograph(browser: Browser, address: str, scene: str, folder: Path, pages: dict[str, str]) -> None:
    for look in LOOKS:
        context = await browser.new_context(
            viewport={"width": look.width, "height": look.height},
            color_scheme=look.scheme,  # type: ignore[arg-type]
            device_scale_factor=1,
            timezone_id="UTC",
        )
        page = await context.new_page()
        for name, path in pages.items():
            await page.goto(f"{address}/{path}", wait_until="load")
            await page.screenshot(
                path=folder / f"{'-'.join(filter(None, (scene, name, look.name)))}.png", full_page=True
            )
        await context.close()


async def main(folder: Path, names: list[str]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in names:
            with tempfile.TemporaryDirectory() as kept, staged(name, Path(kept)) as site:
                runner = aiohttp_web.AppRunner(web.application(site))
                await runner.setup()
                listening = aiohttp_web.TCPSite(runner, "127.0.0.1", 0)
                await listening.start()
                port = runner.addresses[0][1]
                pages = PAGES if name in ("down", "up") else {"": "tiktok"}
                await photograph(browser, f"http://127.0.0.1:{port}", name, folder, pages)
                await runner.cleanup()
        await browser.close()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:] or list(SCENES)))
