"""Documented outages and a quiet year, evaluated by promtool with the shipped rules."""

from __future__ import annotations

import pytest

from exporter import config
from tests.replays import quiet, tables
from tests.replays.measure import Measured
from tests.replays.past import Row
from tests.replays.tables import Results

OWN_LINE = ("critical", "OutageOwnLineCut")
SECONDS_TO_PAGE = 180.0
SECONDS_TO_VERDICT = 180.0


@pytest.fixture(scope="module")
def results() -> Results:
    return tables.results()


def everything(results: Results) -> list[Measured]:
    return [found.measured for found in (*results.past, *results.quiet)]


def row(results: Results, name: str, regions: int = 5) -> Row:
    [found] = [one for one in results.past if one.outage.name == name and len(one.regions) == regions]
    return found


def test_every_documented_outage_is_replayed(results: Results) -> None:
    assert {one.outage.name for one in results.past} == {outage.name for outage in config.past_outages()}


def test_python_and_promql_agree_at_every_step(results: Results) -> None:
    assert [found.disagreed for found in everything(results)] == [0] * len(everything(results))
    assert all(found.agreed > 500 for found in everything(results))


def test_what_is_down_in_most_regions_pages_within_three_minutes(results: Results) -> None:
    for one in (row(results, "2020-07-gcp"), row(results, "2025-01-19", 3), row(results, "2026-03-03", 3)):
        assert one.page_after is not None
        assert one.page_after <= SECONDS_TO_PAGE
        assert one.measured.pages[0].service == "tiktok"


def test_the_right_verdict_comes_within_three_minutes(results: Results) -> None:
    for one in results.past:
        if one.seen:
            assert one.right_after is not None
            assert one.right_after <= SECONDS_TO_VERDICT


def test_what_is_down_in_one_country_of_four_warns_and_pages_nobody(results: Results) -> None:
    for name in ("2025-01-19", "2026-01-25", "2026-03-03"):
        one = row(results, name)
        assert one.measured.pages == ()
        assert ("warning", "OutageRegionFailing") in one.measured.first


def test_what_probes_cannot_see_is_told_by_people_and_pages_nobody(results: Results) -> None:
    for one in results.past:
        if not one.seen:
            assert set(one.measured.first) == {("warning", "OutageReportedByPeople")}


def test_a_quiet_year_pages_nobody_but_for_the_own_line(results: Results) -> None:
    for month in results.quiet:
        critical = {found for found in month.measured.first if found[0] == "critical"}
        cuts = sum(kind in quiet.CUTS for kind in month.kinds)
        assert critical <= {OWN_LINE}
        assert [page.alert for page in month.measured.pages] == ["OutageOwnLineCut"] * cuts


def test_a_line_cut_for_an_hour_is_one_page_about_the_line(results: Results) -> None:
    [month] = [month for month in results.quiet if "the own line is cut for an hour" in month.kinds]
    [page] = month.measured.pages
    assert (page.alert, page.service) == ("OutageOwnLineCut", "")
    assert page.ended_at - page.fired_at > 3000.0


def test_the_committed_results_are_these(results: Results) -> None:
    assert tables.markdown(results) == tables.COMMITTED.read_text(encoding="utf-8")
