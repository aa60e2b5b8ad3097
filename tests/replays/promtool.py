"""`promtool test rules` as a calculator: an expectation that cannot be met makes it say what it got.

Its evaluator is Prometheus' own, in simulated time, with the shipped rules. PROMTOOL names another binary.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

STEP = 15
"""Seconds between two scrapes, and between two evaluations, as shipped."""

RULES = sorted((Path(__file__).parents[2] / "alerts" / "rules").glob("*.yml"))
"""What ships."""

Labels = frozenset[tuple[str, str]]
Series = Mapping[str, Sequence[float | None]]
"""By the series as it stands on a metrics page: its value at each step, None where it is absent."""

_BITS = 50  # steps in a number, a bit each; a float holds 52 exactly
_GOT = re.compile(r'^    expr: (".*"), time: \S+,\s*\n +exp: ?.*\n +got: ?(.*)$', re.MULTILINE)
_SAMPLE = re.compile(r"\{([^{}]*)\} (\S+?)(?:, (?=\{)|$)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# No result of ours has this label.
_IMPOSSIBLE = [{"labels": '{never="so"}', "value": 0}]


class Calculation:
    """Series, and the questions that one run of promtool answers about them."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._steps = max(map(len, series.values()))
        self._questions: dict[str, int] = {}
        self._answers: dict[str, dict[Labels, float]] = {}

    def ask_when(self, expression: str) -> None:
        """Want to know at which steps `expression` holds; its samples must all be 1."""
        self._questions |= dict(self._chunks(expression))

    def run(self) -> None:
        """Let promtool answer everything that was asked."""
        test = {
            "interval": f"{STEP}s",
            "input_series": [{"series": name, "values": notation(found)} for name, found in self._series.items()],
            "promql_expr_test": [
                {"expr": expression, "eval_time": f"{step * STEP}s", "exp_samples": _IMPOSSIBLE}
                for expression, step in self._questions.items()
            ],
        }
        said = _promtool({"evaluation_interval": f"{STEP}s", "tests": [test]})
        self._answers = {json.loads(match[1]): _samples(match[2]) for match in _GOT.finditer(said)}
        assert self._answers.keys() == self._questions.keys(), said[-3000:]

    def steps(self, expression: str) -> dict[Labels, list[int]]:
        """The steps at which the expression holds, by labels."""
        found: dict[Labels, list[int]] = {}
        for number, (question, _) in enumerate(self._chunks(expression)):
            for labels, bits in self._answers[question].items():
                held = [number * _BITS + bit for bit in range(_BITS) if int(bits) >> bit & 1]
                found.setdefault(labels, []).extend(held)
        return found

    def _chunks(self, expression: str) -> Iterator[tuple[str, int]]:
        for first in range(0, self._steps, _BITS):
            last = min(first + _BITS, self._steps) - 1
            # A second more than the steps, so that it does not matter whether a range holds its left end.
            window = f"{(last - first) * STEP + 1}s:{STEP}s"
            yield f"sum_over_time((({expression}) * 2 ^ (time() / {STEP} - {first}))[{window}])", last


def notation(values: Sequence[float | None]) -> str:
    """As promtool reads series: `1x3` is a 1 and three more, `_` nothing, and `stale` ends a series at once."""
    return " ".join(_runs(values))


def _runs(values: Sequence[float | None]) -> Iterator[str]:
    before: float | None = None
    for value, group in groupby(values):
        count = len(list(group))
        if value is not None:
            yield f"{value!r}x{count - 1}"
        elif before is None:
            yield f"_x{count}"
        else:
            yield f"stale _x{count - 1}" if count > 1 else "stale"
        before = value


@cache
def groups() -> list[dict[str, Any]]:
    """The shipped groups without annotations, which have tests of their own and take a third of the time."""
    found = [group for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    for group in found:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    return found


def _promtool(content: Mapping[str, Any]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        rules, file = Path(folder, "rules.yml"), Path(folder, "replay.yml")
        rules.write_text(json.dumps({"groups": groups()}), encoding="utf-8")
        file.write_text(json.dumps({"rule_files": [rules.name], **content}), encoding="utf-8")
        command = [os.environ.get("PROMTOOL", "promtool"), "test", "rules", str(file)]
        # Go's collector would otherwise take a third of the time.
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "GOGC": "400", "GOMAXPROCS": "1"}
        )
    return ran.stdout + ran.stderr


def _samples(text: str) -> dict[Labels, float]:
    return {frozenset(_LABEL.findall(match[1])): float(match[2]) for match in _SAMPLE.finditer(text)}
