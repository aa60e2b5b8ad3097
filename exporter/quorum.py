"""What regions say together, from what each of them says."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.findings import VOTES
from exporter.model import Answer, State

REGIONS_FOR_A_MAJORITY = 3
"""So many regions must vote before half of them decide: one of two proves nothing about the world."""


def feature_answer(states: Iterable[State]) -> Answer:
    """Across regions: down when the quorum is, partial when any region is."""
    votes = [state for state in states if state in VOTES]
    down = votes.count(State.DOWN)
    if not votes:
        return Answer.UNKNOWN
    if _quorum(down, len(votes)):
        return Answer.DOWN
    if down:
        return Answer.PARTIAL
    return Answer.DEGRADED if State.DEGRADED in votes else Answer.UP


def _quorum(down: int, voting: int) -> bool:
    """Half or more of at least three regions that vote, all of fewer; the alert rules say the same in PromQL."""
    if voting >= REGIONS_FOR_A_MAJORITY:
        return 2 * down >= voting
    return down == voting
