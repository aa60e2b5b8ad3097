"""Everybody can use the pages: by axe's rules in every verdict, by keyboard, on a narrow phone, on a slow line.

Axe is run with the rules of WCAG 2.0 to 2.2, A and AA, and with its best practices. Chromium shows pages of the
application itself, on loopback, over the verdicts of `scenes`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web as server
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from exporter import web
from tests.stack.browser.scenes import SCENES, staged

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},  # of 2.2, and off unless it is named
}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What colours decide: in the dark, nothing else is different."""

BROKEN = r"""() => [...document.querySelectorAll(".grid th:first-child, .numbers dd")].filter(cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    return text.getClientRects().length > cell.textContent.trim().split(/[\s-]+/).length;
}).map(cell => cell.textContent)"""
"""The names of rows, and the numbers, of which more lines are made than they have words."""

OVERLAPPING = """() => [...document.querySelectorAll(".outages li")].filter((line) => {
  const words = [...line.children].map((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getBoundingClientRect();
  });
  return words.some((a, at) => words.slice(at + 1).some((b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1));
}).map((line) => line.textContent)"""
FLATTEN = """end => {
    document.querySelectorAll(".plot svg").forEach(one => one.style.visibility = "hidden");
    const everything = [...document.querySelectorAll("*")];
    everything.forEach(one => one.style.background = "");
    const runs = one => getComputedStyle(one).backgroundImage;
    const found = everything.filter(one => runs(one).includes("gradient"));
    found.forEach(one => one.style.background = runs(one).match(/rgba?\\([^)]*\\)/g).at(end));
    return found.length;
}"""
"""Axe cannot tell the contrast on a colour that runs into another, so one of its ends is painted all over, nor that of
a number on a chart, so the chart's lines are hidden; not to know is as good as wrong for `look`.
"""

SERVICE = "tiktok"
PAGES = ("", "de", "de/tiktok", "tiktok/history", "de/tiktok/history")
OPERATORS = ("probes", "probes/tiktok/homepage/here", "config", "status")
"""Of one region alone: axe takes its time for a table of hundreds of lines, and learns nothing from it."""

ALL = (
    [(scene, SERVICE) for scene in SCENES]
    + [("down", path) for path in PAGES]
    + [("alone", path) for path in OPERATORS]
)
LOOKED_AT = [(scene, path) for scene, path in ALL if scene in ("up", "down", "alone") or path != SERVICE]
"""Some, because axe takes seconds for each; `long_accessibility.py` looks at the others."""

LARGEST = 60_000
"""Bytes of a page with its style and script, before they are compressed."""

FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
REACHABLE = f"""() => [...document.querySelectorAll("{FOCUSABLE}")].filter(one => one.checkVisibility()).length"""
FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return {
        number: [...document.querySelectorAll("*")].indexOf(one),
        what: one.outerHTML.slice(0, 120),
        body: one === document.body,
        outlined: outlined || style.boxShadow !== "none",
        inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"
MOVING = """() => {
    const lasts = time => Math.max(...time.split(",").map(parseFloat)) > 0.01;
    const moves = style => lasts(style.animationDuration) || lasts(style.transitionDuration);
    const parts = one => [undefined, "::before", "::after"].map(part => getComputedStyle(one, part));
    const moving = [...document.querySelectorAll("*")].filter(one => parts(one).some(moves));
    return moving.map(one => one.outerHTML.slice(0, 120));
}"""
LOADED = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map(entry => [entry.name, entry.decodedBodySize])"""

Open = Callable[..., Awaitable[Page]]


class Scenes:
    """The applications of scenes, each begun when it is first asked for."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._addresses: dict[str, str] = {}

    async def address(self, name: str) -> str:
        if name not in self._addresses:
            site = self._stack.enter_context(staged(name, self._folder / name))
            runner = server.AppRunner(web.application(site), shutdown_timeout=0.1)
            await runner.setup()
            self._stack.push_async_callback(runner.cleanup)
            await server.TCPSite(runner, "127.0.0.1", 0).start()
            self._addresses[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self._addresses[name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scenes]:
    async with AsyncExitStack() as stack:
        yield Scenes(tmp_path_factory.mktemp("scenes"), stack)


@asynccontextmanager
async def opened(chromium: Browser, address: str, **options: Any) -> AsyncIterator[Page]:
    """A page in a browser without a past; what the browser complains of is an error when it is left."""
    complaints: list[str] = []
    async with await chromium.new_context(**options) as context:
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(address)
        yield page
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium: Browser, scenes: Scenes) -> AsyncIterator[Open]:
    """`open_page(scene, path, **context)` for a test alone."""
    async with AsyncExitStack() as stack:

        async def open_page(scene: str, path: str, **options: Any) -> Page:
            address = f"{await scenes.address(scene)}/{path}"
            return await stack.enter_async_context(opened(chromium, address, **options))

        yield open_page


@asynccontextmanager
async def looked_at(chromium: Browser, address: str) -> AsyncIterator[Page]:
    """A page with all that it folds away."""
    # A colour that is on its way from light to dark is no colour of the page.
    async with opened(chromium, address, reduced_motion="reduce") as page:
        await page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LOOKED_AT, ids=lambda it: "/".join(it))
async def page(request: pytest.FixtureRequest, chromium: Browser, scenes: Scenes) -> AsyncIterator[Page]:
    """Each page that is looked at, opened once for all that look at it."""
    scene, path = request.param
    async with looked_at(chromium, f"{await scenes.address(scene)}/{path}") as page:
        yield page


def told(violations: list[dict[str, Any]]) -> list[str]:
    """What is wrong, and where."""
    return [f"{one['id']}: {one['help']}: {node['html']}" for one in violations for node in one["nodes"]]


async def look(page: Page, options: dict[str, Any]) -> set[str]:
    """The rules that passed; nothing may be wrong, and no colour unknown."""
    found = (await Axe().run(page, options=options)).response
    assert told(found["violations"]) == []
    assert told([one for one in found["incomplete"] if one["id"] == "color-contrast"]) == []
    return {rule["id"] for rule in found["passes"]}


async def test_axe_finds_nothing_wrong(page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.evaluate(FLATTEN, 0)
    passed = await look(page, RULES)
    assert {"color-contrast", "landmark-one-main", "page-has-heading-one", "html-has-lang", "target-size"} <= passed
    assert len(passed) >= 20
    if await page.evaluate(FLATTEN, -1):
        assert "color-contrast" in await look(page, CONTRAST)


async def test_there_is_contrast_enough_in_the_dark(page: Page) -> None:
    light = await page.evaluate(BACKGROUND)
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(BACKGROUND) != light
    for end in (0, -1):
        if await page.evaluate(FLATTEN, end) or end == 0:
            assert "color-contrast" in await look(page, CONTRAST)


async def test_a_narrow_phone_shows_all_of_it_without_scrolling_sideways(page: Page) -> None:
    for width in (360, 320):  # 320 is WCAG's (1.4.10)
        await page.set_viewport_size({"width": width, "height": 740})
        assert await page.evaluate("() => document.scrollingElement.scrollWidth") <= width


async def test_no_words_of_an_outage_lie_upon_others(open_page: Open) -> None:
    page = await open_page("down", "de/tiktok")
    for width in (1200, 780, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(OVERLAPPING) == []


@pytest.mark.parametrize(("scene", "path"), [("down", "tiktok"), ("pending", "de/tiktok")])
async def test_no_name_or_number_is_broken_within_a_word(open_page: Open, scene: str, path: str) -> None:
    page = await open_page(scene, path)
    for width in (1200, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(BROKEN) == []


async def test_it_asks_nobody_else(page: Page) -> None:
    await page.wait_for_load_state("load")
    loaded = await page.evaluate(LOADED)
    assert {urlsplit(url)[:2] for url, _ in loaded} == {urlsplit(page.url)[:2]}


async def test_who_reports_is_thanked_on_a_page_that_is_as_good(open_page: Open) -> None:
    page = await open_page("down", "tiktok/history")
    # Axe is a script as well, so it is the page's own that must be missing here.
    await page.route("**/page.js*", lambda route: route.fulfill(body=""))
    await page.goto(page.url.removesuffix("/history"))
    await page.click("#report button >> nth=0")
    assert urlsplit(page.url).path == "/tiktok/reports"
    assert "color-contrast" in await look(page, RULES)


async def test_the_first_tab_stop_skips_to_the_answer(open_page: Open) -> None:
    page = await open_page("down", SERVICE)
    await page.keyboard.press("Tab")
    first = await page.evaluate(FOCUSED)
    assert 'href="#main"' in first["what"]
    assert (first["outlined"], first["inside"]) == (True, True)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("path", [SERVICE, "", "tiktok/history", "probes", "status"])
async def test_a_keyboard_reaches_everything_and_shows_where_it_is(open_page: Open, path: str) -> None:
    page = await open_page("down", path)
    wanted = await page.evaluate(REACHABLE)
    seen: dict[int, dict[str, Any]] = {}
    for _ in range(wanted + 1):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(FOCUSED)
        if focused["body"]:
            break
        seen[focused["number"]] = focused
    assert len(seen) == wanted > 3
    assert [one["what"] for one in seen.values() if not (one["outlined"] and one["inside"])] == []


@pytest.mark.parametrize("path", [SERVICE, "", "tiktok/history", "de/tiktok"])
async def test_a_page_with_its_style_and_script_is_small(open_page: Open, path: str) -> None:
    page = await open_page("down", path)
    await page.wait_for_load_state("load")
    assert sum(size for _, size in await page.evaluate(LOADED)) < LARGEST


@pytest.mark.parametrize("path", [SERVICE, "", "tiktok/history", "status"])
async def test_nothing_moves_for_those_who_ask_for_that(open_page: Open, path: str) -> None:
    page = await open_page("down", path, reduced_motion="reduce")
    assert await page.evaluate(MOVING) == []
