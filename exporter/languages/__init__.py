"""What people read, in their language: one file a language, and English is the one that the others translate.

A language is a module here, its file's name the language's code in BCP 47 (`de`). It has `NAME`, its own name for
itself; `DECIMAL`, what stands before tenths; `TEXTS`, a template for each key of `en.TEXTS` with the same fields in
braces; and `plural(n)`, which of a template's forms a number takes. A template of several forms is a tuple, and its
number is the field `n`.

A `Text` is English that remembers what it was made of, so that a sentence can be kept, logged and compared as the
string that it is, and still be told in another language. What strangers wrote stands in it as it came.
"""

from __future__ import annotations

import importlib
import pkgutil
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

Template = str | tuple[str, ...]

DEFAULT = "en"
"""The language of everything that is not asked for in another: logs, JSON, metrics, the terminal."""


class Text(str):
    """A sentence or a part of one; `values` may hold others, and sequences of them, and is not to be changed."""

    __slots__ = ("key", "values")

    key: str
    values: Mapping[str, Any]

    def __new__(cls, english: str, key: str, values: Mapping[str, Any]) -> Self:
        made = super().__new__(cls, english)
        made.key, made.values = key, values
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.key, self.values)


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is BCP 47; `name` what its speakers call it."""

    code: str
    name: str
    texts: Mapping[str, Template]
    plural: Callable[[float], int]
    decimal: str = "."

    def say(self, key: str, **values: Any) -> str:
        """The text of that key; KeyError when there is none, or when a field of it has no value."""
        template = self.texts[key]
        if isinstance(template, tuple):
            template = template[self.plural(values["n"])]
        told = {name: self._told(value) for name, value in values.items()}
        # Verdicts are made in English, some thousand a second: it takes the way that is written in C.
        return template.format_map(told) if self.decimal == "." else _Numbers(self.decimal).vformat(template, (), told)

    def tell(self, text: str) -> str:
        """A `Text` in this language; any other string is what somebody wrote, and stays."""
        if isinstance(text, Text) and self.code != DEFAULT:
            return self.say(text.key, **text.values)
        return text

    def feature(self, name: str) -> str:
        """A feature as its title, where it is one that many services have; else by its name."""
        title = self.texts.get(f"feature.{name}", name)
        return title if isinstance(title, str) else name

    def listed(self, names: Sequence[Any]) -> str:
        """`a`, `a and b`, `a, b and c`; empty for none."""
        told = [str(self._told(name)) for name in names]
        if len(told) < 2:
            return "".join(told)
        return self.say("and", first=", ".join(told[:-1]), last=told[-1])

    def _told(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.tell(value)
        return self.listed(value) if isinstance(value, tuple | list) else value


class _Numbers(string.Formatter):
    """As `str.format`, but for the mark before the tenths."""

    def __init__(self, decimal: str) -> None:
        self._decimal = decimal

    def format_field(self, value: Any, format_spec: str) -> str:
        shown = format(value, format_spec)
        return shown.replace(".", self._decimal) if isinstance(value, float) else shown


def text(key: str, **values: Any) -> Text:
    """English of that key, which other languages can tell as well."""
    return Text(of(DEFAULT).say(key, **values), key, values)


@cache
def feature(name: str) -> str:
    """A feature's name for a sentence: that of a well-known one becomes its title in other languages than English."""
    key = f"feature.{name}"
    return Text(name, key, {}) if key in of(DEFAULT).texts else name


@cache
def codes() -> tuple[str, ...]:
    """The languages there are, English first."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return (DEFAULT, *(code for code in found if code != DEFAULT))


@cache
def of(code: str) -> Language:
    """The language of that code; KeyError when there is none."""
    if code not in codes():
        raise KeyError(code)
    module = importlib.import_module(f"exporter.languages.{code}")
    return Language(code, module.NAME, module.TEXTS, module.plural, module.DECIMAL)
