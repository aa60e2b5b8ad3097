"""The text format of metrics (Prometheus' exposition format 0.0.4), read strictly: what a remote prober answers.

Comments say nothing here: a gauge and a counter are numbers alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Labels = frozenset[tuple[str, str]]
Page = Mapping[str, Mapping[Labels, float]]
"""Samples by name and labels."""

ALONE: Labels = frozenset()
"""The labels of a sample that has none."""

_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_LINE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]*\{{((?:{_LABEL}(?:,{_LABEL})*,?)?)\}}[ \t]*|[ \t]+)"
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)(?:[ \t]+-?\d+)?[ \t]*"
)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parse(text: str) -> Page:
    """The samples of a page; ValueError names the line that is none."""
    if not text.endswith("\n"):
        raise ValueError("it does not end with a whole line")
    found: dict[str, dict[Labels, float]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is no sample")
        series, labels = found.setdefault(match[1], {}), _labels(match[2] or "")
        if labels in series:
            raise ValueError(f"line {number} says again what was said of {match[1]}")
        series[labels] = float(match[3])
    return found


def _labels(text: str) -> Labels:
    return frozenset(
        (name, re.sub(r"\\.", lambda found: _ESCAPED[found[0]], value)) for name, value in _PAIR.findall(text)
    )
