"""Copies of what the public reads, made at most once a second however many ask, and their tags.

A page that is made anew and says the same keeps its tag, so that a cache is answered 304 until something changes.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

FRESH_FOR = 1.0
"""Seconds that a page is served before it is made anew."""

ROOM = 32 << 20
"""Bytes of all copies: pages that are asked for with parameters must not fill the memory."""

_FAILURES = 100  # that are remembered
_LEVEL = 6  # of gzip
_SMALLEST = 1024  # bytes that are worth compressing


@dataclass(frozen=True, slots=True)
class Stamped:
    """A page that tells the time at which it was made; `says` is what it says besides, and what its tag is made of."""

    page: str
    says: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A page as it goes out; `made_at` is of the clock of its shelf."""

    body: bytes
    packed: bytes | None
    tag: str
    made_at: float = 0.0

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed or b"")


Made = str | bytes | Stamped


class FailedError(Exception):
    """A page failed less than FRESH_FOR ago, and is not tried again yet; `first` is what it failed by."""

    def __init__(self, first: Exception) -> None:
        super().__init__(str(first))
        self.first = first


class Shelf:
    """The newest copy of each page, as long as there is room."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of: object = None
        self._size = 0
        self._copies: OrderedDict[Hashable, Copy] = OrderedDict()
        self._failed: OrderedDict[Hashable, tuple[float, Exception]] = OrderedDict()

    def copy(self, key: Hashable, make: Callable[[], Made], of: object = None) -> Copy:
        """The copy under `key`, made by `make` when there is none that is fresh. FailedError, or what `make` raises.

        `of` is the configuration: a new one may have changed any page, so that nothing of the old one is served.
        """
        if of is not self._of:
            self._of, self._size = of, 0
            self._copies.clear()
            self._failed.clear()
        known, now = self._copies.get(key), self._now()
        if known is None or now - known.made_at >= FRESH_FOR:
            known = self._made(key, make, known, now)
            self._keep(key, known)
        self._copies.move_to_end(key)
        return known

    def _made(self, key: Hashable, make: Callable[[], Made], known: Copy | None, now: float) -> Copy:
        at, first = self._failed.get(key, (0.0, None))
        if first is not None and now - at < FRESH_FOR:
            raise FailedError(first)
        try:
            return copied(make(), known, now)
        except Exception as error:
            # A crowd before a page that is broken must not cost what it costs to break each time.
            self._failed[key] = now, error
            if len(self._failed) > _FAILURES:
                self._failed.popitem(last=False)
            raise

    def _keep(self, key: Hashable, made: Copy) -> None:
        before = self._copies.get(key)
        self._size += made.size - (before.size if before else 0)
        self._copies[key] = made
        self._copies.move_to_end(key)
        while self._size > ROOM and len(self._copies) > 1:
            self._size -= self._copies.popitem(last=False)[1].size


def copied(made: Made, known: Copy | None = None, now: float = 0.0) -> Copy:
    """What was made, as it goes out; what the copy before it says too is not compressed again."""
    page, says = (made.page, made.says) if isinstance(made, Stamped) else (made, made)
    body = page.encode() if isinstance(page, str) else page
    if known is not None and known.body == body:
        return Copy(known.body, known.packed, known.tag, now)
    packed = gzip.compress(body, _LEVEL, mtime=0) if len(body) >= _SMALLEST else None
    tag = hashlib.blake2b(says.encode() if isinstance(says, str) else says, digest_size=12)
    return Copy(body, packed, tag.hexdigest(), now)
