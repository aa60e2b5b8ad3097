"""A part of what `long_replays.py` runs, where everything is asserted: what comes of it is what is committed."""

from __future__ import annotations

from tests.replays import tables


def test_brief_outages_and_a_month_of_the_quiet_year_give_what_is_committed() -> None:
    found = tables.part()
    assert len(found.past) == 2
    assert len(found.quiet) == 1
    committed = tables.COMMITTED.read_text(encoding="utf-8").splitlines()
    assert [line for line in tables.lines(found) if line not in committed] == []
