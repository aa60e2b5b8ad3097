"""A report from a real browser: by one tap, with a script and without one, and from no other site's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web as server
from playwright.async_api import Page, expect

from exporter.readings import BUCKET
from exporter.signals.reports.intake import Report
from tests.servers.ports import free_port
from tests.stack.browser.conftest import Visit
from tests.stack.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEED = "Feed"
COUNTED = {"feed": 1, "": 1}


async def report(page: Page, what: str = FEED) -> None:
    await page.locator("#report").get_by_role("button", name=what).click()


async def said(page: Page, words: str) -> None:
    """The page says these words where the form is."""
    await expect(page.locator("#report [role=status]")).to_contain_text(words)


async def test_one_tap_reports_and_the_thanks_come_without_leaving_the_page(stage: Stage, visit: Visit) -> None:
    page = await visit()
    await page.evaluate("window.here = true")
    await report(page)
    await said(page, "Thank you, your report is counted.")
    await expect(page.locator("#report").get_by_role("button", name=FEED)).to_be_focused()
    assert await page.evaluate("window.here")
    assert stage.kept() == COUNTED


async def test_the_thanks_tell_what_others_report(stage: Stage, visit: Visit) -> None:
    await report(page := await visit())
    await said(page, "counted")
    stage.now += BUCKET
    stage.intake.close()  # as the note that nobody reported
    await report(page, "All of it, or something else")
    await said(page, "TikTok: 1 report in the last full quarter of an hour; 4 are usual.")


async def test_the_thanks_tell_at_once_when_many_report(stage: Stage, visit: Visit) -> None:
    page = await visit()
    stage.now += BUCKET
    stage.intake.close()  # as the note that nobody reported
    stage.now += 60
    await asyncio.gather(*(stage.intake.take(Report(bytes([n]), "tiktok", "feed")) for n in range(60)))
    stage.running.store.hear({}, stage.crowds.crowds())
    await report(page)
    await said(page, "TikTok, Feed: 60 reports in this quarter of an hour so far; 4 are usual in all of it.")


async def test_a_page_of_another_language_thanks_in_it(stage: Stage, visit: Visit) -> None:
    page = await visit("/de/tiktok")
    await report(page)
    await said(page, "Danke, die Meldung ist gezählt.")


async def test_who_reports_again_or_too_often_is_told_so(stage: Stage, visit: Visit, expected: list[str]) -> None:
    expected.append("429")
    stage.apply(visitor_limit=2)
    page = await visit()
    await report(page)
    await said(page, "Thank you, your report is counted.")
    await report(page)
    await said(page, "You count once an hour, and have been counted.")
    await report(page)
    await said(page, "That was too often. Try again in ")
    assert stage.kept() == COUNTED


async def test_a_report_that_cannot_be_kept_is_said_to_be_not_counted(
    stage: Stage, visit: Visit, expected: list[str]
) -> None:
    expected.append("503")
    page = await visit()
    stage.history.buckets._database.execute("PRAGMA query_only = 1")
    await report(page)
    await said(page, "Not counted: it cannot be kept at the moment.")
    stage.history.buckets._database.execute("PRAGMA query_only = 0")


async def test_a_report_that_does_not_get_through_is_said_to_be_lost(
    stage: Stage, visit: Visit, expected: list[str]
) -> None:
    expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    page = await visit()
    await stage.stop()
    await report(page)
    await said(page, "The report did not get through.")
    await stage.start()
    await report(page)
    await said(page, "Thank you, your report is counted.")


@pytest.mark.parametrize("host", ["127.0.0.1", "isitdown.test"])
async def test_a_report_without_a_script_is_answered_by_a_page_that_leads_back(
    stage: Stage, visit: Visit, host: str
) -> None:
    page = await visit(f"http://{host}:{stage.port}/de/tiktok", java_script_enabled=False)
    await report(page)
    await expect(page.locator("#said")).to_contain_text("Danke, die Meldung ist gezählt.")
    assert stage.kept() == COUNTED
    await page.get_by_role("main").get_by_role("link", name="Ist TikTok down?").click()
    assert page.url == f"http://{host}:{stage.port}/de/tiktok"


async def test_a_report_with_a_script_counts_where_no_browser_says_whose_page_it_is(stage: Stage, visit: Visit) -> None:
    page = await visit(f"http://isitdown.test:{stage.port}/tiktok")
    await report(page)
    await said(page, "Thank you, your report is counted.")


async def test_without_the_signal_there_is_no_form(stage: Stage, visit: Visit) -> None:
    stage.intake.apply(stage.running.store.config.__class__((), (), (), ()))
    page = await visit()
    await expect(page.locator("#report")).to_have_count(0)


@pytest_asyncio.fixture(loop_scope="module")
async def evil(stage: Stage) -> AsyncIterator[int]:
    """The port of a site whose pages report in their visitors' names: by a form, and by a script."""
    action = f"http://{{host}}:{stage.port}{{path}}"
    fields = '<input name="service" value="tiktok"><input name="feature" value="feed"><button>Win a prize</button>'

    async def page(request: server.Request) -> server.Response:
        target = action.format(host=request.query["host"], path=request.query["path"])
        return server.Response(text=f'<form method="post" action="{target}">{fields}</form>', content_type="text/html")

    app = server.Application()
    app.router.add_get("/", page)
    runner = server.AppRunner(app)
    await runner.setup()
    port = free_port()
    await server.TCPSite(runner, "127.0.0.1", port).start()
    yield port
    await runner.cleanup()


@pytest.mark.parametrize("path", ["/tiktok/reports", "/api/v1/reports"])
@pytest.mark.parametrize(
    ("theirs", "ours"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("evil.test", "isitdown.test")]
)
async def test_another_sites_page_reports_nothing_in_its_visitors_names(
    stage: Stage, visit: Visit, evil: int, expected: list[str], path: str, theirs: str, ours: str
) -> None:
    expected += ["403", "favicon.ico", "404"]
    page = await visit(f"http://{theirs}:{evil}/?host={ours}&path={path}")
    async with page.expect_response(f"**{path}") as answered:
        await page.get_by_role("button").click()
    assert (await answered.value).status == 403
    page = await visit(f"http://{theirs}:{evil}/?host={ours}&path={path}")
    sent = (
        "address => fetch(address, {method: 'POST', mode: 'no-cors', body: new URLSearchParams({service: 'tiktok'})})"
    )
    await page.evaluate(sent, f"http://{ours}:{stage.port}{path}")
    assert stage.kept() == {}
    assert stage.intake.refused["foreign"] == 2
