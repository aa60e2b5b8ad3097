"""One function per kind of panel: what all panels of a kind have in common, so that a dashboard says only what differs.

Each returns the SDK's builder, to which a dashboard adds what it wants: `lines(..., size=(12, 8)).max(1)`.
Every one has a title, a description and a unit; colours come from words and thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    geomap,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana import looks
from grafana.looks import Link, Steps
from grafana.words import Word

SOURCE = kinds.DataSourceRef(type_val="prometheus", uid="${datasource}")

BAR = "1m"
"""The shortest time of a bar that counts: a counter's increase needs several scrapes, and bars should not overlap."""

ROWS = 24
"""Rows of squares on a page, so that their names can be read."""

COLUMNS = 100
"""Moments in a panel of squares: more would be narrower than what one can point at."""


Size = tuple[int, int]
"""Columns and rows of Grafana's grid, of 24 columns."""

_AnyPanel = TypeVar(
    "_AnyPanel",
    bargauge.Panel,
    geomap.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    statushistory.Panel,
    table.Panel,
    timeseries.Panel,
)


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how its series are called: `{{label}}` in the legend is a label's value."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: PromQL of now, its header, how its values look and where they lead."""

    header: str
    expression: str
    unit: str = "short"
    decimals: int | None = None
    words: Mapping[str, Word] | None = None
    steps: Steps = ()
    links: Sequence[Link] = ()


def values(title: str, description: str, *queries: Query, unit: str = "short", size: Size) -> stat.Panel:
    """Large values of now, one per series."""
    panel = _begun(stat.Panel(), title, description, unit, size)
    panel.targets(_targets(queries, instant=True)).reduce_options(_last()).thresholds(
        looks.thresholds([(None, "text")])
    )
    panel.graph_mode(kinds.BigValueGraphMode.NONE).color_mode(kinds.BigValueColorMode.VALUE)
    return panel.text_mode(kinds.BigValueTextMode.AUTO)


def word(title: str, description: str, query: Query, words: Mapping[str, Word], *, size: Size) -> stat.Panel:
    """One value of now as a word on its colour."""
    panel = values(title, description, query, size=size).mappings([looks.mapping(words)]).no_value("No data")
    return panel.color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID).text_mode(kinds.BigValueTextMode.VALUE)


def names(title: str, description: str, query: Query, nothing: str, color: str = "text", *, size: Size) -> stat.Panel:
    """The names of the series that are there now; `nothing` when there is none."""
    panel = values(title, description, query, size=size).text_mode(kinds.BigValueTextMode.NAME).no_value(nothing)
    return panel.thresholds(looks.thresholds([(None, color)]))


def lines(title: str, description: str, *queries: Query, unit: str = "short", size: Size) -> timeseries.Panel:
    """Values over time."""
    panel = _begun(timeseries.Panel(), title, description, unit, size)
    panel.targets(_targets(queries)).legend(looks.legend()).tooltip(looks.tooltip()).axis_soft_min(0)
    return panel.line_width(2).fill_opacity(8).show_points(kinds.VisibilityMode.NEVER)


def stacked(title: str, description: str, *queries: Query, unit: str = "short", size: Size) -> timeseries.Panel:
    """Parts of a whole over time."""
    panel = lines(title, description, *queries, unit=unit, size=size).fill_opacity(60).line_width(1)
    return panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))


def events(title: str, description: str, *queries: Query, unit: str = "short", size: Size) -> timeseries.Panel:
    """Counts of what happened, as bars on one another."""
    panel = stacked(title, description, *queries, unit=unit, size=size).draw_style(kinds.GraphDrawStyle.BARS)
    return panel.fill_opacity(80).interval(BAR)


def timeline(
    title: str, description: str, *queries: Query, words: Mapping[str, Word], size: Size
) -> statetimeline.Panel:
    """Words over time, one row per series."""
    panel = _begun(statetimeline.Panel(), title, description, "short", size)
    panel.targets(_targets(queries)).mappings([looks.mapping(words)]).color_scheme(looks.by_thresholds())
    panel.thresholds(looks.thresholds([(None, "text")])).legend(looks.legend()).tooltip(looks.tooltip())
    panel.show_value(kinds.VisibilityMode.NEVER).merge_values(True).disable_pagination()
    return panel.row_height(0.85).fill_opacity(85).line_width(0)


def squares(title: str, description: str, *queries: Query, steps: Steps, unit: str, size: Size) -> statushistory.Panel:
    """Values at regular moments as coloured squares, one row per series."""
    panel = _begun(statushistory.Panel(), title, description, unit, size)
    panel.targets(_targets(queries)).thresholds(looks.thresholds(steps)).color_scheme(looks.by_thresholds())
    panel.per_page(ROWS).show_value(kinds.VisibilityMode.NEVER).legend(looks.HIDDEN).tooltip(looks.tooltip())
    return panel.row_height(0.85).col_width(0.9).fill_opacity(85).line_width(0).max_data_points(COLUMNS)


def bars(title: str, description: str, query: Query, unit: str = "short", *, size: Size) -> bargauge.Panel:
    """Values of now side by side."""
    panel = _begun(bargauge.Panel(), title, description, unit, size)
    panel.targets(_targets([query], instant=True)).reduce_options(_last()).min(0)
    panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.name_placement(kinds.BarGaugeNamePlacement.LEFT).show_unfilled(True)
    return panel.thresholds(looks.thresholds([(None, "blue")]))


def buckets(title: str, description: str, expression: str, *, size: Size) -> heatmap.Panel:
    """A histogram of seconds over time; the expression adds up the buckets of each `le`."""
    panel = _begun(heatmap.Panel(), title, description, "short", size)
    panel.targets([_target(Query(expression, "{{le}}"), "A").format(PromQueryFormat.HEATMAP)]).calculate(False)
    colors = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5).steps(64)
    panel.color(colors).filter_values(heatmap.FilterValueRange().le(1e-9)).cell_gap(1)
    return panel.y_axis(heatmap.YAxisConfig().unit("s")).tooltip(
        heatmap.HeatmapTooltip().mode(kinds.TooltipDisplayMode.SINGLE).y_histogram(True)
    )


def world(title: str, description: str, expression: str, words: Mapping[str, Word], *, size: Size) -> geomap.Panel:
    """A map; the series have labels `geohash` and `region`, and values that the words name."""
    panel = _begun(geomap.Panel(), title, description, "short", size)
    panel.targets([_target(Query(expression), "A").instant().format(PromQueryFormat.TABLE)])
    panel.basemap(common.MapLayerOptions().type("default").name("Map")).layers([_markers()])
    panel.view(geomap.MapViewConfig().id("fit").all_layers(True).padding(30).max_zoom(4))
    panel.mappings([looks.mapping(words)]).color_scheme(looks.by_thresholds())
    return panel.thresholds(looks.thresholds(looks.ascending(words)))


def columns(title: str, description: str, labels: Mapping[str, str], *shown: Column, size: Size) -> table.Panel:
    """A table of now: a row for each set of `labels` (header by name), then a column for each query.

    The queries must have these labels and no other: rows are joined by all of them.
    """
    panel = _begun(table.Panel(), title, description, "short", size)
    refs = ascii_uppercase[: len(shown)]
    panel.targets([_cells(column, ref) for column, ref in zip(shown, refs, strict=True)])
    fields = ["Value"] if len(shown) == 1 else [f"Value #{ref}" for ref in refs]
    headers = {**labels, **dict(zip(fields, [column.header for column in shown], strict=True))}
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=_organized(headers)))
    for column in shown:
        look = looks.cell(column.unit, column.decimals, column.words, column.steps, column.links)
        panel.override_by_name(column.header, look)
    return panel.filterable(True).cell_height(kinds.TableCellHeight.SM)


def _begun(panel: _AnyPanel, title: str, description: str, unit: str, size: Size) -> _AnyPanel:
    width, height = size
    return panel.title(title).description(description).datasource(SOURCE).unit(unit).span(width).height(height)


def _organized(headers: Mapping[str, str]) -> dict[str, object]:
    order = {name: index for index, name in enumerate(headers)}
    return {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": dict(headers)}


def _cells(column: Column, ref: str) -> prometheus.Dataquery:
    return _target(Query(column.expression), ref).instant().format(PromQueryFormat.TABLE)


def _targets(queries: Sequence[Query], instant: bool = False) -> list[Builder[Dataquery]]:
    made = [_target(query, ref) for query, ref in zip(queries, ascii_uppercase, strict=False)]
    return [each.instant() for each in made] if instant else [each.range() for each in made]


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    found = prometheus.Dataquery().datasource(SOURCE).expr(query.expression).ref_id(ref).range()
    return found.legend_format(query.legend)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _markers() -> common.MapLayerOptions:
    """A dot per region in the colour of its state, with its name."""
    place = common.FrameGeometrySource().mode(kinds.FrameGeometrySourceMode.GEOHASH).geohash("geohash")
    style = {
        "color": {"field": "Value", "fixed": "text"},
        "opacity": 0.9,
        "size": {"fixed": 9, "min": 5, "max": 15},
        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
        "text": {"field": "region", "fixed": "", "mode": "field"},
        "textConfig": {"fontSize": 12, "offsetX": 0, "offsetY": 14, "textAlign": "center", "textBaseline": "top"},
    }
    layer = common.MapLayerOptions().type("markers").name("Regions").location(place).tooltip(True)
    return layer.config({"showLegend": False, "style": style})
