"""A real browser, and pages in it whose every complaint fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.stack.browser.stage import Stage

Visit = Callable[..., Awaitable[Page]]

# Hosts of `.test` are here: unlike loopback's own names no browser trusts them without TLS.
_OPTIONS = ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_OPTIONS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as running:
        yield running


@pytest.fixture
def expected() -> list[str]:
    """What the browser may complain of in this test, by a part of its words."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def visit(chromium: Browser, stage: Stage, expected: list[str]) -> AsyncIterator[Visit]:
    """`visit(path, **context)`: a page of the stage, seen by a visitor of their own."""
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        def hear(said: ConsoleMessage) -> None:
            if said.type in ("error", "warning"):
                complaints.append(said.text)

        async def visited(path: str = "/tiktok", clock: float | None = None, **options: Any) -> Page:
            context = await stack.enter_async_context(await chromium.new_context(**options))
            page = await context.new_page()
            page.set_default_timeout(10_000)
            page.on("console", hear)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            if clock is not None:
                await page.clock.install(time=clock)
            await page.goto(path if "://" in path else stage.url + path)
            return page

        yield visited
    assert [told for told in complaints if not any(words in told for words in expected)] == []
