"""What strangers write, in a real browser: it is read, and nothing of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Dialog

from tests.web.nasty import MARK, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ("/", "/tiktok", "/tiktok/history", "/de/tiktok", "/status", "/probes", "/config")
FOUND = "[String(window.evil), document.querySelectorAll('x-evil, [onevil], img, [href^=java i]').length]"


async def test_nothing_of_it_runs_and_nothing_had_to_be_stopped(chromium: Browser, tmp_path: Path) -> None:
    complaints: list[str] = []

    async def refuse(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        await dialog.dismiss()

    def hear(said: ConsoleMessage) -> None:
        complaints.append(said.text)

    async with served(tmp_path) as site, await chromium.new_page() as page:
        page.on("dialog", refuse)
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for path in PATHS:
            await page.goto(f"http://localhost:{site.port}{path}")
            assert MARK in await page.content()
            assert await page.evaluate(FOUND) == ["undefined", 0], path
        await page.goto(f"http://localhost:{site.port}/tiktok")
        await page.click("#report button")
        await page.wait_for_function("document.querySelector('#report [role=status]').textContent")
        assert await page.evaluate(FOUND) == ["undefined", 0]
    assert complaints == []
