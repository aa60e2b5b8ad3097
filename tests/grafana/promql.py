"""The syntax of PromQL, by Prometheus' own grammar: what the linter's rules look at."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser as syntax

RATES = frozenset({"rate", "irate", "increase"})
COUNTER = re.compile(r".+_(?:total|bucket|count|sum)")
"""What a counter is called; counts and sums of summaries are counters, too."""

# Any value does: it is the syntax that is looked at.
_GRAFANAS = {"$__rate_interval": "61s", "$__range_s": "62", "$__range": "62s", "$__interval": "63s"}


def parsed(expression: str) -> syntax.Expr:
    """ValueError when Prometheus would not take it."""
    for variable, value in _GRAFANAS.items():
        expression = expression.replace(variable, value)
    return syntax.parse(expression)


def inside(expr: syntax.Expr) -> Iterator[syntax.Expr]:
    """The expression and all that it is made of."""
    yield expr
    for child in children(expr):
        yield from inside(child)


def children(expr: syntax.Expr) -> Iterator[syntax.Expr]:
    match expr:
        case syntax.AggregateExpr():
            yield expr.expr
        case syntax.BinaryExpr():
            yield from (expr.lhs, expr.rhs)
        case syntax.ParenExpr() | syntax.UnaryExpr() | syntax.SubqueryExpr():
            yield expr.expr
        case syntax.Call():
            yield from expr.args
        case syntax.MatrixSelector():
            yield expr.vector_selector


def names(expression: str) -> set[str]:
    """The metrics that it asks for by name."""
    found = {each.name for each in inside(parsed(expression)) if isinstance(each, syntax.VectorSelector)}
    return {name for name in found if name}


def bare_counters(expression: str) -> set[str]:
    """Counters that are taken as they are: neither a rate nor an increase of them, nor are their series counted."""
    return set(_bare(parsed(expression), False))


def _bare(expr: syntax.Expr, excused: bool) -> Iterator[str]:
    match expr:
        case syntax.VectorSelector() if expr.name and COUNTER.fullmatch(expr.name) and not excused:
            yield expr.name
        case syntax.Call():
            excused = excused or expr.func.name in RATES
        case syntax.AggregateExpr():
            excused = excused or str(expr.op) in ("count", "count_values")
    for child in children(expr):
        yield from _bare(child, excused)


def aggregates(expression: str) -> bool:
    """Whether what it answers is of no more series than its labels say, however many exporters there are."""
    return any(isinstance(each, syntax.AggregateExpr) for each in inside(parsed(expression)))
