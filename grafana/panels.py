"""One function per kind of panel: what all panels of a kind have in common, so that a dashboard says only what differs.

Each returns the SDK's builder, to which a dashboard adds what it wants: `lines(...).max(1).height(8).span(12)`.
Every one has a title, a description and a unit; colours come from words and thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

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

COLUMNS = 100
"""Moments in a panel of squares: more would be narrower than what one can point at."""


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


def values(title: str, description: str, *queries: Query, unit: str = "short") -> stat.Panel:
    """Large values of now, one per series."""
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel.targets(_targets(queries, instant=True)).reduce_options(_last()).thresholds(
        looks.thresholds([(None, "text")])
    )
    panel.graph_mode(kinds.BigValueGraphMode.NONE).color_mode(kinds.BigValueColorMode.VALUE)
    return panel.text_mode(kinds.BigValueTextMode.AUTO)


def word(title: str, description: str, query: Query, words: Mapping[str, Word]) -> stat.Panel:
    """One value of now as a word on its colour."""
    panel = values(title, description, query).mappings([looks.mapping(words)]).no_value("No data")
    return panel.color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID).text_mode(kinds.BigValueTextMode.VALUE)


def names(title: str, description: str, query: Query, nothing: str, color: str = "text") -> stat.Panel:
    """The names of the series that are there now; `nothing` when there is none."""
    panel = values(title, description, query).text_mode(kinds.BigValueTextMode.NAME).no_value(nothing)
    return panel.thresholds(looks.thresholds([(None, color)]))


def lines(title: str, description: str, *queries: Query, unit: str = "short") -> timeseries.Panel:
    """Values over time."""
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel.targets(_targets(queries)).legend(looks.legend()).tooltip(looks.tooltip()).min(0)
    return panel.line_width(2).fill_opacity(8).show_points(kinds.VisibilityMode.NEVER)


def stacked(title: str, description: str, *queries: Query, unit: str = "short") -> timeseries.Panel:
    """Parts of a whole over time."""
    panel = lines(title, description, *queries, unit=unit).fill_opacity(60).line_width(1)
    return panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))


def events(title: str, description: str, *queries: Query, unit: str = "short") -> timeseries.Panel:
    """Counts of what happened, as bars on one another."""
    return stacked(title, description, *queries, unit=unit).draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(80)


def timeline(title: str, description: str, *queries: Query, words: Mapping[str, Word]) -> statetimeline.Panel:
    """Words over time, one row per series."""
    panel = statetimeline.Panel().title(title).description(description).datasource(SOURCE).unit("short")
    panel.targets(_targets(queries)).mappings([looks.mapping(words)]).color_scheme(looks.by_thresholds())
    panel.thresholds(looks.thresholds([(None, "text")])).legend(looks.legend()).tooltip(looks.tooltip())
    panel.show_value(kinds.VisibilityMode.NEVER).merge_values(True)
    return panel.row_height(0.85).fill_opacity(85).line_width(0)


def squares(title: str, description: str, *queries: Query, steps: Steps, unit: str) -> statushistory.Panel:
    """Values at regular moments as coloured squares, one row per series."""
    panel = statushistory.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel.targets(_targets(queries)).thresholds(looks.thresholds(steps)).color_scheme(looks.by_thresholds())
    panel.show_value(kinds.VisibilityMode.NEVER).legend(looks.HIDDEN).tooltip(looks.tooltip())
    return panel.row_height(0.85).col_width(0.9).fill_opacity(85).line_width(0).max_data_points(COLUMNS)


def bars(title: str, description: str, query: Query, unit: str = "short") -> bargauge.Panel:
    """Values of now side by side."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel.targets(_targets([query], instant=True)).reduce_options(_last()).min(0)
    panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.name_placement(kinds.BarGaugeNamePlacement.LEFT).show_unfilled(True)
    return panel.thresholds(looks.thresholds([(None, "blue")]))


def buckets(title: str, description: str, expression: str) -> heatmap.Panel:
    """A histogram of seconds over time; the expression adds up the buckets of each `le`."""
    panel = heatmap.Panel().title(title).description(description).datasource(SOURCE).unit("short")
    panel.targets([_target(Query(expression, "{{le}}"), "A").format(PromQueryFormat.HEATMAP)]).calculate(False)
    colors = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5).steps(64)
    panel.color(colors).filter_values(heatmap.FilterValueRange().le(1e-9)).cell_gap(1)
    return panel.y_axis(heatmap.YAxisConfig().unit("s")).tooltip(
        heatmap.HeatmapTooltip().mode(kinds.TooltipDisplayMode.SINGLE).y_histogram(True)
    )


def world(title: str, description: str, expression: str, words: Mapping[str, Word]) -> geomap.Panel:
    """A map; the series have labels `geohash` and `region`, and values that the words name."""
    panel = geomap.Panel().title(title).description(description).datasource(SOURCE).unit("short")
    panel.targets([_target(Query(expression), "A").instant().format(PromQueryFormat.TABLE)])
    panel.basemap(common.MapLayerOptions().type("default").name("Map")).layers([_markers()])
    panel.view(geomap.MapViewConfig().id("fit").all_layers(True).padding(30).max_zoom(4))
    panel.mappings([looks.mapping(words)]).color_scheme(looks.by_thresholds())
    return panel.thresholds(looks.thresholds(looks.ascending(words)))


def columns(title: str, description: str, labels: Mapping[str, str], *shown: Column) -> table.Panel:
    """A table of now: a row for each set of `labels` (header by name), then a column for each query.

    The queries must have these labels and no other: rows are joined by all of them.
    """
    panel = table.Panel().title(title).description(description).datasource(SOURCE).unit("short")
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
