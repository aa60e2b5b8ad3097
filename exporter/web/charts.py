"""Strips and charts as the paths of SVG: pure geometry, in whole units, because a page should be small. No words, no
colours.

Every drawing is stretched to its place (`preserveAspectRatio="none"`), so that it needs no text of its own. What
nobody watched is drawn as such, and never as up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import floor, log10

from exporter.history import Pace, Slot
from exporter.history.incident import SEVERITY
from exporter.history.lately import SLOTS
from exporter.model import Answer
from exporter.readings import BUCKET, Bucket

HEIGHT = 32
"""Units of a strip."""

BAR, STEP = 3, 4
"""Units of a strip: how wide a slot's bar is, and how far it is to the next."""

TOP, SLOT_WIDTH = 100, 2
"""Units of a chart: how high it is, and how wide a slot in it."""

WATCHED = 0.5
"""The share of a slot that must be known to be up: of less, nobody can say that all was well."""

HEIGHTS = {Answer.UP: 16, Answer.DEGRADED: 22, Answer.PARTIAL: 26, Answer.DOWN: HEIGHT, Answer.UNKNOWN: 16}
"""The worse, the taller: whoever cannot tell the colours apart sees it all the same."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring slots that say the same, from `start` to `end` (unix seconds), each `slot` seconds long.

    `answer` is the worst in them, UNKNOWN when nobody watched. `path` draws them as one stroke, `height` units thick,
    which dashes cut into bars.
    """

    start: float
    end: float
    slot: float
    answer: Answer
    seconds: Mapping[Answer, float]
    height: int
    path: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Slots side by side: `width` in units; `seconds` is the time by answer, UNKNOWN where nobody watched."""

    width: int
    runs: tuple[Run, ...]
    seconds: Mapping[Answer, float]


@dataclass(frozen=True, slots=True)
class _Bar:
    number: int
    start: float
    end: float
    length: float
    answer: Answer
    seconds: Mapping[Answer, float]


def strip(slots: Sequence[Slot], now: float) -> Strip:
    """Bad slots stand alone, so that each can be read; those that are up or unknown are told together."""
    bars = [_bar(number, slot, now) for number, slot in enumerate(slots)]
    runs = [_run(list(found)) for _, found in groupby(bars, key=_alike)]
    return Strip(STEP * len(bars) - (STEP - BAR), tuple(runs), _added(bars))


def _bar(number: int, slot: Slot, now: float) -> _Bar:
    end = min(slot.start + slot.length, max(now, slot.start + 1.0))
    known = sum(slot.seconds.values())
    bad = next((answer for answer in reversed(SEVERITY) if slot.seconds.get(answer)), None)
    watched = known >= WATCHED * (end - slot.start)
    answer = bad or (Answer.UP if watched else Answer.UNKNOWN)
    missing = max(0.0, end - slot.start - known)
    return _Bar(number, slot.start, end, slot.length, answer, {**slot.seconds, Answer.UNKNOWN: missing})


def _alike(bar: _Bar) -> tuple[Answer, int]:
    return bar.answer, bar.number if bar.answer in SEVERITY else -1


def _run(bars: Sequence[_Bar]) -> Run:
    first, height = bars[0], HEIGHTS[bars[0].answer]
    path = f"M{STEP * first.number} {HEIGHT - height // 2}h{STEP * len(bars) - (STEP - BAR)}"
    return Run(first.start, bars[-1].end, first.length, first.answer, _added(bars), height, path)


def _added(bars: Iterable[_Bar]) -> dict[Answer, float]:
    total = dict.fromkeys(Answer, 0.0)
    for bar in bars:
        for answer, seconds in bar.seconds.items():
            total[answer] += seconds
    return total


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the value at the upper edge; `line` and `area` draw the measured, `bars` what is counted or failed,
    `usual` what to compare with; each is empty when there is none. `newest`, `least` and `most` are values; the newest
    is None when it is not of now.
    """

    top: float
    line: str = ""
    area: str = ""
    bars: str = ""
    usual: str = ""
    newest: float | None = None
    least: float | None = None
    most: float | None = None


def pace(paces: Sequence[Pace], first: float) -> Chart | None:
    """How long good probes took, and as bars the share of those that failed; `first` is where the day begins."""
    medians = [(_number(one.start, first), one.median) for one in paces if one.median is not None]
    if not medians:
        return None
    values = [median for _, median in medians]
    top = ceiling(max(values))
    strokes = _strokes([(number, _scaled(median, top)) for number, median in medians])
    failed = [(_number(one.start, first), _scaled(one.failed, one.runs)) for one in paces if one.failed]
    return Chart(
        top,
        line="".join(_line(stroke) for stroke in strokes),
        area="".join(_area(stroke) for stroke in strokes),
        bars=_columns(failed),
        newest=values[-1] if medians[-1][0] >= SLOTS - _NOW else None,
        least=min(values),
        most=max(values),
    )


def counts(buckets: Sequence[Bucket], first: float) -> Chart | None:
    """What people reported by bucket, and a line of what is usual."""
    known = [(_number(one.start, first), one.count) for one in buckets if one.count is not None]
    if not known:
        return None
    usual = [(_number(one.start, first), one.usual) for one in buckets if one.usual is not None]
    most = max(count for _, count in known)
    top = ceiling(max(most, _LEAST_TOP, *(mean for _, mean in usual)))
    return Chart(
        top,
        bars=_columns([(number, _scaled(count, top)) for number, count in known if count]),
        usual="".join(_line(stroke) for stroke in _strokes([(number, _scaled(mean, top)) for number, mean in usual])),
        newest=usual[-1][1] if usual else None,
        most=most,
    )


def ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ..."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value * 0.999)


_LEAST_TOP = 4.0  # reports: a single one must not look like a crowd
_NOW = 2  # slots: the last may have begun a second ago

_Points = list[tuple[int, int]]
"""The number of a slot in the day, and how high it is in units."""


def _number(start: float, first: float) -> int:
    return round((start - first) / BUCKET)


def _scaled(value: float, top: float) -> int:
    return round(TOP * value / top)


def _strokes(points: _Points) -> list[_Points]:
    """Points whose slots are neighbours; a gap is not drawn over."""
    numbered = [(number - index, (number, height)) for index, (number, height) in enumerate(points)]
    return [[point for _, point in found] for _, found in groupby(numbered, key=lambda one: one[0])]


def _line(points: _Points) -> str:
    """From the middle of a slot to that of the next; a lone point is a dash of a slot's width."""
    number, height = points[0]
    if len(points) == 1:
        return f"M{SLOT_WIDTH * number} {TOP - height}h{SLOT_WIDTH}"
    drops = [before - after for (_, before), (_, after) in pairwise(points)]
    steps = (_step(drop, len(list(same))) for drop, same in groupby(drops))
    return f"M{SLOT_WIDTH * number + SLOT_WIDTH // 2} {TOP - height}{''.join(steps)}"


def _step(drop: int, slots: int) -> str:
    """So many slots that each go down by as much."""
    return f"l{SLOT_WIDTH * slots} {drop * slots}" if drop else f"h{SLOT_WIDTH * slots}"


def _area(points: _Points) -> str:
    left = SLOT_WIDTH * points[0][0] + SLOT_WIDTH // 2
    return f"{_line(points)}V{TOP}H{left}z" if len(points) > 1 else ""


def _columns(points: _Points) -> str:
    """Strokes from the bottom; what is small is seen all the same."""
    return "".join(f"M{SLOT_WIDTH * number + SLOT_WIDTH // 2} {TOP}v-{max(height, 2)}" for number, height in points)
