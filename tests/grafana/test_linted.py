"""The rules of Grafana's dashboard-linter, and of PromQL that tells the truth, on every panel, variable and query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from grafana.asking import Board, boards
from grafana.units import UNITS
from tests.grafana.promql import RATES, aggregates, bare_counters, inside, names, parsed

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WORST_OF_FIVE = ("$__rate_interval", "$__range")

_LEGENDS_IN = ("timeseries", "state-timeline", "status-history", "bargauge")
_WINDOW = re.compile(r"\[([^\]:]+)(?::[^\]]*)?\]")
_FIXED = re.compile(r"(\d+)([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 1440}

BOARDS = boards()
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
TARGETS = [(board, panel, target) for board, panel in PANELS for target in panel["targets"]]
EXPRESSIONS = sorted({expression for board in BOARDS for expression in board.expressions()})


def named(panel: dict[str, Any]) -> str:
    return f"{panel['id']} {panel['title']}"


def sources(value: Any) -> Iterator[Any]:
    """Everything that says where to ask."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "datasource":
                yield each
            else:
                yield from sources(each)
    elif isinstance(value, list):
        for each in value:
            yield from sources(each)


@pytest.fixture(params=BOARDS, ids=lambda board: board.uid)
def board(request: pytest.FixtureRequest) -> Board:
    found: Board = request.param
    return found


def test_whom_to_ask_is_a_variable(board: Board) -> None:
    first = board.variables[0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert list(sources(board.content)) != []
    assert [found for found in sources(board.content) if found != SOURCE] == []


def test_every_variable_has_a_label_and_every_query_of_one_is_renewed(board: Board) -> None:
    for variable in board.variables:
        assert variable["label"]
        if variable["type"] == "query":
            assert (variable["refresh"], variable["sort"]) == (2, 1)
            assert not variable["multi"] or variable["allValue"] == ".*"


def test_every_panel_says_what_it_is_about(board: Board) -> None:
    for panel in board.panels:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), named(panel)
        assert panel["targets"], named(panel)
    titles = [(panel["gridPos"]["y"], panel["title"]) for panel in board.panels]
    assert len(titles) == len(set(titles))


def test_every_panel_has_a_unit_that_is_known(board: Board) -> None:
    for panel in board.panels:
        overridden = [
            each["value"]
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
            if each["id"] == "unit"
        ]
        assert {panel["fieldConfig"]["defaults"]["unit"], *overridden} <= UNITS, named(panel)


def test_every_column_of_a_table_has_a_unit_of_its_own(board: Board) -> None:
    for panel in board.panels:
        if panel["type"] == "table":
            headers = panel["transformations"][-1]["options"]["renameByName"]
            wanted = {header for name, header in headers.items() if name.startswith("Value")}
            found = {
                override["matcher"]["options"]
                for override in panel["fieldConfig"]["overrides"]
                if any(each["id"] == "unit" for each in override["properties"])
            }
            assert wanted == found, named(panel)


@pytest.mark.parametrize(
    ("board", "panel", "target"),
    TARGETS,
    ids=lambda each: str(each.get("refId", each.get("id", ""))) if isinstance(each, dict) else each.uid,
)
def test_every_query_names_its_series(board: Board, panel: dict[str, Any], target: dict[str, Any]) -> None:
    several = len(panel["targets"]) > 1
    if panel["type"] in _LEGENDS_IN or (panel["type"] == "stat" and several):
        assert target["legendFormat"], named(panel)


def test_refs_are_given_in_order(board: Board) -> None:
    for panel in board.panels:
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_grammar_takes_every_expression(expression: str) -> None:
    assert parsed(expression)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_counter_is_never_shown_as_it_is(expression: str) -> None:
    assert bare_counters(expression) == set()


def test_a_counter_that_is_shown_as_it_is_is_found_out() -> None:
    assert bare_counters("sum(rate(a_total[5m])) / b_total + max(c_bucket) + count(d_total)") == {"b_total", "c_bucket"}


@pytest.mark.parametrize("expression", sorted({target["expr"] for _, _, target in TARGETS}))
def test_no_query_of_a_panel_is_bare(expression: str) -> None:
    """Another exporter, a restart, a label more: a panel must not show twice the lines for it."""
    assert aggregates(expression) or "ALERTS" in expression


@pytest.mark.parametrize(
    ("board", "panel", "target"),
    TARGETS,
    ids=lambda each: str(each.get("refId", each.get("id", ""))) if isinstance(each, dict) else each.uid,
)
def test_a_rate_over_time_is_taken_over_what_fits_the_step(
    board: Board, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    rated = any(getattr(getattr(each, "func", None), "name", "") in RATES for each in inside(parsed(target["expr"])))
    for window in _WINDOW.findall(target["expr"]) if rated else ():
        if target["instant"]:
            assert window in WORST_OF_FIVE or minutes(window) >= 5, named(panel)
        else:
            assert window == "$__rate_interval", named(panel)


def minutes(window: str) -> int:
    found = _FIXED.fullmatch(window)
    assert found, window
    return int(found[1]) * _MINUTES[found[2]]


def test_every_expression_asks_for_a_metric_by_name_but_for_the_one_that_counts_them() -> None:
    assert [expression for expression in EXPRESSIONS if not names(expression)] == [
        expression for expression in EXPRESSIONS if "__name__" in expression
    ]
