"""CEL: what a JSON body must be, or must not be, as an expression on `body`.

blackbox_exporter's keys, the language of https://cel.dev. A number is a double, as Go reads JSON, so `body.n == 1` and
`body.n == 1.0` hold alike and `body.n % 2` does not; `int(body.n) % 2` does. The library is C++ and is imported by
those who need it: it costs 11 MB.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.options import Parsed

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]

_PLACED = re.compile(r"ERROR: <input>:(\d+):(\d+): (.+?)(?: \(in container ''\))?$", re.MULTILINE)
_EXPECTING = re.compile(r" expecting .*$", re.MULTILINE)
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_BUDGET = "Iteration budget exceeded"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # what JSON's escapes can say and the library cannot take


def parse_expression(found: Any, folder: Path = Path()) -> str:
    """An expression that can say yes or no, checked, kept as text."""
    if not isinstance(found, str):
        raise ValueError(f"{found!r} is not a CEL expression")
    try:
        returns = str(compiled_expression(found).return_type())
    except RuntimeError as error:
        raise ValueError(f"{_line(found)} is not a CEL expression: {_because(str(error))}") from error
    if returns not in ("BOOL", "DYN"):
        raise ValueError(f"{_line(found)} is neither true nor false but {returns.lower()}; compare it with something")
    return found


Expression = Annotated[str, Parsed(parse_expression, {"type": "string"})]


@lru_cache(maxsize=1024)
def compiled_expression(text: str) -> cel.Expression:
    """RuntimeError when `text` is no expression."""
    return _environment().compile(text)


@lru_cache(maxsize=1)
def _environment() -> cel.Env:
    from cel_expr_python import cel

    return cel.NewEnv(variables={"body": cel.Type.DYN})


def expression_fault(body: bytes, forbidden: str | None, wanted: str | None, described: str) -> str | None:
    """What is wrong with a body, `described`; ProbeError `internal` when an expression asks for too much work."""
    try:
        document = read_document(body)
    except (ValueError, RecursionError):
        return f"the body is not JSON ({described})"
    for expression, must in ((forbidden, False), (wanted, True)):
        if expression is None:
            continue
        found = _evaluated(expression, document)
        if not isinstance(found, bool):
            return f"{_line(expression)} cannot be said of the JSON body: {found} ({described})"
        if found != must:
            return f"the JSON body {'does not fulfil' if must else 'fulfils'} {_line(expression)} ({described})"
    return None


def _evaluated(expression: str, document: Any) -> bool | str:
    """True, false, or why neither."""
    try:
        value = compiled_expression(expression).eval(data={"body": document})
    except RuntimeError as error:
        if _BUDGET in str(error):
            raise ProbeError(
                Reason.INTERNAL, f"{_line(expression)} takes more than 10,000 steps on this body, which is our limit"
            ) from error
        return _because(str(error))
    kind, found = str(value.type()), value.value()
    if kind == "ERROR":
        return _because(str(found))
    return bool(found) if kind == "BOOL" else f"it is neither true nor false but {kind.lower()}"


def read_document(body: bytes) -> Any:
    """JSON as Go reads it; ValueError when it is none."""
    document = json.loads(body.decode("utf-8", "replace"), parse_int=_double, parse_float=_double, parse_constant=_none)
    return _clean(document) if b"\\u" in body else document


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is larger than a double")
    return number


def _none(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def _because(said: str) -> str:
    """The library's words, without its codes and drawings."""
    said = _EXPECTING.sub("", said)
    placed = [f"{what} at line {line}, column {column}" for line, column, what in _PLACED.findall(said)]
    return "; ".join(placed) or _CODE.sub("", said.splitlines()[0])


def _line(expression: str) -> str:
    """An expression on one line."""
    return f"`{' '.join(expression.split())[:120]}`"
