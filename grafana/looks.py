"""How values look: colours from thresholds and words, links, what differs from column to column or series to series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from grafana.words import Word

Steps = Sequence[tuple[float | None, str]]
"""Colours from each value on, ascending; the first has None for a value."""

Look = list[models.DynamicConfigValue]
"""What an override changes."""

HIDDEN = common.VizLegendOptions().show_legend(False)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a value leads to; `${__data.fields.x}` in the URL is the row's, `${__field.labels.x}` the series'."""

    title: str
    url: str


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def mapping(words: Mapping[str, Word]) -> models.ValueMap:
    """Numbers as words with colours."""
    shown = {
        str(word.number): models.ValueMappingResult(text=word.text, color=word.color, index=index)
        for index, word in enumerate(words.values())
    }
    return models.ValueMap(shown)


def ascending(words: Mapping[str, Word]) -> Steps:
    """The same colours as thresholds, for panels that know no mapping of colours."""
    return [(float(word.number) if word.number else None, word.color) for word in words.values()]


def by_thresholds() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def fixed(color: str) -> Look:
    """Always this colour."""
    return [_value("color", {"mode": "fixed", "fixedColor": color})]


def dashed(color: str) -> Look:
    """A dashed line without an area, for what is usual or allowed."""
    return [
        *fixed(color),
        _value("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        _value("custom.fillOpacity", 0),
    ]


def threshold_lines() -> common.GraphThresholdsStyleConfig:
    return common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)


def right_axis(unit: str) -> Look:
    """Another unit than the rest, at the other side."""
    return [_value("unit", unit), _value("custom.axisPlacement", "right")]


def width(pixels: int) -> Look:
    return [_value("custom.width", pixels)]


def cell(
    unit: str, decimals: int | None, words: Mapping[str, Word] | None, steps: Steps, links: Sequence[Link]
) -> Look:
    """A column's values: their unit, and a colour where words or steps give them one."""
    look = [_value("unit", unit)]
    if decimals is not None:
        look.append(_value("decimals", decimals))
    if words:
        look.append(_value("mappings", [mapping(words)]))
    if steps:
        made = [{"value": value, "color": color} for value, color in steps]
        look.append(_value("thresholds", {"mode": "absolute", "steps": made}))
    if words or steps:
        look.append(_value("custom.cellOptions", {"type": "color-text"}))
    return look + leading(*links)


def leading(*links: Link) -> Look:
    """Values that lead away."""
    return [_value("links", [{"title": link.title, "url": link.url} for link in links])] if links else []


def legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
    )


def legend_with(*calculations: str) -> common.VizLegendOptions:
    """A table beside the panel: a row per series with these, such as `mean` and `max`."""
    made = legend().display_mode(kinds.LegendDisplayMode.TABLE).placement(kinds.LegendPlacement.RIGHT)
    return made.calcs(list(calculations)).sort_by("Max").sort_desc(True)


def tooltip() -> common.VizTooltipOptions:
    """All series at once, the largest first."""
    return common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)


def _value(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)
