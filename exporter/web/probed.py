"""The newest results of `/probe`, and each as a text for a person; failures outlive successes."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from exporter.model import Module, Result

FAILURES = 0.2
"""The share of what is kept that is for failures alone, when successes have come since."""


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe of `target` by `module`, which had `timeout` seconds; `number` counts from 1."""

    number: int
    module: Module
    target: str
    hostname: str
    timeout: float
    result: Result


class History:
    """At most `limit` of them: the newest, and of those before the newest that failed."""

    def __init__(self, limit: int) -> None:
        failures = round(limit * FAILURES)
        self.limit = limit
        self._numbers = itertools.count(1)
        self._failed: deque[Probed] = deque(maxlen=failures)
        self._newest: deque[Probed] = deque(maxlen=limit - failures)

    def __iter__(self) -> Iterator[Probed]:
        """The newest first."""
        return chain(reversed(self._newest), reversed(self._failed))

    def keep(self, module: Module, target: str, hostname: str, timeout: float, result: Result) -> Probed:
        """Note one."""
        probed = Probed(next(self._numbers), module, target, hostname, timeout, result)
        if self._newest.maxlen and len(self._newest) == self._newest.maxlen and not self._newest[0].result.ok:
            self._failed.append(self._newest[0])
        self._newest.append(probed)
        return probed

    def find(self, number: int) -> Probed | None:
        """The one with this number, unless it was dropped."""
        return next((probed for probed in self if probed.number == number), None)
