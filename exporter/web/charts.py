"""Strips and charts as the paths of SVG: pure geometry, to the tenth of a unit. Words, colours and sizes are not here.

Every drawing is stretched to its place (`preserveAspectRatio="none"`), so that it needs no text of its own. What
nobody watched is drawn as such, and never as up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor, log10

from exporter.history import Pace, Slot
from exporter.model import Answer
from exporter.readings import BUCKET, Bucket

HEIGHT = 32
"""Units of a drawing."""

BAR, STEP = 3, 4
"""Units of a strip: how wide a slot's bar is, and how far it is to the next."""

WATCHED = 0.5
"""The share of a slot that must be known to be up: of less, nobody can say that all was well."""

_WORST_FIRST = (Answer.DOWN, Answer.PARTIAL, Answer.DEGRADED)
# The worse, the taller: whoever cannot tell the colours apart sees it all the same.
_HEIGHTS = {Answer.UP: 16, Answer.UNKNOWN: 16, Answer.DEGRADED: 22, Answer.PARTIAL: 27, Answer.DOWN: HEIGHT}


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring slots that say the same, from `start` to `end` (unix seconds), each `slot` seconds long.

    `answer` is the worst in them, UNKNOWN when nobody watched; `path` draws them as strokes, BAR units wide.
    """

    start: float
    end: float
    slot: float
    answer: Answer
    seconds: Mapping[Answer, float]
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
    bad = next((answer for answer in _WORST_FIRST if slot.seconds.get(answer)), None)
    watched = known >= WATCHED * (end - slot.start)
    answer = bad or (Answer.UP if watched else Answer.UNKNOWN)
    missing = max(0.0, end - slot.start - known)
    return _Bar(number, slot.start, end, slot.length, answer, {**slot.seconds, Answer.UNKNOWN: missing})


def _alike(bar: _Bar) -> tuple[Answer, int]:
    return bar.answer, bar.number if bar.answer in _WORST_FIRST else -1


def _run(bars: Sequence[_Bar]) -> Run:
    height = _HEIGHTS[bars[0].answer]
    path = f"M{STEP * bars[0].number + BAR / 2:g} {HEIGHT}v-{height}" + f"m{STEP} {height}v-{height}" * (len(bars) - 1)
    return Run(bars[0].start, bars[-1].end, bars[0].length, bars[0].answer, _added(bars), path)


def _added(bars: Iterable[_Bar]) -> dict[Answer, float]:
    total = dict.fromkeys(Answer, 0.0)
    for bar in bars:
        for answer, seconds in bar.seconds.items():
            total[answer] += seconds
    return total


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the value at the upper edge; `line` and `area` draw the measured, `bars` what is counted or failed,
    `usual` what to compare with; each is empty when there is none. `newest` and `most` are values.
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
    medians = [(_place(one.start, first), one.median) for one in paces if one.median is not None]
    if not medians:
        return None
    top = ceiling(max(median for _, median in medians))
    strokes = _strokes([(x, _y(median, top)) for x, median in medians])
    failed = [(_place(one.start, first), one.failed / one.runs) for one in paces if one.failed]
    return Chart(
        top,
        line="".join(_line(stroke) for stroke in strokes),
        area="".join(_area(stroke) for stroke in strokes),
        bars="".join(_column(x, HEIGHT * share) for x, share in failed),
        newest=medians[-1][1],
        least=min(median for _, median in medians),
        most=max(median for _, median in medians),
    )


def counts(buckets: Sequence[Bucket], first: float) -> Chart | None:
    """What people reported by bucket, and a line of what is usual."""
    known = [(_place(one.start, first), one.count) for one in buckets if one.count is not None]
    if not known:
        return None
    usual = [(_place(one.start, first), one.usual) for one in buckets if one.usual is not None]
    top = ceiling(max(*(count for _, count in known), *(mean for _, mean in usual), 4.0))
    return Chart(
        top,
        bars="".join(_column(x, HEIGHT * count / top) for x, count in known if count),
        usual="".join(_line(stroke) for stroke in _strokes([(x, _y(mean, top)) for x, mean in usual])),
        newest=usual[-1][1] if usual else None,
        most=max(count for _, count in known),
    )


def ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ..."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value * 0.999)


_Points = list[tuple[float, float]]


def _place(start: float, first: float) -> float:
    """The number of a quarter of an hour in the day."""
    return round((start - first) / BUCKET)


def _y(value: float, top: float) -> float:
    return HEIGHT - HEIGHT * value / top


def _strokes(points: _Points) -> list[_Points]:
    """Points whose slots are neighbours; a gap is not drawn over."""
    numbered = [(x - index, x, y) for index, (x, y) in enumerate(points)]
    return [[(x, y) for _, x, y in found] for _, found in groupby(numbered, key=lambda one: one[0])]


def _line(points: _Points) -> str:
    """A lone point is a dash of a slot's width."""
    if len(points) == 1:
        return f"M{points[0][0]:g} {points[0][1]:.1f}h1"
    return "M" + "L".join(f"{x + 0.5:g} {y:.1f}" for x, y in points)


def _area(points: _Points) -> str:
    if len(points) == 1:
        return ""
    return f"{_line(points)}V{HEIGHT}H{points[0][0] + 0.5:g}z"


def _column(x: float, height: float) -> str:
    shown = max(height, 1.0)
    return f"M{x + 0.1:g} {HEIGHT}v-{shown:.1f}h.8v{shown:.1f}z"
