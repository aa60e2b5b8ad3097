"""Plain values that remember where in a file each stands, and the writing of them.

A `Block` is a mapping, an `Items` a list; both know the file and line of everything in them, so
that a mistake found much later can name its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

Place = tuple[str, int, int]
"""A file as it was named, a line counted from 1 (0: the whole file), and a column."""

Route = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


class Block(dict[str, Any]):
    """A mapping. `places` are those of its keys; `shown` holds what to show instead of a value, by key."""

    __slots__ = ("place", "places", "shown")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str | int, Place] = {}
        self.shown: dict[str | int, Any] = {}

    def take(self, other: Block, key: str) -> None:
        """Copy one entry of `other` with its place."""
        self[key] = other[key]
        self.places[key] = other.places[key]
        if key in other.shown:
            self.shown[key] = other.shown[key]

    def drop(self, key: str) -> None:
        """Forget one entry."""
        del self[key], self.places[key]
        self.shown.pop(key, None)


class Items(list[Any]):
    """A list. `places` and `shown` as a Block's, by index."""

    __slots__ = ("place", "places", "shown")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str | int, Place] = {}
        self.shown: dict[str | int, Any] = {}


def child(container: Any, step: str | int) -> Any:
    """The value under a key or an index."""
    return container[step]


def place_of(root: Any, route: Route) -> Place:
    """Where the value at `route` stands, or the nearest thing around it."""
    place: Place = root.place
    for step in route:
        if not isinstance(root, Block | Items) or step not in root.places:
            break
        place, root = root.places[step], child(root, step)
    return place


def spell(route: Route) -> str:
    """`services.tiktok.regions[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in route).removeprefix(".")


class _Dumper(yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(block: Mapping[str, Any]) -> str:
    """YAML text of plain values."""
    return yaml.dump(block, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
