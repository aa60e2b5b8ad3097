"""Reads one block of the tree after the other and keeps what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.config import sentences, shapes, shown
from exporter.config.tree import Block, Place, Route, place_of, spell
from exporter.errors import Mistake


@cache
def _folder(file: str) -> Path:
    return Path(file).parent


class Reader:
    """The tree and its mistakes; a block used by several aliases is wrong once.

    With `files_later` it is no mistake that a file cannot be read.
    """

    def __init__(self, root: Block, files_later: bool = False) -> None:
        self.root = root
        self._files_later = files_later
        self._found: dict[tuple[Place, str | int, str], Mistake] = {}

    @property
    def mistakes(self) -> list[Mistake]:
        return list(self._found.values())

    def place(self, route: Route) -> Place:
        return place_of(self.root, route)

    def wrong(self, route: Route, message: str) -> None:
        """Keep a mistake about the value at `route`."""
        place = self.place(route)
        key = route[-1] if route else ""  # several keys may be missing at one place
        self._found.setdefault((place, key, message), Mistake(place[0], place[1], spell(route), message))

    def read(self, shape: Any, block: Any, route: Route, file: str | None = None) -> Any:
        """The block as a `shape`, or None; an absent block is an empty one."""
        block = Block(self.place(route)) if block is None else block
        if not isinstance(block, Block):
            self.wrong(route, sentences.must_be(["a mapping"], block))
            return None
        context = {"folder": _folder(file or block.place[0]), "files_later": self._files_later}
        try:
            value = shapes.adapter(shape).validate_python(block, context=context)
        except ValidationError as error:
            for inner, message in sentences.explain(error.errors(include_url=False), shape, block):
                self.wrong((*route, *inner), message)
            return None
        shown.mask(block, value)
        return value

    def children(self, block: Any, route: Route, missing: str) -> Iterator[tuple[str, Block, Route]]:
        """The named blocks of a mapping; `missing` is said when there is none."""
        if block is not None and not isinstance(block, Block):
            self.wrong(route, sentences.must_be(["a mapping"], block))
        elif not block:
            self.wrong(route, missing)
        for name, child in block.items() if isinstance(block, Block) else ():
            try:
                shapes.parse_name(name)
            except ValueError as error:
                self.wrong((*route, name), str(error))
            if isinstance(child, Block):
                yield name, child, (*route, name)
            else:
                self.wrong((*route, name), sentences.must_be(["a mapping"], child))

    def kind(self, found: Any, route: Route, noun: str, allowed: tuple[str, ...]) -> str | None:
        """`found` when it is one of `allowed`."""
        if found in allowed:
            return str(found)
        missing = f"missing key; it is one of {', '.join(allowed)}"
        self.wrong(route, missing if found is None else sentences.not_one(found, f"a kind of {noun}", allowed))
        return None
