"""A flood of reports against the program itself, which is killed in the middle; the whole is `bench/reports.py`."""

from __future__ import annotations

from pathlib import Path

from bench.reports import killed


def test_every_report_that_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    found = killed(tmp_path, seconds=1.0, visitors=300, attacks=300)
    assert sum(found.came.counted.values()) > 50
    assert found.came.statuses[429] > 50
    for feature, counted in found.came.counted.items():
        assert counted <= found.kept.get(feature, 0) <= counted + found.came.lost
    assert sum(count for feature, count in found.kept.items() if feature) == found.kept[""]
