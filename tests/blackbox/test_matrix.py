"""The proof that /probe is a drop-in: the same module file and target give the page that blackbox_exporter gives.

A part of the matrix, with every module and every target; `python -m tests.blackbox` walks all of it.
"""

from __future__ import annotations

from pathlib import Path

from tests.blackbox.__main__ import RESULTS
from tests.blackbox.differences import LISTED
from tests.blackbox.matrix import complaints, drawn, walked
from tests.probing import needs


async def test_the_same_modules_and_targets_give_the_same_pages(tmp_path: Path) -> None:
    needs("prometheus-blackbox-exporter")
    found = await walked(tmp_path, choose=drawn)
    assert len(found) > 800
    assert complaints(found) == []


def test_the_committed_results_have_no_difference_that_is_not_listed() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    assert "**" not in text
    for each in LISTED:
        assert f"| {each.name} | " in text
        assert f" | {each.because} |" in text
