"""What was fetched before, so that a server need not send what did not change (RFC 9110, 13)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

MOST = 16 << 20
"""Bytes of all bodies together."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer that can be asked for again."""

    body: bytes
    headers: Mapping[str, str]


Key = tuple[str, tuple[tuple[str, str], ...]]
"""The URL, and the headers that were sent: another credential may be answered something else."""


class Kept:
    """The copies that were used last, as many as fit."""

    def __init__(self, most: int = MOST) -> None:
        self._copies: OrderedDict[Key, Copy] = OrderedDict()
        self._most = most
        self._size = 0

    def get(self, key: Key) -> Copy | None:
        if key in self._copies:
            self._copies.move_to_end(key)
        return self._copies.get(key)

    def put(self, key: Key, copy: Copy) -> None:
        """Keep it in place of what was kept for this key, if its server can be asked whether it changed."""
        old = self._copies.pop(key, None)
        self._size -= len(old.body) if old else 0
        if not conditions(copy):
            return
        self._copies[key] = copy
        self._size += len(copy.body)
        while self._size > self._most:
            self._size -= len(self._copies.popitem(last=False)[1].body)


def conditions(copy: Copy | None) -> dict[str, str]:
    """The headers that ask whether it changed; none when there is no way to ask."""
    headers = copy.headers if copy else {}
    asked = {"If-None-Match": headers.get("etag", ""), "If-Modified-Since": headers.get("last-modified", "")}
    return {name: value for name, value in asked.items() if value}
