"""Writes what came of every kind in every mode of failure to results.md: `python -m tests.signals`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.signals.case import Case, cases
from tests.signals.faults import MODES, Mode
from tests.signals.meeting import Outcome, meet

RESULTS = Path(__file__).parent / "results.md"

_SERVER = re.compile(r"127\.0\.0\.[12]:\d+")
# Else every run would differ from the one before.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)|\b\d{10,16}(?:\.\d+)?\b")

Outcomes = Mapping[tuple[str, str], Outcome | None]


async def ask(found: list[Case]) -> Outcomes:
    """Every case in every mode, one kind after another."""
    outcomes: dict[tuple[str, str], Outcome | None] = {}
    for case in found:
        came = await asyncio.gather(*(meet(case, mode) for mode in MODES))
        outcomes |= {(case.kind, mode.name): outcome for mode, outcome in zip(MODES, came, strict=True)}
    return outcomes


def table(found: list[Case], outcomes: Outcomes) -> Iterator[str]:
    """The lines of results.md."""
    yield "# Signals whose servers go wrong"
    yield ""
    yield "Written by `python -m tests.signals`: each kind is read in order from a local server, which then goes wrong."
    yield "A dash is what cannot happen to the kind. The reading from before is kept and counts for three intervals;"
    yield "afterwards the signal is no evidence any more, and is said to be silent. No verdict changes at any time."
    yield ""
    yield _row("", *(case.kind for case in found))
    yield _row("---", *("---" for _ in found))
    for mode in MODES:
        yield _row(mode.name, *(_word(outcomes[case.kind, mode.name]) for case in found))
    for case in found:
        yield from _section(case, outcomes)


def _section(case: Case, outcomes: Outcomes) -> Iterator[str]:
    yield from ("", f"## {case.kind}", "")
    yield _row("its server", "fault", "what is said", "reading", "evidence", "verdict")
    yield _row(*["---"] * 6)
    for mode in MODES:
        outcome = outcomes[case.kind, mode.name]
        if outcome is not None:
            yield _row(mode.name, *_cells(outcome, mode))


def _cells(outcome: Outcome, mode: Mode) -> Iterator[str]:
    yield _word(outcome) if outcome.fault is mode.fault else f"**{_word(outcome)}**, not {mode.fault}"
    yield _TIME.sub("[time]", _SERVER.sub("its server", outcome.sentence)).replace("|", "\\|")
    yield "keeps" if outcome.reading_kept else "**lost**"
    yield "ends" if outcome.evidence_ends else "**stays**"
    yield "unchanged" if outcome.verdict_unchanged and not outcome.lured else "**changed**"


def _word(outcome: Outcome | None) -> str:
    return "-" if outcome is None else str(outcome.fault)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Write the table; 1 when an outcome is not as it should be."""
    found = cases()
    text = "\n".join([*table(found, asyncio.run(ask(found))), ""])
    RESULTS.write_text(text, encoding="utf-8")
    return 1 if "**" in text else 0


if __name__ == "__main__":
    sys.exit(main())
