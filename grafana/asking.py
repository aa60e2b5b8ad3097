"""The committed dashboards' questions, put to a Prometheus as Grafana puts them: variables filled in, steps chosen.

No Grafana is needed: what is asked here is what a panel, a variable or an annotation would ask.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

FOLDER = Path(__file__).parent / "dashboards"

PIXELS = 1440
"""A screen's width, from which Grafana takes how many points a panel can show."""

_COLUMNS = 24
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)", re.DOTALL)
# Not `$1`, which is a group of a regular expression.
_VARIABLE = re.compile(r"\$\{([a-zA-Z_]\w*)\}|\$([a-zA-Z_]\w*)")
_TIMEOUT = 60.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Labels = Mapping[str, str]
Points = Sequence[tuple[float, float]]
"""Unix seconds and value."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer; `ref` is the query's, `name` what the legend calls it."""

    ref: str
    name: str
    labels: Labels
    points: Points

    @property
    def last(self) -> float:
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a dashboard shows, unix seconds, of data that is scraped every `interval` seconds."""

    start: float
    end: float
    interval: float = 15.0

    def step(self, points: float, least: float = 0.0) -> float:
        """Seconds between two of so many points, not less than `least`."""
        return max(self.interval, least, float(round((self.end - self.start) / points)))

    def words(self, step: float) -> dict[str, str]:
        """Grafana's own variables, as it reckons them."""
        whole = round(self.end - self.start)
        rate = max(step + self.interval, 4 * self.interval)
        return {
            "__interval": f"{step:g}s",
            "__rate_interval": f"{rate:g}s",
            "__range": f"{whole}s",
            "__range_s": f"{whole}",
        }


class RefusedError(ValueError):
    """Prometheus cannot answer; the text is what it said."""


class Source:
    """A Prometheus at `url`, such as `http://localhost:9090`."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)

    def now(self, expression: str, at: float) -> list[tuple[Labels, Points]]:
        """An instant vector; a scalar is one without labels."""
        found = self._post("query", {"query": expression, "time": f"{at:.3f}"})
        if found["resultType"] == "scalar":
            return [({}, [(found["result"][0], float(found["result"][1]))])]
        return [(each["metric"], [(each["value"][0], float(each["value"][1]))]) for each in found["result"]]

    def over(self, expression: str, start: float, end: float, step: float) -> list[tuple[Labels, Points]]:
        """A matrix."""
        asked = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found = self._post("query_range", asked)["result"]
        return [(each["metric"], [(at, float(value)) for at, value in each["values"]]) for each in found]

    def label_values(self, selector: str, label: str, window: Window) -> list[str]:
        """Of all series that had a sample in that time, sorted."""
        asked = {"match[]": selector, "start": f"{window.start:.3f}", "end": f"{window.end:.3f}"}
        return sorted({each[label] for each in self._post("series", asked) if label in each})

    def _post(self, path: str, form: Mapping[str, str]) -> Any:
        connection = http.client.HTTPConnection(self._place.hostname or "", self._place.port, timeout=_TIMEOUT)
        try:
            connection.request("POST", f"{self._place.path.rstrip('/')}/api/v1/{path}", urlencode(form), _FORM)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["status"] != "success":
            raise RefusedError(f"{answer['error']}: {form}")
        return answer["data"]


class Board:
    """A dashboard as its JSON has it."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.uid, self.title = str(content["uid"]), str(content["title"])
        self.content = content

    @cached_property
    def panels(self) -> list[dict[str, Any]]:
        """Without rows."""
        return [panel for panel in self.content["panels"] if panel["type"] != "row"]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [panel for panel in self.content["panels"] if panel["type"] == "row"]

    @cached_property
    def variables(self) -> list[dict[str, Any]]:
        return list(self.content["templating"]["list"])

    @cached_property
    def annotations(self) -> list[dict[str, Any]]:
        return list(self.content["annotations"]["list"])

    def expressions(self) -> Iterator[str]:
        """Every piece of PromQL, variables not filled in."""
        yield from (target["expr"] for panel in self.panels for target in panel["targets"])
        yield from (each["expr"] for each in self.annotations)
        yield from (selector(each) for each in self.variables if each["type"] == "query")


def boards() -> list[Board]:
    """All that ship."""
    return [Board(json.loads(file.read_text(encoding="utf-8"))) for file in sorted(FOLDER.glob("*.json"))]


def seconds(text: str) -> float:
    """Of a duration such as `1m`; ValueError when it is none."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise ValueError(f"{text!r} is not a number and one of s, m, h, d")
    return float(found[1]) * _UNITS[found[2]]


def selector(variable: Mapping[str, Any]) -> str:
    """The series in which a query variable looks for values."""
    return _parts(variable)[0]


def _parts(variable: Mapping[str, Any]) -> tuple[str, str]:
    found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
    assert found, f"{variable['name']} is not asked for by label_values(series, label)"
    return found[1], found[2]


class Asked:
    """A dashboard that is open over a source and a window. `chosen` are values of variables by name."""

    def __init__(self, board: Board, source: Source, window: Window, chosen: Mapping[str, str] | None = None) -> None:
        self.board = board
        self._source = source
        self._window = window
        self.found: dict[str, list[str]] = {}
        """What each query variable offers."""
        self.values: dict[str, str] = {}
        """What stands for each variable in PromQL."""
        for variable in board.variables:
            self.values[variable["name"]] = (chosen or {}).get(variable["name"]) or self._value(variable)

    def fill(self, text: str, step: float = 60.0) -> str:
        """The text with its variables' values; KeyError names one that there is not."""
        known = {**self.values, **self._window.words(step)}
        return _VARIABLE.sub(lambda found: known[found[1] or found[2]], text)

    def panel(self, panel: Mapping[str, Any]) -> list[Series]:
        """What its queries answer, in their order."""
        return [series for target in panel["targets"] for series in self.target(panel, target)]

    def step(self, panel: Mapping[str, Any]) -> float:
        """Seconds between two of the panel's points."""
        points = panel.get("maxDataPoints") or PIXELS * panel["gridPos"]["w"] / _COLUMNS
        least = seconds(panel["interval"]) if "interval" in panel else 0.0
        return self._window.step(points, least)

    def target(self, panel: Mapping[str, Any], target: Mapping[str, Any]) -> list[Series]:
        step, window = self.step(panel), self._window
        expression = self.fill(target["expr"], step)
        if target["instant"]:
            found = self._source.now(expression, window.end)
        else:
            found = self._source.over(expression, window.start, window.end, step)
        legend = target.get("legendFormat", "")
        return [Series(target["refId"], _name(legend, labels), labels, points) for labels, points in found]

    def annotation(self, annotation: Mapping[str, Any]) -> list[Series]:
        """The series that its marks are made from."""
        step = max(60.0, self._window.step(PIXELS))
        found = self._source.over(self.fill(annotation["expr"]), self._window.start, self._window.end, step)
        return [Series("Anno", _name(annotation["titleFormat"], labels), labels, points) for labels, points in found]

    def _value(self, variable: Mapping[str, Any]) -> str:
        name, kind = variable["name"], variable["type"]
        if kind != "query":
            return str(variable.get("query", ""))
        asked, label = _parts(variable)
        offered = self.found[name] = self._source.label_values(self.fill(asked), label, self._window)
        if variable["includeAll"]:
            return str(variable["allValue"])
        default = variable.get("current", {}).get("value", "")
        return default if default in offered or not offered else offered[0]


def _name(legend: str, labels: Labels) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
