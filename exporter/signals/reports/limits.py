"""How many reports are looked at: from one visitor in a minute, and from all in a second."""

from __future__ import annotations

from exporter.signals.reports.memory import MINUTE

VISITORS_FOLLOWED = 100_000
"""In a minute; whoever comes beyond them has only the limit of all."""


class Limits:
    """Times are unix seconds. Who came is forgotten every minute."""

    def __init__(self) -> None:
        self._attempts: dict[bytes, int] = {}
        self._minute = 0
        self._allowed = 0.0
        self._at = 0.0

    def wait(self, visitor: bytes, now: float, a_minute: int, a_second: int) -> float:
        """Seconds that this visitor must wait, 0 for one who may report now."""
        if int(now // MINUTE) != self._minute:
            self._minute = int(now // MINUTE)
            self._attempts.clear()
        attempts = self._attempts.get(visitor, 0)
        if attempts >= a_minute:
            return (self._minute + 1) * MINUTE - now
        if attempts or len(self._attempts) < VISITORS_FOLLOWED:
            self._attempts[visitor] = attempts + 1
        return self._wait_of_all(now, a_second)

    def _wait_of_all(self, now: float, a_second: int) -> float:
        """A second's worth may come at once."""
        self._allowed = min(float(a_second), self._allowed + max(0.0, now - self._at) * a_second)
        self._at = now
        if self._allowed < 1.0:
            return 1.0
        self._allowed -= 1.0
        return 0.0
