"""What every drawn panel needs: Grafana's colours, the looks that its JSON gives to values, and a place to draw in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grafana.asking import Series
from grafana.units import written

GROUND, PANEL, BORDER, TEXT, FAINT = "#111217", "#181b1f", "#2c3235", "#ccccdc", "#8e8e99"
NAMED: Mapping[str, str] = {
    "green": "#73bf69",
    "yellow": "#f2cc0c",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "text": TEXT,
}
CLASSIC = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#ca95e5",
    "#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477",
)  # fmt: skip
"""The colours of series that have none of their own, in turn."""

ROW, COLUMN = 34.0, 60.0
"""Pixels of a grid cell."""

_GAP = 4.0
_TITLE = 26.0
DPI = 100.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A time in which an annotation holds, in unix seconds."""

    start: float
    end: float
    color: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with its answers, its place in the figure (pixels from the top left) and the time that it shows."""

    figure: Figure
    panel: Mapping[str, Any]
    series: Sequence[Series]
    marks: Sequence[Mark]
    start: float
    end: float
    step: float

    @property
    def defaults(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.panel["fieldConfig"]["defaults"]
        return found

    @property
    def options(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.panel["options"]
        return found

    def option(self, name: str, field: str = "") -> Any:
        """Of the field's defaults (`unit`, `custom.lineStyle`), or what an override says for the field."""
        for override in self.panel["fieldConfig"].get("overrides") or ():
            for each in override["properties"] if _matches(override["matcher"], field) else ():
                if each["id"] == name:
                    return each["value"]
        inside, _, last = name.rpartition(".")
        return (self.defaults.get(inside) or {}).get(last) if inside else self.defaults.get(name)

    def write(self, value: float, field: str = "") -> str:
        """As the field's mappings, else its unit, have it."""
        mapped = self.mapped(value, field)
        if mapped:
            return str(mapped["text"])
        return written(value, self.option("unit", field) or "short", self.option("decimals", field), self.end)

    def mapped(self, value: float, field: str = "") -> Mapping[str, Any] | None:
        for mapping in self.option("mappings", field) or ():
            if (found := mapping["options"].get(f"{value:g}")) is not None:
                return dict(found)
        return None

    def color(self, value: float, field: str = "") -> str:
        """By mappings, else by thresholds."""
        mapped = self.mapped(value, field)
        if mapped and "color" in mapped:
            return paint(mapped["color"])
        return next(paint(color) for least, color in reversed(self.steps(field)) if value >= least)

    def steps(self, field: str = "") -> list[tuple[float, str]]:
        """Thresholds: from which value on, which colour."""
        found = self.option("thresholds", field) or {"steps": [{"value": None, "color": "text"}]}
        return [(float("-inf") if each["value"] is None else each["value"], each["color"]) for each in found["steps"]]

    def axes(self, left: float = 0.0, bottom: float = 0.0, right: float = 0.0) -> Axes:
        """The panel's inside less these margins, in pixels."""
        x, y, width, height = box(self.panel["gridPos"])
        inside = (x + 8 + left, y + _TITLE, width - 16 - left - right, height - _TITLE - 6 - bottom)
        axes = self.figure.add_axes(_fractions(self.figure, inside))
        axes.set_facecolor(PANEL)
        axes.tick_params(colors=FAINT, labelsize=7, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def blank(self) -> Axes:
        """The same without ticks, from 0 to 1 both ways; y downwards."""
        axes = self.axes()
        axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
        return axes


def paint(color: str) -> str:
    """A name of Grafana's, or a colour as it is."""
    return NAMED.get(color, color)


def box(place: Mapping[str, int]) -> tuple[float, float, float, float]:
    """x, y, width and height in pixels, less the gap between panels."""
    return (
        place["x"] * COLUMN + _GAP,
        place["y"] * ROW + _GAP,
        place["w"] * COLUMN - 2 * _GAP,
        place["h"] * ROW - 2 * _GAP,
    )


def frame(figure: Figure, place: Mapping[str, int], title: str) -> None:
    """An empty panel."""
    x, y, width, height = box(place)
    axes = figure.add_axes(_fractions(figure, (x, y, width, height)))
    axes.set(xticks=[], yticks=[], facecolor=PANEL)
    for spine in axes.spines.values():
        spine.set_color(BORDER)
    say(figure, x + 8, y + 17, title, size=8.5, weight="bold")


def say(figure: Figure, x: float, y: float, text: str, size: float, weight: str = "normal", color: str = TEXT) -> None:
    """Text whose baseline begins there, in pixels from the top left."""
    width, height = figure.get_size_inches() * DPI
    figure.text(x / width, 1 - y / height, text, size=size, weight=weight, color=color)


def _fractions(figure: Figure, pixels: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    whole_width, whole_height = figure.get_size_inches() * DPI
    x, y, width, height = pixels
    return x / whole_width, 1 - (y + height) / whole_height, max(width, 1) / whole_width, max(height, 1) / whole_height


def _matches(matcher: Mapping[str, Any], field: str) -> bool:
    if matcher["id"] == "byRegexp":
        return bool(field) and re.search(matcher["options"], field) is not None
    return bool(matcher["id"] == "byName" and matcher["options"] == field)
