"""Families as columns: the place of a pair in a column holds the pair's lines of that family as bytes.

A pair has the same index in every column, so a family is joined without a look at the pairs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from exporter.metrics import text

SLICE = 2000
"""Pairs that are joined in one go: a millisecond's work."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
"""Upper bounds in seconds: Prometheus' default ones."""

_LABELS = "\0"


class Column:
    """A family of gauges or counters."""

    def __init__(self, name: str, explained: str, kind: str, size: int) -> None:
        self.headers = _headers(name, explained, kind)
        self.head = f"{name}{{"
        self.lines: list[bytes] = [b""] * size

    def grow(self) -> None:
        self.lines.append(b"")

    def clear(self, index: int) -> None:
        self.lines[index] = b""

    def bodies(self) -> Iterator[bytes]:
        """The lines, of the moment of the first piece."""
        lines = self.lines.copy()
        for start in range(0, len(lines), SLICE):
            yield b"".join(lines[start : start + SLICE])


class Line(NamedTuple):
    """One of a pair's lines in a family of counts: which count it shows, and what its name and labels end in."""

    which: int
    suffix: str = ""
    label: str = ""


class Counted:
    """A family of counts. `labels` are the pairs', by index; they are the page's, and grow with it.

    The counts are kept and the lines written at the scrape: many pairs have the same counts, so that
    the text between their labels is made once.
    """

    def __init__(self, name: str, explained: str, kind: str, labels: list[str], lines: Sequence[Line]) -> None:
        self.headers = _headers(name, explained, kind)
        self._name = name
        self._lines = lines
        self._labels = labels
        self._counts: list[tuple[int, ...]] = []
        self._pieces = lru_cache(maxsize=4096)(self._write)

    def grow(self) -> None:
        self._counts.append(())

    def set(self, index: int, counts: tuple[int, ...]) -> None:
        """Show these counts."""
        self._counts[index] = counts

    def clear(self, index: int) -> None:
        self._counts[index] = ()

    def bodies(self) -> Iterator[bytes]:
        """The lines of all pairs."""
        rows, pieces = list(zip(self._labels, self._counts, strict=True)), self._pieces
        for start in range(0, len(rows), SLICE):
            some = rows[start : start + SLICE]
            yield text.encode("".join([labels.join(pieces(counts)) for labels, counts in some if counts]))

    def _write(self, counts: tuple[int, ...]) -> list[str]:
        """What stands before, between and behind the pair's labels."""
        heads = [f"{self._name}{line.suffix}{{" for line in self._lines]
        tails = [f"{line.label and ','}{line.label}}} {counts[line.which]}\n" for line in self._lines]
        return [tail + head for tail, head in zip(["", *tails], [*heads, ""], strict=True)]


@dataclass(slots=True)
class _Counts:
    """A pair's part of one family: counts by bucket, not cumulative; sums in seconds; lines if current."""

    labels: str
    buckets: array[int]
    sums: list[float]
    lines: bytes = b""


class Histograms:
    """A family of histograms, one for each of `values` of the label `label`, or a single one without both.

    Without `bounds` they are summaries: how many and how long together, two lines instead of fourteen.
    Lines are rendered at the scrape for pairs that have changed since the last, and kept.
    """

    def __init__(
        self,
        name: str,
        explained: str,
        label: str = "",
        values: Sequence[str] = ("",),
        bounds: Sequence[float] = BUCKETS,
    ) -> None:
        self.headers = _headers(name, explained, "histogram" if bounds else "summary")
        self._bounds = bounds
        self._width = len(bounds) or 1
        self._count = len(values)
        self._template = "".join(_template(name, f',{label}="{value}"' if label else "", bounds) for value in values)
        self._rows: list[_Counts | None] = []

    def grow(self) -> None:
        self._rows.append(None)

    def start(self, index: int, labels: str) -> None:
        """Show empty histograms for this pair, unless it has some."""
        if self._rows[index] is None:
            self._rows[index] = _Counts(labels, array("Q", bytes(8 * self._width * self._count)), [0.0] * self._count)

    def clear(self, index: int) -> None:
        self._rows[index] = None

    def observe(self, index: int, seconds: Sequence[float]) -> None:
        """Count one observation for each label value."""
        row = self._rows[index]
        assert row is not None
        for number, value in enumerate(seconds):
            row.buckets[number * self._width + bisect_left(self._bounds, value)] += 1
            row.sums[number] += value
        row.lines = b""

    def bodies(self) -> Iterator[bytes]:
        """The lines of all pairs."""
        rows = self._rows.copy()
        for start in range(0, len(rows), SLICE // 10):
            yield b"".join([self._lines(row) for row in rows[start : start + SLICE // 10] if row])

    def _lines(self, row: _Counts) -> bytes:
        if not row.lines:
            values: list[object] = []
            for number, total in enumerate(row.sums):
                start = number * self._width
                cumulative = list(accumulate(row.buckets[start : start + self._width]))
                values += [*cumulative[: len(self._bounds)], text.number(total), cumulative[-1]]
            row.lines = text.encode((self._template % tuple(values)).replace(_LABELS, row.labels))
        return row.lines


def _headers(name: str, explained: str, kind: str) -> dict[bool, bytes]:
    """By whether they are OpenMetrics'."""
    return {openmetrics: text.header(name, explained, kind, openmetrics) for openmetrics in (False, True)}


def _template(name: str, label: str, bounds: Sequence[float]) -> str:
    buckets = [f'{name}_bucket{{{_LABELS}{label},le="{text.bound(bound)}"}} %d\n' for bound in bounds]
    return "".join([*buckets, f"{name}_sum{{{_LABELS}{label}}} %s\n", f"{name}_count{{{_LABELS}{label}}} %d\n"])
