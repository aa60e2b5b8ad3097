"""What strangers wrote, made into values: JSON by its shape, moments, and lines that a page can quote."""

from __future__ import annotations

import codecs
import html
import json
import re
import unicodedata
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from exporter.errors import SignalError
from exporter.readings import Fault

FUTURE = 300.0
"""Seconds by which another machine's clock may be ahead of ours."""

T = TypeVar("T")

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF16_LE: "utf-16"}
_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "dataclass_type": "an object",
}
_LONGEST = 60
_UNIX = re.compile(r"\d{9,10}(\.\d+)?")
_FARTHEST = 1e12
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_SPACE = re.compile(r"\s+")
_RAW = 40
"""Characters read for each one that is quoted: what a megabyte of markup says at its end, nobody reads."""


def parse_json(shape: type[T], body: bytes) -> T:
    """`body` as `shape`: a dataclass, or a list or union of them; keys that it does not name are ignored.

    UTF-8, or UTF-16 with a byte order mark. SignalError `format` says where it differs: `incidents[0].name: ...`.
    """
    text = _decoded(body)
    try:
        found: T | None = _adapter(cast("Hashable", shape)).validate_json(text)
    except ValidationError as error:
        raise SignalError(Fault.FORMAT, _difference(error, text)) from error
    if found is None:
        raise SignalError(Fault.FORMAT, "the answer is null")
    return found


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    # pydantic hands `config` down to dataclasses within a union, but takes none for one that stands alone.
    return TypeAdapter(shape | None, config=ConfigDict(allow_inf_nan=False))


def _decoded(body: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if body.startswith(mark)), "utf-8")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise SignalError(Fault.FORMAT, f"not text in {error.encoding.upper()}: {error.reason}") from error


def _difference(error: ValidationError, text: str) -> str:
    first, *others = error.errors(include_url=False)
    more = f" (and {len(others)} more)" if others else ""
    where = _path(first["loc"])
    return f"{where}{': ' if where else ''}{_sentence(first, text)}{more}"


def _path(steps: tuple[str | int, ...]) -> str:
    """`incidents[0].name`, cut where a stranger's keys would fill a screen."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return one_line(path.removeprefix("."), 2 * _LONGEST)


def _sentence(error: Mapping[str, Any], text: str) -> str:
    if error["type"] == "json_invalid":
        return _not_json(text, str(error["ctx"]["error"]))
    if error["type"] == "missing":
        return "is missing"
    wanted = _WANTED.get(error["type"])
    said = f"must be {wanted}" if wanted else f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return f"{said}, found {_shown(error['input'])}"


def _not_json(text: str, why: str) -> str:
    start = text.lstrip()
    if not start:
        return "an empty answer instead of JSON"
    if start.startswith("<"):
        return "a page of HTML or XML instead of JSON"
    return f"not JSON: {why}"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return one_line(json.dumps(value, ensure_ascii=False, default=str), _LONGEST)


def moment(text: str | float, now: float) -> float:
    """Unix seconds of an ISO 8601 or RFC 2822 text, in UTC when it names no zone, or of unix seconds.

    SignalError `format` when it is none of these, or more than 5 minutes after `now`.
    """
    at = _timestamp(text)
    if at is None:
        raise SignalError(Fault.FORMAT, f"{one_line(str(text), _LONGEST)!r} is not a time")
    if at > now + FUTURE:
        raise SignalError(Fault.FORMAT, f"{one_line(str(text), _LONGEST)} is in the future")
    return at


def _timestamp(text: str | float) -> float | None:
    if isinstance(text, str) and not _UNIX.fullmatch(text):
        return _dated(text.strip())
    number = float(text) if isinstance(text, str) else text
    # Neither NaN nor a number that no clock shows.
    return float(number) if abs(number) < _FARTHEST else None


def _dated(text: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def one_line(text: str, most: int = 300) -> str:
    """`text` without HTML tags and control characters, white space folded, at most `most` characters."""
    # Twice: a feed escapes its markup, and some escape it again.
    plain = _TAG.sub(" ", html.unescape(_TAG.sub(" ", text[: most * _RAW])))
    folded = _SPACE.sub(" ", "".join(" " if _is_control(character) else character for character in plain)).strip()
    return folded if len(folded) <= most else folded[: most - 1].rstrip() + "…"


def _is_control(character: str) -> bool:
    """Also marks that turn the direction of writing, and halves of surrogate pairs."""
    return unicodedata.category(character)[0] == "C"
