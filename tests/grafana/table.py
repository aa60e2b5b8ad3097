"""The table of what came of each query: panel by panel, at both moments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grafana
from grafana.asking import Asked, Board, RefusedError, Series, boards
from tests.grafana.scene import OUTAGE, Scene

COMMITTED = Path(grafana.__file__).parent / "results.md"

_ROW = re.compile(r"^\| (.+?) \| (.+?) \| `(.+?)` \|", re.MULTILINE)
_HEAD = """\
# Every query of every panel, asked of a real Prometheus

`python -m tests.grafana` writes this file and the pictures. *Replayed* is 40 minutes into the outage of {outage}
(uploads fail in the US), with the shipped rules evaluated over it; *live* is a stack on TikTok in a box
that broke and mended.
A number is how many series there are, behind it the first one's last value.

{queries} queries in {panels} panels of {boards} dashboards: {failing} fail, {empty} are empty at both moments.

| dashboard | panel | query | replayed | live |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One query: its answers by moment, and what Prometheus said where it refused."""

    board: str
    heading: str
    panel: int
    title: str
    ref: str
    expression: str
    found: Mapping[str, list[Series]]
    complaints: Sequence[str] = field(default=())


def rows(scene: Scene) -> list[Row]:
    """Of all dashboards, in their order."""
    return [row for board in boards() for row in _rows(board, scene.asked(board))]


def _rows(board: Board, asked: Mapping[str, Asked]) -> Iterator[Row]:
    for panel in board.panels:
        for target in panel["targets"]:
            found, complaints = _ask(asked, panel, target)
            yield Row(
                board.uid,
                board.title,
                panel["id"],
                panel["title"],
                target["refId"],
                target["expr"],
                found,
                complaints,
            )


def _ask(
    asked: Mapping[str, Asked], panel: dict[str, Any], target: dict[str, Any]
) -> tuple[dict[str, list[Series]], list[str]]:
    found: dict[str, list[Series]] = {}
    complaints = []
    for moment, opened in asked.items():
        try:
            found[moment] = opened.target(panel, target)
        except RefusedError as error:
            found[moment] = []
            complaints.append(str(error))
    return found, complaints


def markdown(answers: Sequence[Row]) -> str:
    """The whole file."""
    empty = sum(not any(row.found.values()) for row in answers)
    head = _HEAD.format(
        outage=OUTAGE,
        queries=len(answers),
        panels=len({(row.board, row.panel) for row in answers}),
        boards=len({row.board for row in answers}),
        failing=sum(bool(row.complaints) for row in answers),
        empty=empty,
    )
    return head + "".join(map(_line, answers))


def read(text: str) -> list[tuple[str, ...]]:
    """Dashboard, panel and query of each row."""
    return [(board, title, query.replace("\\|", "|")) for board, title, query in _ROW.findall(text)]


def _line(row: Row) -> str:
    query = " ".join(row.expression.split()).replace("|", "\\|")
    cells = [_cell(row.found[moment]) for moment in ("replayed", "live")]
    return f"| {row.heading} | {row.title} | `{query}` | {' | '.join(cells)} |\n"


def _cell(series: Sequence[Series]) -> str:
    if not series:
        return "-"
    first = series[0]
    name = first.name or ", ".join(value for label, value in first.labels.items() if label != "__name__")
    return f"{len(series)}: {name.strip()} = {first.last:.4g}".replace("|", "\\|").replace(":  = ", ": ")
