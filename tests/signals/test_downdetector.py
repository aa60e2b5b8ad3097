"""Downdetector's API: the newest count beside its own baseline, however they are written."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.options import Secret
from exporter.readings import Fault, Level, Reading
from exporter.signals import downdetector
from tests.servers.origin import Reply, Request, as_json
from tests.signals.polling import Asking

FOUND = [{"id": 17, "name": "TikTok", "country_iso": "US"}]
DAY: list[Any] = [3] * 95


def answering(company: Any, found: Any = FOUND) -> Any:
    def answer(request: Request) -> Reply:
        return as_json(found if request.path.endswith("/search") else company)

    return answer


def options(url: str) -> downdetector.Options:
    return downdetector.Options(token=Secret("s3cret"), url=url)


async def read(company: Any, found: Any = FOUND, make: Any = options) -> tuple[Reading, list[Request]]:
    asking = Asking("downdetector", 1_790_000_000.0)
    reading = await asking.read(answering(company, found), make)
    return reading, asking.requests


@pytest.mark.parametrize("count", [[*DAY, 84], 84, {"value": 84}, {"stats_24": [*DAY, 84]}, 84.0], ids=str)
@pytest.mark.parametrize("usual", [[*DAY, 4], 4, {"value": 4}, {"baseline": 4}, {"whatever": 4}], ids=str)
async def test_numbers_lists_and_objects_are_all_read(count: Any, usual: Any) -> None:
    reading, _ = await read({"stats_24": count, "baseline": usual, "country_iso": "US"})
    assert reading.levels == (Level("tiktok", "", 84, 4.0, "US"),)


async def test_the_baseline_of_now_is_better_than_that_of_the_day() -> None:
    reading, _ = await read({"stats_24": [84], "baseline": [1], "baseline_current": 5.5})
    assert reading.levels == (Level("tiktok", "", 84, 5.5, ""),)


async def test_a_service_without_an_id_is_searched_by_its_title_and_country() -> None:
    found = [*FOUND, {"id": 18, "name": "TikTok Shop"}, {"id": 19, "name": "TikTok", "country_iso": "FR"}]
    _, (search, company) = await read({"stats_24": 1, "baseline": 1}, found)
    assert (search.query["name"], search.query["country"]) == ("TikTok", "US")
    assert company.path == "/companies/17"
    assert {search.headers["authorization"], company.headers["authorization"]} == {"Bearer s3cret"}


async def test_ids_are_asked_for_as_they_are() -> None:
    reading, requests = await read(
        {"stats_24": 1, "baseline": 1},
        make=lambda url: downdetector.Options(token=Secret("s"), companies={"tiktok": (7, 8)}, url=url),
    )
    assert [request.path for request in requests] == ["/companies/7", "/companies/8"]
    assert len(reading.levels) == 2


@pytest.mark.parametrize("found", [[], [*FOUND, {"id": 21, "name": "tiktok"}]], ids=["none", "two"])
async def test_a_name_that_is_not_one_company_is_a_fault_that_says_what_to_do(found: Any) -> None:
    with pytest.raises(SignalError, match="write the id under companies") as caught:
        await read({}, found)
    assert caught.value.fault is Fault.FORMAT


@pytest.mark.parametrize("company", [{"error": True, "message": "invalid token"}, {"error": "invalid token"}])
async def test_an_error_with_status_200_is_one(company: Any) -> None:
    with pytest.raises(SignalError, match="invalid token") as caught:
        await read(company)
    assert caught.value.fault is Fault.ERROR


@pytest.mark.parametrize(
    "company",
    [
        {"stats_24": [84]},
        {"baseline": [4]},
        {"stats_24": [], "baseline": 4},
        {"stats_24": {}, "baseline": 4},
        {"stats_24": "84", "baseline": 4},
        {"stats_24": True, "baseline": 4},
        {"stats_24": -1, "baseline": 4},
        {"stats_24": 1e300, "baseline": 4},
        {"stats_24": [None], "baseline": 4},
    ],
    ids=str,
)
async def test_a_level_without_both_numbers_is_a_fault(company: Any) -> None:
    with pytest.raises(SignalError, match=r"stats_24|baseline") as caught:
        await read(company)
    assert caught.value.fault is Fault.FORMAT


def test_one_credential_is_needed() -> None:
    with pytest.raises(ValueError, match="token or token_file"):
        downdetector.Options()
