"""Who has reported what within the hour, without knowing who.

What is remembered is a keyed hash (BLAKE2b, 8 bytes) of visitor, service and feature, with its minute, in memory only.
The key is random, and new every hour; the one before is kept for another hour, so that the hour of each report holds
across the change, and then forgotten: nobody can tell any more whose hashes those were. A restart forgets all of them,
so that a visitor may then be counted again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b

HOUR, MINUTE = 3600.0, 60.0


@dataclass(slots=True)
class _Hour:
    """`minutes` are those of the newest report, by hash."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    minutes: dict[int, int] = field(default_factory=dict)

    def mark(self, text: bytes) -> int:
        return int.from_bytes(blake2b(text, key=self.key, digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one thing is remembered."""

    hour: _Hour
    mark: int

    def forget(self) -> None:
        self.hour.minutes.pop(self.mark, None)


class Memory:
    """Times are unix seconds."""

    def __init__(self) -> None:
        self._hours = (_Hour(), _Hour())
        self._began = 0.0

    def size(self, now: float) -> int:
        """How much is remembered."""
        self._rotate(now)
        return sum(len(hour.minutes) for hour in self._hours)

    def remember(self, now: float, visitor: bytes, service: str, feature: str = "") -> Mark | None:
        """Remember it from now on; None when it has been within the hour."""
        self._rotate(now)
        text = b"\0".join((service.encode(), feature.encode(), visitor))
        minute = int(now // MINUTE)
        for hour in self._hours:
            at = hour.minutes.get(hour.mark(text))
            if at is not None and minute - at < HOUR // MINUTE:
                return None
        mark = Mark(self._hours[0], self._hours[0].mark(text))
        self._hours[0].minutes[mark.mark] = minute
        return mark

    def _rotate(self, now: float) -> None:
        passed = now - self._began
        if passed < HOUR:
            return
        self._hours = (_Hour(), self._hours[0] if passed < 2 * HOUR else _Hour())
        self._began = now
