"""Answers that are kept: to short questions alone, because a stranger may ask, or be asked, and send long ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def remembered(longest: int, size: int = 4096) -> Callable[[Function], Function]:
    """Keep `size` answers of a pure function, the newest, to first arguments of at most `longest` characters."""

    def keeping(function: Function) -> Function:
        kept = lru_cache(size)(function)

        @wraps(function)
        def answer(asked: Any, *more: Hashable) -> Any:
            return (kept if len(asked) <= longest else function)(asked, *more)

        return cast("Function", answer)

    return keeping
