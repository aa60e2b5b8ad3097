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


class Counted:
    """A family of counts: one line for each of `lines`, (suffix of the name, label of its own).

    The counts are kept and the lines written at the scrape: many pairs have the same counts, so that the text
    between their labels is made once.
    """

    def __init__(self, name: str, explained: str, kind: str, lines: Sequence[tuple[str, str]]) -> None:
        self.headers = _headers(name, explained, kind)
        self._heads = [f"{name}{suffix}{{" for suffix, _ in lines]
        self._tails = [label and f",{label}" for _, label in lines]
        self._rows: list[tuple[str, tuple[int, ...]] | None] = []
        self._pieces = lru_cache(maxsize=4096)(self._write)

    def grow(self) -> None:
        self._rows.append(None)

    def set(self, index: int, labels: str, counts: tuple[int, ...]) -> None:
        """Show these counts, in the order of the lines."""
        self._rows[index] = (labels, counts)

    def clear(self, index: int) -> None:
        self._rows[index] = None

    def bodies(self) -> Iterator[bytes]:
        """The lines of all pairs."""
        rows, pieces = self._rows.copy(), self._pieces
        for start in range(0, len(rows), SLICE):
            yield b"".join([text.encode(row[0].join(pieces(row[1]))) for row in rows[start : start + SLICE] if row])

    def _write(self, counts: tuple[int, ...]) -> list[str]:
        """What stands before, between and behind the pair's labels."""
        ends = [f"{tail}}} {count}\n" for tail, count in zip(self._tails, counts, strict=True)]
        return [before + after for before, after in zip(["", *ends], [*self._heads, ""], strict=True)]


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
        self.headers = _headers(name, explained, "histogram")
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


def _headers(name: str, explained: str, kind: str) -> dict[bool, bytes]:
    """By whether they are OpenMetrics'."""
    return {openmetrics: text.header(name, explained, kind, openmetrics) for openmetrics in (False, True)}


def _template(name: str, label: str) -> str:
    bounds = [f'{name}_bucket{{{_LABELS}{label},le="{text.bound(bound)}"}} %d\n' for bound in BUCKETS]
    return "".join([*bounds, f"{name}_sum{{{_LABELS}{label}}} %s\n", f"{name}_count{{{_LABELS}{label}}} %d\n"])
