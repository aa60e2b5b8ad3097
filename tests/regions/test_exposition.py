"""The text format of metrics, read as strictly as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition import ALONE, parse

GOLDEN = Path(__file__).parents[1] / "metrics" / "golden.prom"


def test_it_reads_what_prometheus_own_parser_reads() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    theirs = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    ours = {(name, labels): value for name, series in parse(text).items() for labels, value in series.items()}
    assert ours == theirs


def test_labels_and_numbers_of_every_shape_are_read() -> None:
    page = parse('# HELP a b\n\na 1\nb{c="\\"\\\\\\n}",d="",} +Inf 1700000000000\n  # end\nc {} -1.5e-3\nd\t.5 \n')
    assert page == {
        "a": {ALONE: 1.0},
        "b": {frozenset({("c", '"\\\n}'), ("d", "")}): float("inf")},
        "c": {ALONE: -0.0015},
        "d": {ALONE: 0.5},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it does not end with a whole line"),
        ("a 1", "it does not end with a whole line"),
        ("a 1\nb\n", "line 2 is no sample"),
        ("a1\n", "line 1 is no sample"),
        ("a one\n", "line 1 is no sample"),
        ("a 1_0\n", "line 1 is no sample"),
        ("a 0x1\n", "line 1 is no sample"),
        ("a 1 2 3\n", "line 1 is no sample"),
        ("a{b=c} 1\n", "line 1 is no sample"),
        ('a{b="\\t"} 1\n', "line 1 is no sample"),
        ('a{b="c" 1\n', "line 1 is no sample"),
        ("1a 1\n", "line 1 is no sample"),
        ("<html>\n", "line 1 is no sample"),
        ('a{b="c",d="e"} 1\na{d="e",b="c"} 2\n', "line 2 says again what was said of a"),
    ],
)
def test_what_is_no_page_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["a" + " " * 300_000 + "x\n", 'a{b="' + "\\\\" * 300_000 + "\n", "a 1" + " " * 300_000 + "x\n"]
)
def test_a_line_that_is_made_to_take_long_does_not(text: str) -> None:
    # Quadratic reading of it would take minutes, and the test with it.
    with pytest.raises(ValueError, match="line 1 is no sample"):
        parse(text)
