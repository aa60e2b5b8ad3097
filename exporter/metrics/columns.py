"""Families as columns: the place of a pair in a column holds the pair's lines of that family as bytes.

A pair has the same index in every column, so a family is joined without a look at the pairs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from exporter.metrics import text

SLICE = 2000
"""Pairs that are joined in one go: a millisecond's work."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
"""Upper bounds in seconds: Prometheus' default ones."""

_LABELS = "\0"


class Column:
    """A family of gauges or counters."""

    def __init__(self, name: str, explained: str, kind: str, size: int) -> None:
        self.headers = {openmetrics: text.header(name, explained, kind, openmetrics) for openmetrics in (False, True)}
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


class Initialised(Column):
    """A counter with a closed set of label values, all of which are there from the beginning.

    Most pairs never count anything here, and zeros are cheaper to write than to keep.
    """

    def __init__(self, name: str, explained: str, label: str, values: Sequence[str]) -> None:
        super().__init__(name, explained, "counter", 0)
        self._tails = [f',{label}="{value}"}} ' for value in values]
        self._values = tuple(values)
        self._zeros = self._pieces([0.0] * len(values))
        self._labels: list[str] = []

    def grow(self) -> None:
        super().grow()
        self._labels.append("")

    def start(self, index: int, labels: str) -> None:
        """Show zeros for this pair."""
        self._labels[index] = labels

    def set(self, index: int, counts: Mapping[str, int]) -> None:
        """Show these counts, by label value."""
        pieces = self._pieces([counts.get(value, 0) for value in self._values])
        self.lines[index] = text.encode(self._labels[index].join(pieces))

    def clear(self, index: int) -> None:
        super().clear(index)
        self._labels[index] = ""

    def bodies(self) -> Iterator[bytes]:
        rows = list(zip(self._labels, self.lines, strict=True))
        zeros = self._zeros
        for start in range(0, len(rows), SLICE):
            yield b"".join(
                [
                    line or (text.encode(labels.join(zeros)) if labels else b"")
                    for labels, line in rows[start : start + SLICE]
                ]
            )

    def _pieces(self, counts: Sequence[float]) -> list[str]:
        """What stands before, between and after the pair's labels."""
        ends = [f"{tail}{text.number(count)}\n" for tail, count in zip(self._tails, counts, strict=True)]
        return [self.head, *(end + self.head for end in ends[:-1]), ends[-1]]


@dataclass(slots=True)
class _Counts:
    """A pair's histograms of one family: counts by bucket, not cumulative; sums in seconds; lines if current."""

    labels: str
    buckets: array[int]
    sums: list[float]
    lines: bytes = b""


class Histograms:
    """A family of histograms, one for each of `values` of the label `label`, or a single one without both.

    Lines are rendered at the scrape for pairs that have changed since the last, and kept.
    """

    def __init__(self, name: str, explained: str, label: str = "", values: Sequence[str] = ("",)) -> None:
        self.headers = {yes: text.header(name, explained, "histogram", yes) for yes in (False, True)}
        self._count = len(values)
        self._template = "".join(_template(name, f',{label}="{value}"' if label else "") for value in values)
        self._rows: list[_Counts | None] = []

    def grow(self) -> None:
        self._rows.append(None)

    def start(self, index: int, labels: str) -> None:
        """Show empty histograms for this pair, unless it has some."""
        if self._rows[index] is None:
            self._rows[index] = _Counts(labels, array("Q", bytes(8 * len(BUCKETS) * self._count)), [0.0] * self._count)

    def clear(self, index: int) -> None:
        self._rows[index] = None

    def observe(self, index: int, seconds: Sequence[float]) -> None:
        """Count one observation for each label value."""
        row = self._rows[index]
        assert row is not None
        for number, value in enumerate(seconds):
            row.buckets[number * len(BUCKETS) + bisect_left(BUCKETS, value)] += 1
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
                start = number * len(BUCKETS)
                cumulative = list(accumulate(row.buckets[start : start + len(BUCKETS)]))
                values += [*cumulative, text.number(total), cumulative[-1]]
            row.lines = text.encode((self._template % tuple(values)).replace(_LABELS, row.labels))
        return row.lines


def _template(name: str, label: str) -> str:
    bounds = [f'{name}_bucket{{{_LABELS}{label},le="{text.number(bound)}"}} %d\n' for bound in BUCKETS]
    return "".join([*bounds, f"{name}_sum{{{_LABELS}{label}}} %s\n", f"{name}_count{{{_LABELS}{label}}} %d\n"])
