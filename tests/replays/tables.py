"""The results as markdown: what results.md holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from exporter.model import Cause, PastOutage
from tests.replays import past, quiet
from tests.replays.measure import Measured

COMMITTED = Path(__file__).with_name("results.md")
_BRIEF = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Results:
    """Of all replays."""

    past: tuple[past.Row, ...]
    quiet: tuple[quiet.Month, ...]


def results() -> Results:
    """Run everything, on as many processors as there are."""
    return _results(list(past.cases()), range(quiet.MONTHS))


def part() -> Results:
    """What takes some seconds each: outages of an hour, and a month of the year."""
    brief = [case for case in past.cases() if case[0].end - case[0].start <= _BRIEF]
    return _results(brief, range(1))


def _results(cases: Sequence[tuple[PastOutage, tuple[str, ...]]], months: Sequence[int]) -> Results:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        rows = pool.map(past.measured, cases)
        return Results(tuple(rows), tuple(pool.map(quiet.measured, months)))


def lines(found: Results) -> list[str]:
    """Their lines in the tables."""
    return [_line(cells) for cells in (*map(_past, found.past), *map(_quiet, found.quiet))]


def markdown(found: Results) -> str:
    """Both tables."""
    return "\n\n".join(
        (
            "Made by `python -m tests.replays > tests/replays/results.md`; a test compares.",
            "## Documented outages",
            _table(_PAST, map(_past, found.past)),
            "## A quiet year",
            _table(_QUIET, map(_quiet, found.quiet)),
            _sum(found.quiet),
        )
    )


_PAST = (
    *("outage", "probed from", "verdict, after", "cause, after", "confidence"),
    *("first page", "after", "pages", "ended", "warned", "agree"),
)
_QUIET = ("month", "events", "verdicts besides up", "pages", "warnings", "agree")


def _past(row: past.Row) -> Sequence[str]:
    pages = row.measured.pages
    return (
        row.outage.name,
        ", ".join(row.regions),
        _verdicts(row),
        ", ".join(f"{cause} {past.duration(after)}" for cause, after in sorted(row.causes().items(), key=_second))
        or row.at_the_end.cause,
        row.at_the_end.confidence,
        pages[0].alert if pages else "-",
        past.duration(row.page_after),
        _counted(page.alert for page in pages) or "none",
        past.duration(row.resolved_after),
        f"{row.told_by} {past.duration(row.told_after)}" if row.told_by else "-",
        _agreement(row.measured),
    )


def _verdicts(row: past.Row) -> str:
    """Each that was new since the one before."""
    found: list[str] = []
    before: tuple[str, tuple[str, ...]] = ("up", ())
    for said in row.said:
        if (said.answer, said.blocked_in) != before:
            where = f" but blocked in {', '.join(said.blocked_in)}" if said.blocked_in else ""
            found.append(f"{said.answer}{where} {past.duration(said.at)}")
        before = (said.answer, said.blocked_in)
    return ", ".join(found) or "up"


def _second(pair: tuple[Cause, float]) -> float:
    return pair[1]


def _quiet(month: quiet.Month) -> Sequence[str]:
    warned = sorted(name for severity, name in month.measured.first if severity == "warning")
    return (
        f"{month.number + 1}",
        _counted(month.kinds),
        ", ".join(sorted(answer for answer in month.answers if answer != "up")) or "-",
        _counted(page.alert for page in month.measured.pages) or "none",
        ", ".join(warned) or "-",
        _agreement(month.measured),
    )


def _sum(months: Sequence[quiet.Month]) -> str:
    events = sum(len(month.kinds) for month in months)
    cuts = sum(kind in quiet.CUTS for month in months for kind in month.kinds)
    pages = Counter(page.alert for month in months for page in month.measured.pages)
    said = ", ".join(f"{name} {count}" for name, count in sorted(pages.items())) or "none"
    return f"{events} events, {cuts} of them cuts of the own line for minutes and more. Pages: {said}.\n"


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in Counter(names).items())


def _agreement(measured: Measured) -> str:
    return f"{measured.agreed} of {measured.agreed + measured.disagreed}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(map(_line, lines))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
