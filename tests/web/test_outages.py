"""What the history comes to for the pages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from exporter import web
from exporter.model import Answer
from exporter.verdict import Verdict
from exporter.web.outages import past
from tests.stack.browser.scenes import staged

DAY = 86400.0


def watch(site: web.Site, service: str, hours: int, now: float) -> None:
    """So many hours of a service that is up, ten seconds a verdict, and what they come to is written."""
    verdict = Verdict(service, service, Answer.UP, {}, {}, ())
    for step in range(hours * 360 + 1):
        site.history.incidents.note(verdict, now - hours * 3600 + 10.0 * step)
    site.history.incidents.keep()


@pytest.mark.parametrize(("hours", "available"), [(23, None), (25, 1.0)])
def test_less_than_a_day_says_nothing_of_thirty(tmp_path: Path, hours: int, available: float | None) -> None:
    now = time.time()
    with staged("up", tmp_path) as site:
        watch(site, "quiet", hours, now)
        found = past(site, "quiet", now, 10)
    assert found is not None
    month = found.periods[0]
    assert month.available == available
    assert month.watched == pytest.approx(hours * 3600 / (30 * DAY))
