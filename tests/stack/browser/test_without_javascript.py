"""Without a script a page is whole: it says everything, and asks again by itself."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.stack.browser.conftest import Visit
from tests.stack.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = ("https://elsewhere.example/favicon.ico",)


async def test_the_answer_its_evidence_and_what_to_do_stand_there(stage: Stage, visit: Visit) -> None:
    stage.apply(ELSEWHERE, ELSEWHERE)
    stage.say("down")
    page = await visit(java_script_enabled=False)
    await expect(page).to_have_title("YES - Is TikTok down?")
    for words in ("TikTok is down.", "feed is down in 1 of 1 region", "14 Nov 2023, 22:12 UTC", "What to do now"):
        await expect(page.get_by_role("main")).to_contain_text(words)
    for section in ("grid", "past", "alternatives"):
        await expect(page.locator(f"[data-live={section}]")).to_be_visible()
    await expect(page.locator("#report").get_by_role("button")).to_have_count(2)


async def test_what_needs_a_script_is_not_seen(stage: Stage, visit: Visit) -> None:
    stage.apply(ELSEWHERE, ELSEWHERE)
    page = await visit(java_script_enabled=False)
    for hidden in ("#just-me", "#old"):
        await expect(page.locator(hidden)).to_have_count(1)
        await expect(page.locator(hidden)).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/tiktok", "/de/tiktok"])
async def test_a_page_asks_again_by_itself_and_only_without_a_script(stage: Stage, visit: Visit, path: str) -> None:
    refresh = "meta[http-equiv=refresh][content='60']"
    page = await visit(path, java_script_enabled=False)
    await expect(page.locator(refresh)).to_have_count(1)
    page = await visit(path)
    await expect(page.locator(refresh)).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/tiktok", "/tiktok/history", "/de", "/de/tiktok", "/de/tiktok/history"])
async def test_no_page_breaks_its_own_policy(stage: Stage, visit: Visit, path: str) -> None:
    stage.say("down")
    page = await visit(path)
    await page.wait_for_load_state("networkidle" if path.count("tiktok") == 0 else "load")
    answer = await page.request.get(stage.url + path)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert await page.locator("[style], style, script:not([src])").count() == 0
