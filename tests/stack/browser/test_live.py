"""A page that stays open: what changes comes to it by itself, and what is old looks old."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from exporter.web import events
from tests.servers.program import ENDS_WITHIN, Exporter, until
from tests.stack.browser.conftest import Visit
from tests.stack.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE = 60_000
"""Milliseconds, as the page's clock counts."""

STEP = 5_000

SHOP = """
regions: {here: {kind: local}}
controls: {control: {kind: tcp, target: "127.0.0.1:9"}}
services: {shop: {title: Shop, features: {buy: {core: true, endpoints: {till: {kind: tcp, target: "127.0.0.1:9"}}}}}}
"""


async def listens(stage: Stage, count: int = 1) -> None:
    """Return when so many pages listen; who has gone is missed at the next beat."""

    async def listening() -> int:
        stage.ring(beat=True)
        return stage.site.streams.count

    await until(listening, lambda found: found == count)


async def shows(page: Page, answer: str) -> None:
    await expect(page.locator(f"#glance[data-answer={answer}]")).to_be_visible()


async def passes(page: Page, milliseconds: float) -> None:
    """Let the page's clock go on, slowly enough for what it asks meanwhile to be answered."""
    for _ in range(int(milliseconds / STEP)):
        await page.clock.run_for(STEP)
        await page.evaluate("fetch('/-/healthy').catch(() => null)")


async def test_a_change_comes_to_an_open_page_and_is_said_aloud_and_takes_no_focus(stage: Stage, visit: Visit) -> None:
    page = await visit(clock=time.time())
    await page.evaluate("window.here = true")
    await page.locator("#report button").first.focus()
    await listens(stage)
    stage.say("down")
    await shows(page, "down")
    await expect(page).to_have_title("YES - Is TikTok down?")
    await expect(page.locator("#announce")).to_have_text("TikTok is down.")
    await passes(page, 15_000)
    await expect(page.locator("[data-live=grid] .down").first).to_be_visible()
    assert await page.evaluate("window.here && document.activeElement.value === 'feed'")


async def test_a_cache_that_is_behind_takes_nothing_back_and_is_asked_again(stage: Stage, visit: Visit) -> None:
    page = await visit(clock=time.time())
    old = await (await page.request.get(f"{stage.url}/tiktok")).text()
    asked: list[str] = []

    async def keep(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(body=old, content_type="text/html", headers={"Date": formatdate(usegmt=True)})

    await page.route("**/tiktok", keep)
    await listens(stage)
    stage.say("down")
    await shows(page, "down")
    await passes(page, 15_000)
    assert asked
    await shows(page, "down")
    await page.unroute("**/tiktok")
    await passes(page, 20_000)
    await expect(page.locator("[data-live=grid] .down").first).to_be_visible()


async def test_what_a_visitor_opened_stays_open_when_the_rest_changes(stage: Stage, visit: Visit) -> None:
    page = await visit(clock=time.time())
    await page.evaluate("document.querySelectorAll('[data-live] details').forEach(one => one.open = true)")
    opened = await page.locator("[data-live] details[open]").count()
    await listens(stage)
    stage.say("down")
    await shows(page, "down")
    await passes(page, 15_000)
    await expect(page.locator("[data-live=grid] .down").first).to_be_visible()
    assert await page.locator("[data-live] details[open]").count() == opened > 0


async def test_a_link_that_has_the_focus_keeps_it_when_more_is_said_around_it(stage: Stage, visit: Visit) -> None:
    page = await visit()
    await page.evaluate(
        """() => {
            const link = "<a id=it href='/tiktok/history'>x</a>";
            const list = document.querySelector("#glance .sentences");
            list.innerHTML = `<li>${link}</li>`;
            list.querySelector("a").focus();
            const fresh = list.cloneNode();
            fresh.innerHTML = `<li>one</li><li>two</li><li>${link}</li>`;
            renew(list, fresh);
        }"""
    )
    await expect(page.locator("#it")).to_be_focused()


async def test_a_page_of_another_language_stays_in_it(stage: Stage, visit: Visit) -> None:
    page = await visit("/de/tiktok")
    await listens(stage)
    stage.say("down")
    await expect(page).to_have_title("JA - Ist TikTok down?")


async def test_a_page_hears_again_when_the_exporter_comes_again(
    stage: Stage, visit: Visit, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_RETRY", (50, 100))
    expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    page = await visit()
    await listens(stage)
    await stage.stop()
    stage.say("down")
    await stage.start()
    await listens(stage)
    await shows(page, "down")
    await expect(page.locator("#old")).to_be_hidden()


async def test_the_program_tells_open_pages_of_a_reload_and_ends_at_once_though_they_listen(
    visit: Visit, tmp_path: Path, expected: list[str]
) -> None:
    expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    file = tmp_path / "outage.yaml"
    file.write_text(SHOP, encoding="utf-8")
    async with Exporter(tmp_path, file) as exporter:
        page = await visit(f"{exporter.url}/shop")
        await until(lambda: page.evaluate("heardAt"), bool)
        file.write_text(SHOP.replace("Shop", "Corner shop"), encoding="utf-8")
        assert (await exporter.post("/-/reload"))[0] == 200
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Corner shop", timeout=15_000)
        exporter.process.terminate()
        await asyncio.wait_for(exporter.process.wait(), ENDS_WITHIN)
        assert "Traceback" not in exporter.log


async def test_a_page_without_a_stream_asks_every_minute(
    stage: Stage, visit: Visit, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST", 0)
    expected += ["503"]
    page = await visit(clock=time.time())
    stage.say("down")
    await asyncio.sleep(1)  # until the copy of the page that was shown is not shown any more
    await passes(page, 2 * MINUTE)
    await shows(page, "down")
    await expect(page).to_have_title("YES - Is TikTok down?")
    await expect(page.locator("#announce")).to_have_text("TikTok is down.")


async def test_the_first_page_asks_every_minute(stage: Stage, visit: Visit) -> None:
    page = await visit("/", clock=time.time())
    card = page.locator("[data-live=services] li").first
    await expect(card).to_contain_text("No")
    stage.say("down")
    await asyncio.sleep(1)  # until the copy of the page that was shown is not shown any more
    await passes(page, 2 * MINUTE)
    await expect(card).to_contain_text("Yes")


async def test_a_page_that_hears_nothing_says_so_until_it_does(
    stage: Stage, visit: Visit, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_RETRY", (50, 100))
    expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    page = await visit(clock=time.time())
    await listens(stage)
    await stage.stop()
    await passes(page, 4 * MINUTE)
    await expect(page.locator("#old")).to_be_hidden()
    await passes(page, 1.5 * MINUTE)
    await expect(page.locator("#old")).to_be_visible()
    assert (await page.title()).startswith("?")
    await stage.start()
    await listens(stage)
    await expect(page.locator("#old")).to_be_hidden()
    await expect(page).to_have_title("NO - Is TikTok down?")


async def test_an_old_copy_says_that_it_is_old(stage: Stage, visit: Visit) -> None:
    page = await visit()
    html = await (await page.request.get(f"{stage.url}/tiktok")).text()
    checked = str(await page.evaluate("document.body.dataset.checked"))
    old = html.replace(checked, str(int(checked) - 600)).replace("data-events", "data-nothing")

    async def keep(route: Route) -> None:
        await route.fulfill(body=old, content_type="text/html", headers={"Date": formatdate(usegmt=True)})

    await page.route("**/tiktok", keep)
    await page.goto(f"{stage.url}/tiktok")
    await expect(page.locator("#old")).to_be_visible()


@pytest.mark.parametrize("wrong", [-3600, 3600])
async def test_a_visitor_whose_clock_is_wrong_is_not_told_that_the_page_is_old(
    stage: Stage, visit: Visit, wrong: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST", 0)
    expected += ["503"]
    page = await visit(clock=time.time() + wrong)
    await expect(page.locator("#old")).to_be_hidden()
    await passes(page, 3 * MINUTE)
    await expect(page.locator("#old")).to_be_hidden()


async def test_a_page_in_the_background_lets_its_stream_go_and_hears_again_when_it_is_seen(
    stage: Stage, visit: Visit
) -> None:
    page = await visit(clock=time.time())
    await listens(stage)
    await _hide(page, True)
    await passes(page, 1.1 * MINUTE)
    await listens(stage, 0)
    stage.say("down")
    await _hide(page, False)
    await listens(stage)
    await shows(page, "down")


async def _hide(page: Page, hidden: bool) -> None:
    """A headless browser shows every page."""
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_times_are_the_visitors_and_what_the_server_wrote_stays_to_be_read(stage: Stage, visit: Visit) -> None:
    stage.say("down")
    page = await visit(timezone_id="America/New_York")
    shown = page.locator("#glance time").first
    await expect(shown).to_have_text("14 Nov 2023, 17:12 GMT-5")
    await expect(shown).to_have_attribute("title", "14 Nov 2023, 22:12 UTC")
    page = await visit("/de/tiktok", timezone_id="Europe/Berlin")
    await expect(page.locator("#glance time").first).to_have_text("14. Nov. 2023, 23:12 MEZ")
