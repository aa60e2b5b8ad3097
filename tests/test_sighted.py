"""The log tells which regions went blind, and why."""

from __future__ import annotations

import pytest

from exporter.sighted import Sighted
from exporter.tracks import Sight

SEES, PENDING, DARK = Sight(True), Sight(False, pending=True, sentence="not yet"), Sight(False, sentence="dark")
UNASKED = Sight(False, sentence="nobody is there")


def told(caplog: pytest.LogCaptureFixture, *sights: dict[str, Sight]) -> list[tuple[str, str, str]]:
    """Message, regions and why of each line."""
    caplog.set_level("INFO")
    sighted = Sighted()
    for one in sights:
        sighted.tell(one)
    return [(line.message, vars(line)["regions"], vars(line).get("why", "")) for line in caplog.records]


def test_regions_that_are_blind_for_the_same_reason_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, {"here": DARK, "us": UNASKED, "br": UNASKED, "de": SEES})
    assert lines == [("blind", "here", "dark"), ("blind", "us, br", "nobody is there")]


def test_it_is_told_once_and_again_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, {"here": SEES}, {"here": DARK}, {"here": UNASKED}, {"here": SEES}, {"here": SEES})
    assert lines == [("blind", "here", "dark"), ("seeing again", "here", "")]


def test_what_is_not_known_yet_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, {"here": PENDING}, {"here": SEES}) == []
    assert told(caplog, {"here": DARK}, {"here": PENDING}, {"here": DARK}) == [("blind", "here", "dark")]


def test_a_region_that_is_gone_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, {"here": DARK}, {}, {"here": SEES}) == [("blind", "here", "dark")]
