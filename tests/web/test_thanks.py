"""What the form on a service's page is answered: a page in its language, with what others report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.readings import BUCKET
from tests.web.test_reports import Desk

PATH = "/tiktok/reports"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path) as running:
        yield running


async def send(desk: Desk, path: str = PATH, visitor: str = "192.0.2.1", feature: str = "feed") -> tuple[int, str]:
    """Status and page; visitors come through a proxy that is trusted."""
    headers = {"X-Forwarded-For": visitor}
    async with desk.session.post(path, data={"feature": feature}, headers=headers) as answer:
        desk.retry_after = answer.headers.get("Retry-After")
        assert answer.content_type == "text/html"
        return answer.status, await answer.text()


async def test_who_reports_is_thanked_and_led_back(desk: Desk) -> None:
    status, page = await send(desk)
    assert status == 202
    assert "Thank you, your report is counted." in page
    assert '<a href="/tiktok">Is TikTok down?</a>' in page
    assert desk.kept() == {"feed": 1, "": 1}


async def test_what_others_report_stands_beside_it(desk: Desk) -> None:
    await send(desk)
    desk.now += BUCKET
    desk.intake.close()  # as the note that nobody reported
    _, page = await send(desk, visitor="192.0.2.2")
    assert "TikTok, Feed: 1 report in the last full quarter of an hour; 4 are usual." in page
    _, page = await send(desk, "/de/tiktok/reports", visitor="192.0.2.3", feature="")
    assert "TikTok: 1 Meldung in der letzten vollen Viertelstunde; üblich sind 4." in page


async def test_it_speaks_the_language_of_the_page(desk: Desk) -> None:
    _, page = await send(desk, "/de/tiktok/reports")
    assert '<html lang="de">' in page
    assert "Danke, die Meldung ist gezählt." in page
    assert '<a href="/de/tiktok">' in page


async def test_whoever_reports_again_is_told_that_it_counts_once(desk: Desk) -> None:
    await send(desk)
    status, page = await send(desk)
    assert (status, "You count once an hour" in page) == (202, True)
    assert desk.kept() == {"feed": 1, "": 1}


async def test_what_is_not_counted_is_said_in_words(desk: Desk) -> None:
    desk.apply(visitor_limit=1)
    await send(desk)
    assert "Try again in 60 seconds." in (await send(desk))[1]
    assert desk.retry_after == "60"
    desk.apply(memory=2)
    assert "more reports come than can be remembered" in (await send(desk, visitor="192.0.2.2"))[1]
    desk.apply()
    desk.refuse_writes(True)
    status, page = await send(desk, visitor="192.0.2.3")
    assert (status, "it cannot be kept at the moment" in page) == (503, True)
    desk.refuse_writes(False)
    status, page = await send(desk, visitor="192.0.2.3", feature="<script>")
    assert (status, "no report that is understood" in page, "<script>" in page) == (400, True, False)
    desk.apply_signals()
    status, page = await send(desk)
    assert (status, "Reports are not taken here." in page) == (404, True)


async def test_a_form_reports_the_service_of_its_address_whatever_it_says(desk: Desk) -> None:
    data = {"service": "youtube_shorts", "feature": "feed"}
    async with desk.session.post(PATH, data=data) as answer:
        assert answer.status == 202
    assert desk.kept() == {"feed": 1, "": 1}


async def test_a_service_that_is_not_there_takes_no_reports(desk: Desk) -> None:
    async with desk.session.post("/nothing/reports", data={"feature": "feed"}) as answer:
        assert answer.status == 404


async def test_whoever_comes_back_to_the_thanks_is_led_to_the_form(desk: Desk) -> None:
    for path, form in ((PATH, "/tiktok#report"), ("/de/tiktok/reports", "/de/tiktok#report")):
        async with desk.session.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, form)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"Origin": "https://evil.example"}),
        (403, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}),
        (403, {"Origin": "null"}),
        (403, {"Sec-Fetch-Site": "cross-site"}),
        (403, {"Sec-Fetch-Site": "same-site"}),
        (202, {"Origin": "https://isitdown.example", "Sec-Fetch-Site": "same-origin"}),
        (202, {"Origin": "https://isitdown.example", "Host": "isitdown.example"}),
        (202, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}),
        (202, {}),
    ],
)
async def test_a_browser_says_whose_page_sent_it_and_the_host_decides_where_it_does_not(
    desk: Desk, status: int, headers: dict[str, str]
) -> None:
    for path in (PATH, "/api/v1/reports"):
        sent = {"X-Forwarded-For": f"192.0.2.{len(path)}", **headers}
        async with desk.session.post(path, data={"service": "tiktok", "feature": "feed"}, headers=sent) as answer:
            assert answer.status == status
