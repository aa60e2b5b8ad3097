"""Writes what came of the whole matrix to results.md: `python -m tests.blackbox [PROGRAM]`.

PROGRAM is another blackbox_exporter than Debian's: then the table is only printed, because the list of differences is
that of Debian's.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.blackbox.differences import LISTED, ON_EVERY_PAGE
from tests.blackbox.matrix import Compared, complaints, unused, walked
from tests.blackbox.programs import DEBIAN

RESULTS = Path(__file__).with_name("results.md")
_EXPLAINED = (
    "Written by `python -m tests.blackbox`: both programs read the same module file and are asked the same. Compared",
    "are the page's status, and names, labels, values, types and help of all samples; times are only there or not. A",
    "page is equal that has no difference but what is newer than 0.23, and what ours has besides on every page.",
)
_SUCCESS = ("probe_success", frozenset[tuple[str, str]]())


def table(found: Sequence[Compared]) -> Iterator[str]:
    """The lines of results.md."""
    yield "# /probe beside blackbox_exporter 0.23"
    yield ""
    yield from _EXPLAINED
    yield ""
    yield _row("area", "cells", "successes", "equal", "listed differences", "others")
    yield _row(*["---"] * 6)
    for area, cells in groupby(sorted(found, key=_area), key=_area):
        yield _row(area, *_counts(list(cells)))
    yield _row("all", *_counts(found))
    yield from ("", "## What differs, and why", "")
    yield _row("difference", "cells", "another verdict", "because")
    yield _row(*["---"] * 4)
    counted = Counter(name for each in found for name in each.names)
    turned = Counter(name for each in found for name in _turned(each))
    for each in LISTED:
        yield _row(each.name, f"{counted[each.name]}", f"{turned[each.name] or '-'}", each.because)


def _area(each: Compared) -> str:
    return each.cell.area


def _counts(cells: Sequence[Compared]) -> Iterator[str]:
    yield f"{len(cells)}"
    yield f"{sum(each.theirs.samples.get(_SUCCESS, 0.0) == 1.0 for each in cells)}"
    yield f"{sum(not each.unlisted and each.names <= ON_EVERY_PAGE for each in cells)}"
    names = Counter(name for each in cells for name in each.names - ON_EVERY_PAGE)
    yield ", ".join(f"{name} {count}" for name, count in sorted(names.items())) or "-"
    others = sum(bool(each.unlisted) for each in cells)
    yield f"**{others}**" if others else "-"


def _turned(each: Compared) -> set[str]:
    return {why.name for found, why in each.differences if why is not None and found.name == "probe_success"}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """1 when there is a difference that is not listed, or one listed that is none."""
    program = sys.argv[1] if len(sys.argv) > 1 else DEBIAN
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(walked(Path(folder), program))
    text = "\n".join([*table(found), ""])
    if program == DEBIAN:
        RESULTS.write_text(text, encoding="utf-8")
    wrong = [*complaints(found), *(f"listed, but nowhere found: {name}" for name in unused(found))]
    print(text, *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
