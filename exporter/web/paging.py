"""Long lists are shown a page at a time, because what is drawn at once keeps everybody else waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

PAGE_SIZE = 200

Item = TypeVar("Item")


class Part(NamedTuple, Generic[Item]):
    """What one of `pages` shows; `page` counts from 1."""

    shown: Sequence[Item]
    page: int
    pages: int


def part(items: Sequence[Item], asked: str) -> Part[Item]:
    """The page of this number: the first when it is none, the last when there are not so many."""
    pages = max(1, -(-len(items) // PAGE_SIZE))
    page = min(max(int(asked), 1), pages) if asked.isdecimal() and len(asked) < 10 else 1
    return Part(items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], page, pages)
