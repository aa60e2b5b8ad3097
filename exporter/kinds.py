"""A kind is a module: its file's name is its name in the configuration.

`of("probes")` lists the files of that room and imports them; a word in a configuration is looked
up in that list and never imported by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def names(room: str) -> tuple[str, ...]:
    """The kinds of a room (`probes`, `regions`), sorted, without importing them."""
    package = importlib.import_module(f"exporter.{room}")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))


@cache
def module(room: str, kind: str) -> ModuleType:
    """The module of one kind; KeyError when the room has no such file."""
    if kind not in names(room):
        raise KeyError(kind)
    return importlib.import_module(f"exporter.{room}.{kind}")


def is_metered(kind: str) -> bool:
    """Whether what runs in regions of this kind is counted by somebody, so that it runs there rarely."""
    return hasattr(module("regions", kind), "cost")
