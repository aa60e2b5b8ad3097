"""Is it just me? The visitor's own browser looks, at real servers, and nobody else learns what it finds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web as server
from playwright.async_api import Page, expect

from tests.servers.ports import free_port
from tests.servers.program import until
from tests.stack.browser.conftest import Visit
from tests.stack.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = "ERR_CONNECTION_REFUSED"


class Elsewhere:
    """Somebody else's server; `asked` holds the headers of each request."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.port = free_port()

    async def answer(self, request: server.Request) -> server.Response:
        self.asked.append(dict(request.headers))
        # As real ones do: no script may read it, and none needs to.
        return server.Response(
            status=204, headers={"Set-Cookie": "who=you", "Cross-Origin-Resource-Policy": "cross-origin"}
        )

    def url(self, host: str) -> str:
        return f"http://{host}:{self.port}/alive"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def elsewhere() -> AsyncIterator[Elsewhere]:
    found = Elsewhere()
    app = server.Application()
    app.router.add_get("/alive", found.answer)
    runner = server.AppRunner(app)
    await runner.setup()
    await server.TCPSite(runner, "127.0.0.1", found.port).start()
    yield found
    await runner.cleanup()


def nobody() -> str:
    """An address where nothing listens."""
    return f"http://127.0.0.1:{free_port()}/alive"


async def ask(page: Page) -> str:
    """What the page says when it has been asked."""
    said = page.locator("#just-me [role=status]")
    await page.get_by_role("button", name="Try it from here").click()
    await expect(said).not_to_be_empty()
    await expect(said).not_to_contain_text("Trying")
    return await said.inner_text()


@pytest.mark.parametrize(
    ("reached", "online", "answer", "told"),
    [
        (True, True, "up", "TikTok answers you too."),
        (True, True, "down", "TikTok answers you, but others have trouble just now"),
        (True, False, "unknown", "TikTok answers you. Whether it answers others, we can't tell"),
        (False, True, "up", "TikTok answers others but not you, and your line works. The problem is on your side"),
        (False, True, "down", "It is not just you"),
        (False, True, "unknown", "TikTok does not answer you, though your line works."),
        (False, False, "up", "Nothing answers you: it is your own connection."),
        (False, False, "down", "Nothing answers you: it is your own connection."),
    ],
)
async def test_each_case_is_told_in_a_sentence(
    stage: Stage, visit: Visit, elsewhere: Elsewhere, expected: list[str],
    reached: bool, online: bool, answer: str, told: str,
) -> None:  # fmt: skip
    expected.append(REFUSED)
    stage.apply(
        checks=(nobody(), elsewhere.url("127.0.0.1") if reached else nobody()),
        controls=(nobody(), elsewhere.url("localhost") if online else nobody()),
    )
    stage.say(answer)
    assert told in await ask(await visit())


async def test_what_is_found_is_sent_to_nobody_and_nobody_learns_who_looks(
    stage: Stage, visit: Visit, elsewhere: Elsewhere
) -> None:
    stage.apply(checks=(elsewhere.url("127.0.0.1"),), controls=(elsewhere.url("localhost"),))
    page = await visit()
    # A visit before has left a cookie there.
    await page.context.add_cookies([{"name": "who", "value": "you", "url": elsewhere.url("127.0.0.1")}])
    await until(lambda: page.evaluate("heardAt"), bool)
    elsewhere.asked.clear()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/static/" not in request.url else None)
    await ask(page)
    assert sorted(requests) == sorted((elsewhere.url("127.0.0.1"), elsewhere.url("localhost")))
    assert len(elsewhere.asked) == 2
    assert not [headers for headers in elsewhere.asked if "Cookie" in headers or "Referer" in headers]


async def test_a_page_that_is_old_does_not_know_whether_it_is_up(
    stage: Stage, visit: Visit, elsewhere: Elsewhere
) -> None:
    stage.apply(checks=(elsewhere.url("127.0.0.1"),), controls=(elsewhere.url("localhost"),))
    page = await visit()
    await until(lambda: page.evaluate("heardAt"), bool)
    await page.evaluate("livedAt = 0")
    assert "Whether it answers others, we can't tell" in await ask(page)


async def test_who_finds_a_problem_is_led_to_the_report(
    stage: Stage, visit: Visit, elsewhere: Elsewhere, expected: list[str]
) -> None:
    expected.append(REFUSED)
    stage.apply(checks=(nobody(),), controls=(elsewhere.url("localhost"),))
    stage.say("up")
    page = await visit()
    await ask(page)
    await page.locator("#just-me").get_by_role("link", name="Report a problem").click()
    assert page.url.endswith("#report")


async def test_it_can_be_asked_again_and_by_keyboard(stage: Stage, visit: Visit, elsewhere: Elsewhere) -> None:
    stage.apply(checks=(elsewhere.url("127.0.0.1"),), controls=(elsewhere.url("localhost"),))
    page = await visit()
    await ask(page)
    elsewhere.asked.clear()
    button = page.get_by_role("button", name="Try it from here")
    await button.press("Enter")
    await expect(button).not_to_have_attribute("aria-disabled", "true")
    await expect(button).to_be_focused()
    assert len(elsewhere.asked) == 2


async def test_the_page_may_ask_only_those_that_are_configured(
    stage: Stage, visit: Visit, elsewhere: Elsewhere, expected: list[str]
) -> None:
    expected.append("Content Security Policy")
    stage.apply(checks=(elsewhere.url("127.0.0.1"),), controls=(elsewhere.url("127.0.0.1"),))
    page = await visit()
    asked = "address => fetch(address, {mode: 'no-cors'}).then(() => true, () => false)"
    assert await page.evaluate(asked, elsewhere.url("127.0.0.1"))
    assert not await page.evaluate(asked, elsewhere.url("localhost"))


@pytest.mark.parametrize("missing", ["checks", "controls"])
async def test_a_page_that_has_nowhere_to_look_does_not_offer_it(
    stage: Stage, visit: Visit, elsewhere: Elsewhere, missing: str
) -> None:
    both = {"checks": (elsewhere.url("127.0.0.1"),), "controls": (elsewhere.url("localhost"),)}
    stage.apply(**{**both, missing: ()})
    page = await visit()
    await expect(page.locator("#just-me")).to_have_count(0)
