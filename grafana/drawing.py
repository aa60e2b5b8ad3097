"""One function per kind of panel: its JSON and its answers as a plot, roughly as Grafana draws it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from grafana.asking import Series
from grafana.pencil import CLASSIC, COLUMN, DPI, FAINT, GROUND, PANEL, ROW, TEXT, Drawn, paint
from grafana.units import written

_GEOHASH = "0123456789bcdefghjkmnpqrstuvwxyz"
_LEGEND_ROW, _LEGEND_LETTER = 14.0, 5.4  # pixels
_TABLE_ROW = 22.0  # pixels


def draw(drawn: Drawn) -> None:
    """The panel's inside; "No data" where there is none."""
    if drawn.series:
        _KINDS[drawn.panel["type"]](drawn)
    else:
        nothing = drawn.defaults.get("noValue", "No data")
        drawn.blank().text(0.5, 0.5, nothing, ha="center", va="center", color=FAINT, size=10)


def _stat(drawn: Drawn) -> None:
    axes, count = drawn.blank(), len(drawn.series)
    named = drawn.options["textMode"] == "name"
    for index, series in enumerate(drawn.series):
        x = (index + 0.5) / count
        color = drawn.color(series.last, series.name)
        if drawn.options["colorMode"] == "background_solid":
            axes.add_patch(Rectangle((0, 0), 1, 1, color=color))
            color = GROUND
        text = series.name if named else drawn.write(series.last, series.name)
        size = min(26.0, 0.9 * drawn.panel["gridPos"]["w"] * COLUMN / count / max(len(text), 4))
        axes.text(x, 0.45, text, ha="center", va="center", size=size, color=color, weight="bold")
        if not named and count > 1:
            axes.text(x, 0.95, series.name, ha="center", va="bottom", size=7.5, color=FAINT)


def _lines(drawn: Drawn) -> None:
    table = drawn.options["legend"]["displayMode"] == "table"
    rows = 0 if table else _legend_rows(drawn, [series.name for series in drawn.series])
    axes = drawn.axes(left=48, bottom=18 + rows * _LEGEND_ROW, right=210 if table else 8)
    stacked = (drawn.option("custom.stacking") or {}).get("mode") == "normal"
    below: dict[float, float] = {}
    colors = {}
    for index, series in enumerate(drawn.series):
        color = colors[series.name] = _color(drawn, series, index)
        _line(drawn, axes, series, color, below if stacked else None)
    _thresholds(drawn, axes)
    unit = drawn.defaults["unit"]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    lowest = min((value for series in drawn.series for _, value in series.points if math.isfinite(value)), default=0.0)
    axes.set_ylim(bottom=min(lowest, drawn.option("custom.axisSoftMin") or 0.0), top=drawn.defaults.get("max"))
    if axes.get_ylim()[1] <= 1e-9:
        axes.set_ylim(top=1.0)
    _time(drawn, axes)
    if table:
        _legend_table(drawn, axes, colors)
    else:
        _legend(axes, list(colors.items()), drawn)


def _color(drawn: Drawn, series: Series, index: int) -> str:
    chosen = drawn.option("color", series.name) or {}
    return paint(chosen["fixedColor"]) if "fixedColor" in chosen else CLASSIC[index % len(CLASSIC)]


def _line(drawn: Drawn, axes: Axes, series: Series, color: str, below: dict[float, float] | None) -> None:
    if drawn.option("custom.drawStyle") == "bars":
        times, values = [at for at, _ in series.points], [value for _, value in series.points]
        bottoms = [(below or {}).get(at, 0.0) for at in times]
        axes.bar(times, values, width=0.8 * drawn.step, bottom=bottoms, color=color, alpha=0.8)
        if below is not None:
            below.update({at: bottom + value for at, bottom, value in zip(times, bottoms, values, strict=True)})
        return
    times, values = _with_gaps(series, drawn.step)
    bottoms = [(below or {}).get(at, 0.0) for at in times]
    tops = [bottom + value for bottom, value in zip(bottoms, values, strict=True)]
    dashed = drawn.option("custom.lineStyle", series.name)
    axes.plot(times, tops, color=color, linewidth=1.4, linestyle=(0, (5, 3)) if dashed else "-")
    opacity = drawn.option("custom.fillOpacity", series.name) or 0
    axes.fill_between(times, bottoms, tops, color=color, alpha=opacity / 100.0, linewidth=0)
    if below is not None:
        below.update(dict(zip(times, tops, strict=True)))


def _with_gaps(series: Series, step: float) -> tuple[list[float], list[float]]:
    """Points, with a break where some are missing."""
    times: list[float] = []
    values: list[float] = []
    for at, value in series.points:
        if times and at - times[-1] > 1.5 * step:
            times.append(times[-1] + step)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    return times, values


def _thresholds(drawn: Drawn, axes: Axes) -> None:
    style = drawn.option("custom.thresholdsStyle") or {}
    for value, color in drawn.steps()[1:] if style.get("mode", "off") != "off" else ():
        axes.axhline(value, color=paint(color), linewidth=0.9, linestyle=(0, (6, 4)))


def _time(drawn: Drawn, axes: Axes) -> None:
    axes.set_xlim(drawn.start, drawn.end)
    span = drawn.end - drawn.start
    form = "%H:%M:%S" if span < 1800 else "%H:%M" if span < 2 * 86400 else "%m-%d"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: datetime.fromtimestamp(at, UTC).strftime(form)))
    wanted = max(2, int(drawn.panel["gridPos"]["w"] / 2.5))
    tick = next(
        (each for each in (5, 15, 30, 60, 300, 600, 900, 1800, 3600, 14400, 86400) if span / each <= wanted), span
    )
    axes.xaxis.set_major_locator(FixedLocator(_ticks(drawn, tick)))
    axes.grid(color="#25282d", linewidth=0.7)
    axes.set_axisbelow(True)
    thick = 4.0 / _size(drawn, axes)[1]
    for mark in drawn.marks:
        axes.axvspan(mark.start, mark.end, ymin=-thick, ymax=0, color=paint(mark.color), linewidth=0, clip_on=False)
        axes.axvline(mark.start, color=paint(mark.color), linewidth=0.8, linestyle=(0, (4, 3)))


def _ticks(drawn: Drawn, tick: float) -> list[float]:
    first = math.ceil(drawn.start / tick) * tick
    return [first + index * tick for index in range(int((drawn.end - first) / tick) + 1)]


def _legend_rows(drawn: Drawn, names: Sequence[str]) -> int:
    return 1 + max((row for _, row in _legend_places(drawn, names)), default=-1)


def _legend_places(drawn: Drawn, names: Sequence[str]) -> list[tuple[float, int]]:
    """Where each name begins, in pixels from the left, and in which row; none when there is no legend."""
    if not drawn.options["legend"].get("showLegend"):
        return []
    width, x, row = drawn.panel["gridPos"]["w"] * COLUMN - 40.0, 0.0, 0
    places = []
    for name in names:
        length = len(name) * _LEGEND_LETTER + 26.0
        if x and x + length > width:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += length
    return places


def _legend(axes: Axes, entries: Sequence[tuple[str, str]], drawn: Drawn) -> None:
    """Names with a dash of their colour, below the axes, from the panel's left edge on."""
    width, height = _size(drawn, axes)
    whole = drawn.figure.get_size_inches()[0] * DPI
    left = axes.get_position().x0 * whole - drawn.panel["gridPos"]["x"] * COLUMN - 14.0
    for (name, color), (x, row) in zip(entries, _legend_places(drawn, [name for name, _ in entries]), strict=False):
        y = height + 27.0 + row * _LEGEND_ROW
        place: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "clip_on": False}
        axes.text((x - left) / width, 1 - y / height, "━", color=color, size=8, **place)
        axes.text((x - left + 13.0) / width, 1 - y / height, name, color=TEXT, size=7, **place)


def _legend_table(drawn: Drawn, axes: Axes, colors: Mapping[str, str]) -> None:
    """A row per series at the right, the largest first, with its mean and maximum."""
    width, height = _size(drawn, axes)
    ordered = sorted(drawn.series, key=lambda series: -max(value for _, value in series.points))
    unit = drawn.defaults["unit"]
    place: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "clip_on": False, "size": 7}
    for index, series in enumerate([None, *ordered][: int(height / _LEGEND_ROW)]):
        y = 1 - (index + 0.5) * _LEGEND_ROW / height
        found = [value for _, value in series.points] if series else []
        cells = (
            (series.name[:16], written(sum(found) / len(found), unit), written(max(found), unit))
            if series
            else ("", "Mean", "Max")
        )
        if series:
            axes.text(1 + 12 / width, y, "━", color=colors[series.name], **place)
        for x, text in zip((26, 112, 164), cells, strict=True):
            axes.text(1 + x / width, y, text, color=TEXT if series else FAINT, **place)


def _size(drawn: Drawn, axes: Axes) -> tuple[float, float]:
    place, (width, height) = axes.get_position(), drawn.figure.get_size_inches() * DPI
    return place.width * width, place.height * height


def _rows(drawn: Drawn) -> None:
    """A state timeline or status history: a row per series."""
    shown_rows = drawn.series[: int(drawn.options.get("perPage") or len(drawn.series))]
    names = [series.name for series in shown_rows]
    left = min(190.0, 8 + max(map(len, names)) * 5.2)
    shown = _shown(drawn)
    axes = drawn.axes(left=left, bottom=18 + (_LEGEND_ROW if shown else 0), right=8)
    step, gap = drawn.step, 0.1 * drawn.step if drawn.panel["type"] == "status-history" else 0.0
    for row, series in enumerate(shown_rows):
        spans = [(at - step + gap, step - gap) for at, _ in series.points]
        colors = [drawn.color(value, series.name) for _, value in series.points]
        axes.broken_barh(spans, (row - 0.42, 0.84), facecolors=colors, alpha=0.85, linewidth=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _time(drawn, axes)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=TEXT, labelsize=min(7.5, 250.0 / len(names)))
    axes.grid(visible=False)
    _legend(axes, shown, drawn)


def _shown(drawn: Drawn) -> list[tuple[str, str]]:
    """What the colours mean that occur."""
    occur = {value for series in drawn.series for _, value in series.points}
    mapped = [drawn.mapped(value) for value in sorted(occur)]
    return [(each["text"], paint(each["color"])) for each in mapped if each]


def _bars(drawn: Drawn) -> None:
    series = drawn.series[: int((drawn.panel["gridPos"]["h"] * ROW - 40) / 16)]
    left = min(200.0, 8 + max(len(each.name) for each in series) * 5.4)
    axes = drawn.axes(left=left, right=64)
    most = max([each.last for each in series] + [1e-9])
    for row, each in enumerate(series):
        color = drawn.color(each.last, each.name)
        axes.barh(row, most, height=0.7, color="#22252b")
        axes.barh(row, max(each.last, 0.0), height=0.7, color=color)
        axes.text(1.02 * most, row, drawn.write(each.last, each.name), va="center", size=8, color=color)
    axes.set(xlim=(0, most), ylim=(max(len(series), 4) - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(len(series)), [each.name for each in series])
    axes.tick_params(axis="y", labelcolor=TEXT, labelsize=7.5)


def _heatmap(drawn: Drawn) -> None:
    ordered = sorted(drawn.series, key=lambda series: float(series.labels["le"]))
    times = sorted({at for series in ordered for at, _ in series.points})
    below = dict.fromkeys(times, 0.0)
    axes = drawn.axes(left=48, bottom=18, right=8)
    counts = []
    for series in ordered:
        found = dict(series.points)
        counts.append([max(found.get(at, 0.0) - below[at], 0.0) or math.nan for at in times])
        below.update({at: found.get(at, below[at]) for at in times})
    edges = [*(at - drawn.step for at in times), times[-1]]
    axes.pcolormesh(
        edges, range(len(ordered) + 1), counts, cmap="Oranges", norm=PowerNorm(0.5), edgecolors=PANEL, linewidth=0.4
    )
    _time(drawn, axes)
    bounds = [float(series.labels["le"]) for series in ordered]
    axes.set_yticks(range(1, len(bounds) + 1), ["Inf" if math.isinf(each) else written(each, "s") for each in bounds])
    axes.grid(visible=False)


def _map(drawn: Drawn) -> None:
    axes = drawn.axes()
    for line in range(-180, 181, 30):
        axes.axvline(line, color="#2c3235", linewidth=0.6)
        axes.axhline(line / 2, color="#2c3235", linewidth=0.6)
    for series in drawn.series:
        lat, lon = _place(series.labels["geohash"])
        color = drawn.color(series.last)
        axes.scatter([lon], [lat], s=160, color=color, edgecolors=GROUND, zorder=3)
        axes.text(lon, lat - 9, series.labels["region"], ha="center", va="top", size=8, color=TEXT, zorder=4)
    axes.set(xlim=(-180, 180), ylim=(-65, 85), xticks=[], yticks=[])


def _place(text: str) -> tuple[float, float]:
    """Latitude and longitude of a geohash's cell."""
    bits = "".join(f"{_GEOHASH.index(letter):05b}" for letter in text)
    found = []
    for chosen, width in ((bits[1::2], 180.0), (bits[::2], 360.0)):
        found.append((int(chosen, 2) + 0.5) / 2 ** len(chosen) * width - width / 2)
    return found[0], found[1]


def _table(drawn: Drawn) -> None:
    organized = drawn.panel["transformations"][-1]["options"]
    order: dict[str, int] = organized["indexByName"]
    headers = [organized["renameByName"][name] for name in sorted(order, key=order.__getitem__)]
    rows = list(_joined(drawn, organized["renameByName"]).values())
    axes, height = drawn.blank(), drawn.panel["gridPos"]["h"] * ROW - 40.0
    fit = int(height / _TABLE_ROW) - 1
    widths = [max([len(header), *(len(row.get(header, ("", ""))[0]) for row in rows)]) + 2 for header in headers]
    edges = [sum(widths[:index]) / sum(widths) for index in range(len(widths))]
    for x, header in zip(edges, headers, strict=True):
        axes.text(x, 0.5 * _TABLE_ROW / height, header, va="center", size=8, weight="bold", color="#6e9fff")
    for number, row in enumerate(rows[:fit], 1):
        for x, header in zip(edges, headers, strict=True):
            text, color = row.get(header, ("", TEXT))
            axes.text(x, (number + 0.5) * _TABLE_ROW / height, text, va="center", size=8, color=color)
        axes.axhline(number * _TABLE_ROW / height, color="#2c3235", linewidth=0.6)


def _joined(drawn: Drawn, names: Mapping[str, str]) -> dict[tuple[str, ...], dict[str, tuple[str, str]]]:
    """Rows by their labels: what each cell says, in which colour."""
    labels = [name for name in names if not name.startswith("Value")]
    rows: dict[tuple[str, ...], dict[str, tuple[str, str]]] = {}
    for series in drawn.series:
        key = tuple(series.labels.get(label, "") for label in labels)
        row = rows.setdefault(key, {names[label]: (value, TEXT) for label, value in zip(labels, key, strict=True)})
        header = names.get(f"Value #{series.ref}") or names["Value"]
        color = drawn.color(series.last, header) if drawn.option("custom.cellOptions", header) else TEXT
        row[header] = (drawn.write(series.last, header), color)
    return rows


_KINDS: Mapping[str, Callable[[Drawn], None]] = {
    "stat": _stat,
    "timeseries": _lines,
    "state-timeline": _rows,
    "status-history": _rows,
    "bargauge": _bars,
    "heatmap": _heatmap,
    "geomap": _map,
    "table": _table,
}
