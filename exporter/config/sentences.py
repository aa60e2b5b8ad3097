"""What pydantic found, in sentences for a person: what stands there, what is allowed, what was probably meant."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Literal

from exporter.config.tree import Block, Items, Route

_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping",
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_LENGTHS = {"too_short": ("least", "min_length"), "too_long": ("most", "max_length")}
_BOUND_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def meant(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean x?`, or nothing when no allowed word is near."""
    near = difflib.get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    if not allowed:
        return "unknown key; none is allowed here"
    return "unknown key" + (meant(key, allowed) or f"; allowed are {', '.join(allowed)}")


def not_one(found: Any, noun: str, allowed: Iterable[str]) -> str:
    """`'locall' is not a kind of region (local, proxy); did you mean local?`."""
    allowed = list(allowed)
    return f"{found!r} is not {noun} ({', '.join(allowed)}){meant(str(found), allowed)}"


def explain(errors: Iterable[Mapping[str, Any]], shape: type, data: Block) -> Iterator[tuple[Route, str]]:
    """Each place within `data` that pydantic refused, with one sentence; a union's refusals are one sentence."""
    placed = [(_route(error, data), error) for error in _of_causes(list(errors))]
    for route, group in groupby(placed, key=lambda pair: pair[0]):
        yield route, _sentence(route, [error for _, error in group], shape)


def _of_causes(errors: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Without those of lists that are too short only because something in them is wrong."""
    for error in errors:
        depth = len(error["loc"])
        inside = (other for other in errors if len(other["loc"]) > depth and other["loc"][:depth] == error["loc"])
        if error["type"] not in _LENGTHS or not any(inside):
            yield error


def _route(error: Mapping[str, Any], data: Any) -> Route:
    """The error's location without the members of unions that pydantic names in it."""
    route: list[str | int] = []
    for step in error["loc"]:
        known = isinstance(data, Block | Items) and step in data.places
        if known:
            data = data[step]
        if known or (error["type"] == "missing" and step == error["loc"][-1]):
            route.append(step)
    return tuple(route)


def _sentence(route: Route, errors: list[Mapping[str, Any]], shape: type) -> str:
    wanted = list(dict.fromkeys(_WANTED[error["type"]] for error in errors if error["type"] in _WANTED))
    if wanted:
        # A word beside a number or a flag is one more that may stand there.
        wanted += _literals(shape, route)
        errors = [error for error in errors if error["type"] != "literal_error"]
    others = list(dict.fromkeys(_other(route, error, shape) for error in errors if error["type"] not in _WANTED))
    if wanted:
        others.append(must_be(wanted, errors[0]["input"]))
    return "; or ".join(others)


def _other(route: Route, error: Mapping[str, Any], shape: type) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "unexpected_keyword_argument":
        return unknown_key(str(route[-1]), _keys(shape, route[:-1]))
    if kind == "missing":
        return "missing key"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return not_one(error["input"], "allowed", _literals(shape, route))
    if kind in _BOUNDS:
        bound = _BOUNDS[kind]
        return f"must be {_BOUND_WORDS[bound]} {context[bound]:g}, found {error['input']!r}"
    if kind in _LENGTHS:
        word, bound = _LENGTHS[kind]
        return f"must be a list of at {word} {context[bound]}, found {context['actual_length']}"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def must_be(wanted: list[str], found: Any) -> str:
    """`must be a list, found a text`."""
    return f"must be {' or '.join(wanted)}, found {_found(found, wanted)}"


def _found(value: Any, wanted: list[str]) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str) and wanted in (["a mapping"], ["a list"]):
        return "a text"  # not repeated: who forgot `password:` wrote a secret here
    hint = "; put it in quotes" if wanted == ["a text"] else ""
    return f"{value!r}"[:80] + hint


def _keys(shape: type, route: Route) -> list[str]:
    """The keys that the mapping at `route` may have."""
    blocks = [member for member in _at(shape, route) if dataclasses.is_dataclass(member)]
    return [field.name for block in blocks for field in dataclasses.fields(block)]


def _literals(shape: type, route: Route) -> list[str]:
    literals = [member for member in _at(shape, route) if typing.get_origin(member) is Literal]
    return [str(word) for literal in literals for word in typing.get_args(literal)]


def _at(annotation: Any, route: Route) -> list[Any]:
    """The types that the value at `route` may have."""
    members = list(_members(annotation))
    for step in route:
        members = [inner for member in members for child in _inside(member, step) for inner in _members(child)]
    return members


def _members(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _inside(member: Any, step: str | int) -> Iterator[Any]:
    if dataclasses.is_dataclass(member):
        hints = typing.get_type_hints(member)
        if step in hints:
            yield hints[step]
    elif typing.get_args(member):
        yield typing.get_args(member)[-1 if isinstance(step, str) else 0]
