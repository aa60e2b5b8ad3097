"""The two text formats: Prometheus 0.0.4 and OpenMetrics 1.0.0.

Sample lines are the same in both. They differ in the names of counters' families, in what is
escaped in HELP, and in the `# EOF` that ends OpenMetrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

Lines = Iterable[tuple[str, float]]
"""The labels of a series as text, and its value."""

_SPECIAL = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def content_type(openmetrics: bool) -> str:
    """Prometheus 3 refuses a page without one that it knows."""
    if openmetrics:
        return "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return "text/plain; version=0.0.4; charset=utf-8"


def header(name: str, explained: str, kind: str, openmetrics: bool) -> bytes:
    """HELP and TYPE of a family; `kind` is gauge, counter, histogram or summary."""
    escaped = explained.replace("\\", "\\\\").replace("\n", "\\n")
    if openmetrics:
        escaped = escaped.replace('"', '\\"')
        name = name.removesuffix("_total") if kind == "counter" else name
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n".encode()


def family(name: str, explained: str, kind: str, lines: Lines, openmetrics: bool) -> Iterator[bytes]:
    """A whole family in one piece; none when it has no series."""
    body = "".join(
        f"{name}{{{labels}}} {number(value)}\n" if labels else f"{name} {number(value)}\n" for labels, value in lines
    )
    if body:
        yield header(name, explained, kind, openmetrics) + encode(body)


def labelled(**labels: str) -> str:
    """Labels as they stand between the braces."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())


def escape(value: str) -> str:
    """A label's value."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """A sample's value; float() because `True` would break the page."""
    text = repr(float(value)).removesuffix(".0")
    return _SPECIAL.get(text, text)


def bound(value: float) -> str:
    """A bucket's `le`, always in the form of a float: Prometheus 2 takes `1` and `1.0` for two series."""
    return "+Inf" if math.isinf(value) else repr(value)


def encode(text: str) -> bytes:
    """UTF-8, whatever a server put into its certificate."""
    return text.encode("utf-8", "replace")
