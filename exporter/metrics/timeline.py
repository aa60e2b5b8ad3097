"""Pages of many moments as one OpenMetrics text with timestamps, for `promtool tsdb create-blocks-from openmetrics`.

A page is of one moment with families one below the other; a text with timestamps holds each family once,
with all its moments. So the values are kept by series, eight bytes each, and written at the end.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from exporter.metrics import text

_ABSENT = math.nan  # none of our families has it as a value
_BOUND = re.compile(r',?le="[^"]*"')


@dataclass(slots=True)
class _Family:
    """Its HELP and TYPE, and the values of its series by moment; a series that begins later is filled up."""

    header: str
    series: dict[str, array[float]] = field(default_factory=dict)

    def take(self, lines: Iterable[str], index: int) -> None:
        for line in lines:
            series, _, value = line.rpartition(" ")
            self.add(series, index, float(value))

    def add(self, series: str, index: int, value: float) -> None:
        values = self.series.get(series)
        if values is None:
            values = self.series[series] = array("d")
        if len(values) < index:
            values.extend([_ABSENT] * (index - len(values)))
        values.append(value)


class Timeline:
    """Values by family, series and moment. Moments are unix seconds and only grow.

    `wanted` are the names of the families that are kept, as they stand in TYPE; None for all.
    """

    def __init__(self, wanted: Container[str] | None = None) -> None:
        self.moments: list[float] = []
        self._wanted = wanted
        self._families: dict[str, _Family] = {}

    def begin(self, at: float) -> None:
        """What is added from now on is of this moment."""
        self.moments.append(at)

    def page(self, pieces: Iterable[bytes]) -> None:
        """Add a page in OpenMetrics without its end; HELP and TYPE stand before a family's first piece."""
        index, family = len(self.moments) - 1, None
        for piece in pieces:
            lines = piece.decode().splitlines()
            if lines[0].startswith("#"):
                family = self._family(*lines[:2])
                lines = lines[2:]
            if family is not None:
                family.take(lines, index)

    def gauge(self, name: str, explained: str, value: float, **labels: str) -> None:
        """Add one sample of a family that no page has."""
        header = text.header(name, explained, "gauge", openmetrics=True).decode()
        family = self._families.setdefault(name, _Family(header))
        family.add(f"{name}{{{text.labelled(**labels)}}}", len(self.moments) - 1, value)

    def _family(self, explained: str, typed: str) -> _Family | None:
        name = typed.split(" ")[2]
        if self._wanted is not None and name not in self._wanted:
            return None
        return self._families.setdefault(name, _Family(f"{explained}\n{typed}\n"))

    def series(self) -> Iterator[tuple[str, list[float | None]]]:
        """Each series as it stands on the page, with its values by moment; None where it was absent."""
        for family in self._families.values():
            for name, values in family.series.items():
                missing = len(self.moments) - len(values)
                yield name, [None if math.isnan(value) else value for value in values] + [None] * missing

    def openmetrics(self) -> Iterator[str]:
        """The whole text, in pieces; `# EOF` is its last line."""
        moments = [text.number(at) for at in self.moments]
        for family in self._families.values():
            yield family.header
            for members in _metrics(family.series).values():
                yield from _samples(members, moments)
        yield "# EOF\n"


def _metrics(series: dict[str, array[float]]) -> dict[str, list[tuple[str, array[float]]]]:
    """Series by their labels without `le`: the samples of a histogram's moment stand together."""
    found: dict[str, list[tuple[str, array[float]]]] = {}
    for name, values in series.items():
        found.setdefault(_BOUND.sub("", name.partition("{")[2]), []).append((name, values))
    return found


def _samples(members: list[tuple[str, array[float]]], moments: list[str]) -> Iterator[str]:
    for index, at in enumerate(moments):
        for name, values in members:
            if index < len(values) and not math.isnan(values[index]):
                yield f"{name} {text.number(values[index])} {at}\n"
