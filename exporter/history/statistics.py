"""What a service's incidents and its known time come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from exporter.history.availability import Shares
from exporter.history.incident import OUTAGES, Outline
from exporter.model import Answer

WINDOWS = (30, 365)
"""Days over which availability is told."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one service. Means are seconds, None until there is something to take them of.

    Failures are incidents that were partly down or down at their worst. The time to recovery is that of those whose
    end was seen; the time between them is from the end of one to the start of the next.
    """

    windows: Mapping[int, Shares]
    worst: Mapping[Answer, int]
    mean_time_to_recovery: float | None
    mean_time_between_failures: float | None

    @property
    def incidents(self) -> int:
        """All that are kept, the open one included."""
        return sum(self.worst.values())


def statistics(incidents: Sequence[Outline], windows: Mapping[int, Shares]) -> Statistics:
    """Of a service's incidents, in any order, and its shares by days of the window."""
    failures = sorted((one for one in incidents if one.worst in OUTAGES), key=lambda one: one.started)
    return Statistics(
        windows,
        Counter(one.worst for one in incidents),
        _mean(one.lasted for one in failures if one.lasted is not None),
        _mean(after.started - before.ended for before, after in pairwise(failures) if before.ended is not None),
    )


def _mean(seconds: Iterable[float]) -> float | None:
    found = list(seconds)
    return sum(found) / len(found) if found else None
