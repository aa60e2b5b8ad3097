"""`python -m grafana.preview` draws the dashboards from their JSON and any Prometheus: one picture each, no Grafana.

    python -m grafana.preview --prometheus http://localhost:9090 --last 6h --out pictures

It is for looking at layout, units and legends; Grafana itself is prettier and can be clicked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from grafana.asking import Asked, Series, Source, Window, boards, seconds
from grafana.drawing import draw
from grafana.pencil import COLUMN, DPI, FAINT, GROUND, ROW, Drawn, Mark, frame, say

_COLORS = 64
"""Of a picture's palette: few, so that it stays small."""

_HEAD = 1
"""Rows of the grid above the panels, for the title."""


def picture(asked: Asked, window: Window, file: Path) -> None:
    """Draw the dashboard as it is asked."""
    board = asked.board
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board.panels) + _HEAD
    figure = Figure(figsize=(24 * COLUMN / DPI, bottom * ROW / DPI), dpi=DPI, facecolor=GROUND)
    say(figure, 10, 24, board.title, size=13, weight="bold")
    say(figure, 260, 24, _chosen(asked, window), size=8.5, color=FAINT)
    marks = [mark for annotation in board.annotations for mark in _marks(asked, annotation)]
    for row in board.rows:
        say(figure, 10, (row["gridPos"]["y"] + _HEAD) * ROW + 23, f"▾ {row['title']}", size=10, weight="bold")
    for panel in board.panels:
        _draw(figure, asked, window, panel, marks)
    figure.savefig(file)
    with Image.open(file) as image:
        image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(file, optimize=True)


def _draw(figure: Figure, asked: Asked, window: Window, panel: Mapping[str, Any], marks: Sequence[Mark]) -> None:
    place = {**panel["gridPos"], "y": panel["gridPos"]["y"] + _HEAD}
    frame(figure, place, asked.fill(panel["title"]))
    moved = {**panel, "gridPos": place}
    answers = asked.panel(panel)
    draw(Drawn(figure, moved, answers, marks, window.start, window.end, asked.step(panel)))


def _chosen(asked: Asked, window: Window) -> str:
    """The values of variables, and the time."""
    values = [
        f"{name}: {'All' if value == '.*' else value}"
        for name, value in asked.values.items()
        if name not in ("datasource", "title")
    ]
    when = [time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)) for at in (window.start, window.end)]
    return "   ".join([*values, f"{when[0]} to {when[1]} UTC"])


def _marks(asked: Asked, annotation: Mapping[str, Any]) -> Iterator[Mark]:
    """Samples that follow one another are one mark."""
    for series in asked.annotation(annotation):
        for start, end in _runs(series):
            yield Mark(start, end, annotation["iconColor"], series.name)


def _runs(series: Series) -> Iterator[tuple[float, float]]:
    held = [at for at, value in series.points if value]
    step = min((after - before for before, after in pairwise(held)), default=60.0)
    start = None
    for at, after in zip(held, [*held[1:], float("inf")], strict=True):
        start = at if start is None else start
        if after - at > 1.5 * step:
            yield start, at
            start = None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="preview", description="Draw the dashboards.")
    parser.add_argument("--prometheus", metavar="URL", default="http://localhost:9090", help="default: %(default)s")
    parser.add_argument(
        "--last", metavar="TIME", type=seconds, default="6h", help="such as 30m, 6h, 30d; default: %(default)s"
    )
    parser.add_argument(
        "--until", metavar="UNIX", type=float, default=None, help="the end, in unix seconds; default: now"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path(), help="default: here")
    parser.add_argument("--dashboard", metavar="UID", action="append", help="only this one; repeat for more")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the command line says; its exit status."""
    options = _parser().parse_args(arguments)
    end = options.until or time.time()
    window = Window(end - options.last, end)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for board in boards():
            if board.uid in (options.dashboard or [board.uid]):
                picture(Asked(board, Source(options.prometheus), window), window, options.out / f"{board.uid}.png")
    except OSError as error:
        print(f"preview: {options.prometheus}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
