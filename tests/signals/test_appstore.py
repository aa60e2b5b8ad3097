"""Apple's reviews: new ones, of one star, that complain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.readings import Fault, Mark, Reading
from exporter.signals import appstore
from tests.servers.origin import Reply, Request, as_json
from tests.signals.polling import Asking

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def options(url: str) -> appstore.Options:
    return appstore.Options(apps={"tiktok": 835599320}, url=url)


def review(text: str, at: float = NOON - 60, stars: str = "1") -> dict[str, Any]:
    labels = {
        "id": "13",
        "title": text,
        "content": "",
        "updated": datetime.fromtimestamp(at, UTC).isoformat(),
        "im:rating": stars,
    }
    return {key: {"label": label} for key, label in labels.items()} | {"link": [{"attributes": {"rel": "related"}}]}


def page(*entries: Any) -> Any:
    """Pages of 50, newest first; nothing stands on the others, a single one is no list."""

    def answer(request: Request) -> Reply:
        number = int(request.path.split("/page=")[1].split("/")[0])
        found = entries[50 * (number - 1) : 50 * number]
        return as_json({"feed": {"entry": found if len(found) > 1 else found[0]} if found else {}})

    return answer


async def after(known: float, *entries: Any) -> Reading:
    """What is read when reviews up to `known` are counted already."""
    asking = Asking("appstore", NOON)
    asking.bookmark = str(Mark(NOON - 600, {"tiktok US": repr(known)}))
    return await asking.read(page(*entries), options)


def counted(reading: Reading) -> tuple[int, int]:
    return sum(tally.count for tally in reading.tallies), sum(tally.out_of or 0 for tally in reading.tallies)


async def test_one_star_reviews_that_complain_are_counted_among_those_of_one_star() -> None:
    reading = await after(
        NOON - 600,
        review("TikTok down"),
        review("Not working!"),
        review("too many ads"),
        review("not working", stars="5"),
    )
    assert counted(reading) == (2, 3)
    assert {tally.region for tally in reading.tallies} == {"US"}
    assert (reading.since, reading.at) == (NOON - 600, NOON)


async def test_a_single_review_and_none_are_answers_too() -> None:
    assert counted(await after(NOON - 600, review("not working"))) == (1, 1)
    assert counted(await after(NOON - 600)) == (0, 0)


async def test_what_is_known_is_not_counted_again() -> None:
    reading = await after(NOON - 300, review("not working"), review("not working", NOON - 300))
    assert counted(reading) == (1, 1)


async def test_the_first_look_counts_nothing_and_claims_nothing() -> None:
    asking = Asking("appstore", NOON)
    reading = await asking.read(page(review("not working")), options)
    assert counted(reading) == (0, 0)
    assert reading.since == reading.at
    assert counted(await asking.read(page(review("not working", NOON), review("not working")), options)) == (1, 1)


async def test_pages_are_read_to_what_is_known() -> None:
    reviews = [review("not working", NOON - second) for second in range(120)]
    assert counted(await after(NOON - 110, *reviews)) == (110, 110)


async def test_the_app_itself_among_the_reviews_is_none() -> None:
    assert counted(await after(NOON - 600, {"im:name": {"label": "TikTok"}}, review("not working"))) == (1, 1)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("not working", "feed.entry"),
        ({"im:rating": "1"}, "title"),
        (review("a") | {"updated": {"label": 17}}, "updated"),
        (review("a") | {"updated": {"label": "yesterday"}}, "yesterday"),
        (review("a", NOON + 86400), "future"),
    ],
    ids=["a text", "no labels", "a number for a time", "no time", "the future"],
)
async def test_what_is_no_review_is_a_fault(entry: Any, says: str) -> None:
    with pytest.raises(SignalError, match=says) as caught:
        await after(NOON - 600, entry, review("not working"))
    assert caught.value.fault is Fault.FORMAT


async def test_a_service_without_an_app_is_told_instead_of_counted_as_none() -> None:
    with pytest.raises(SignalError, match="apps has no number for tiktok"):
        await Asking("appstore", NOON).read(page(), lambda url: appstore.Options(apps={"shop": 1}, url=url))


def test_an_app_is_needed() -> None:
    with pytest.raises(ValueError, match="apps is empty"):
        appstore.Options()
