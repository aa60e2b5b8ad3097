"""Documented outages and a quiet year, evaluated by promtool with the shipped rules."""

from __future__ import annotations

import pytest

from exporter import config
from exporter.model import Answer, Cause, Confidence
from exporter.replay.officials import BLOCK_AFTER, PAGE_AFTER
from tests.replays import quiet, tables
from tests.replays.measure import Measured
from tests.replays.past import Row
from tests.replays.tables import Results

ONLY_PEOPLE = "Only people report it: nothing that our probes see says why."
OWN_LINE = ("critical", "OutageOwnLineCut")
SECONDS_TO_PAGE = 180.0
SECONDS_TO_VERDICT = 180.0
SECONDS_TO_HEAR = 900.0
"""Until people are heard, who need time to notice and to report."""


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
        if one.seen and one.right is not Answer.UP:
            assert one.right_after is not None
            assert one.right_after <= SECONDS_TO_VERDICT


def test_what_probes_cannot_see_is_called_degraded_because_people_report_it(results: Results) -> None:
    assert {one.outage.name for one in results.past if not one.seen} >= {"2020-05-06", "2020-07-10", "2026-03-12"}
    for one in results.past:
        if not one.seen:
            assert {said.answer for said in one.said} <= {Answer.UP, Answer.DEGRADED}
            assert one.right_after is not None
            assert one.right_after <= SECONDS_TO_HEAR
            assert (one.at_the_end.cause, one.at_the_end.because) == (Cause.UNKNOWN, ONLY_PEOPLE)
            assert one.at_the_end.confidence is Confidence.LOW


def test_what_a_country_shuts_out_is_blocked_there_and_up_elsewhere(results: Results) -> None:
    one = row(results, "2025-01-19")
    assert (one.at_the_end.answer, one.at_the_end.blocked_in) == (Answer.UP, ("US",))
    assert list(one.causes()) == [Cause.BLOCKED, Cause.TECHNICAL]
    assert one.causes()[Cause.BLOCKED] == BLOCK_AFTER


def test_who_looks_from_that_country_alone_sees_it_down_and_is_told_why(results: Results) -> None:
    one = row(results, "2025-01-19", 3)
    assert (one.at_the_end.answer, one.at_the_end.cause) == (Answer.DOWN, Cause.BLOCKED)
    assert one.at_the_end.because.startswith("TikTok is blocked in US, says ooni")


def test_an_upstream_is_named_when_its_page_tells_of_it_and_only_then(results: Results) -> None:
    named = {one.outage.name for one in results.past if Cause.UPSTREAM in one.causes()}
    assert named == {"2026-03-03"}
    for regions in (5, 3):
        red, green = row(results, "2026-03-03", regions), row(results, "2026-01-25", regions)
        assert red.causes()[Cause.UPSTREAM] == PAGE_AFTER
        assert red.at_the_end.because.startswith("Oracle has an incident open in us-ashburn-1")
        assert not any("oracle" in said.because.lower() for said in green.said)


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
        assert ("warning", "OutageReportedByPeople") not in month.measured.first
        assert [page.alert for page in month.measured.pages] == ["OutageOwnLineCut"] * cuts


def test_a_line_cut_for_an_hour_is_one_page_about_the_line(results: Results) -> None:
    [month] = [month for month in results.quiet if "the own line is cut for an hour" in month.kinds]
    [page] = month.measured.pages
    assert (page.alert, page.service) == ("OutageOwnLineCut", "")
    assert page.ended_at - page.fired_at > 3000.0


def test_the_committed_results_are_these(results: Results) -> None:
    assert tables.markdown(results) == tables.COMMITTED.read_text(encoding="utf-8")
