"""To wait for what another program does, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_EVERY = 0.25


def until(ask: Callable[[], T], holds: Callable[[T], object] = bool, within: float = 90.0) -> T:
    """The first answer for which `holds` is true; AssertionError with the last one after `within` seconds."""
    ends = time.monotonic() + within
    while True:
        answer = ask()
        if holds(answer):
            return answer
        assert time.monotonic() < ends, f"not within {within:g} s; the last answer was {answer}"
        time.sleep(_EVERY)
