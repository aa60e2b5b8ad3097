"""From results to what a pair says, and from controls to what a region can see: pure, no I/O, no clock.

A pair's results fold into a `Track`. Hysteresis lives here and only here: three counted failures in a row (the
scheduled run and both confirmations, or three witnesses at once) make a pair down, two successes make it up again;
three slow successes in a row make it slow, two quick ones end that. `blocked`, `vantage` and `internal` never count
against a service: they take a pair out of the vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.languages import text
from exporter.model import NOT_THE_SERVICE, Endpoint, Reason, Result, State

FAILURES_TO_DOWN = 3
"""The scheduled run and both confirmations."""

SUCCESSES_TO_UP = 2
SLOW_RUNS_TO_DEGRADED = 3
STALE_AFTER_INTERVALS = 3
"""A pair that has not run for so many of its intervals says nothing any more."""


class Condition(StrEnum):
    """What a pair's track says now; the first four come from hysteresis."""

    PENDING = "pending"
    UP = "up"
    SLOW = "slow"
    DOWN = "down"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Track:
    """What the attempts at a pair so far say of it. Counts are of attempts in a row; times are unix seconds.

    `lit_at` is the first answer of a control of the region that is known since these failures began, 0 for none;
    `proven`: another of them began after it.
    """

    standing: Condition = Condition.PENDING
    excuse: Reason | None = None
    failures: int = 0
    successes: int = 0
    slow: int = 0
    quick: int = 0
    last_at: float = 0.0
    succeeded_at: float = 0.0
    failing_since: float = 0.0
    lit_at: float = 0.0
    proven: bool = False
    reason: Reason | None = None
    message: str = ""

    @property
    def calm(self) -> bool:
        """Whether it is up and nothing has been heard to the contrary."""
        return self.standing is Condition.UP and self.excuse is None and not self.failures

    def condition(self, now: float, interval: float) -> Condition:
        """The standing, unless the newest attempt could not judge the service or is too old."""
        if self.standing is not Condition.PENDING and now > self.stale_at(interval):
            return Condition.UNKNOWN
        if self.excuse is None:
            return self.standing
        return Condition.BLOCKED if self.excuse is Reason.BLOCKED else Condition.UNKNOWN

    def stale_at(self, interval: float) -> float:
        """Until when it says anything, unless something new comes: unix seconds."""
        return self.last_at + STALE_AFTER_INTERVALS * interval


def advance(track: Track, result: Result, degraded_above: float | None, seen_at: float = 0.0) -> Track:
    """The track after one more attempt.

    `degraded_above` is in seconds; `seen_at` is when the newest answer of a control of the region began, unix seconds.
    """
    if result.ok:
        return _after_success(track, result, degraded_above)
    seen = replace(track, last_at=result.started, excuse=None, reason=result.reason, message=result.message)
    if result.reason in NOT_THE_SERVICE:
        return replace(seen, excuse=result.reason)
    failures = track.failures + result.witnesses
    failing_since, lit_at = (track.failing_since, track.lit_at) if track.failures else (result.started, 0.0)
    lit_at = lit_at or (seen_at if seen_at > failing_since else 0.0)
    return replace(
        seen,
        failures=failures,
        successes=0,
        standing=Condition.DOWN if failures >= FAILURES_TO_DOWN else track.standing,
        failing_since=failing_since,
        lit_at=lit_at,
        # Several strangers do not hang on one line that may have been cut and come back.
        proven=track.proven or result.witnesses >= FAILURES_TO_DOWN or 0.0 < lit_at <= result.started,
    )


def _after_success(track: Track, result: Result, degraded_above: float | None) -> Track:
    successes = track.successes + result.witnesses
    is_slow = degraded_above is not None and result.duration > degraded_above
    slow, quick = (track.slow + result.witnesses, 0) if is_slow else (0, track.quick + result.witnesses)
    standing = track.standing
    if standing is Condition.PENDING or (standing is Condition.DOWN and successes >= SUCCESSES_TO_UP):
        standing = Condition.UP
    if standing is Condition.UP and slow >= SLOW_RUNS_TO_DEGRADED:
        standing = Condition.SLOW
    if standing is Condition.SLOW and quick >= SUCCESSES_TO_UP:
        standing = Condition.UP
    # Made anew: `replace` takes as long as the rest of a healthy result's way through this process.
    return Track(
        standing=standing,
        successes=successes,
        slow=slow,
        quick=quick,
        last_at=result.started,
        succeeded_at=result.started,
        proven=track.proven and standing is Condition.DOWN,
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a region sees the internet.

    `pending` while its controls have not all been tried: not seeing, but not known to be blind.
    """

    seeing: bool
    pending: bool = False
    sentence: str = ""


def sight(controls: Sequence[tuple[Endpoint, Track]], now: float) -> Sight:
    """A region sees while the newest attempt at one of its controls succeeded and is not stale."""
    if any(_answers(track, endpoint.interval, now) for endpoint, track in controls):
        return Sight(True)
    tried = [track for _, track in controls if track.last_at]
    if len(tried) < len(controls) or not controls:
        return Sight(False, pending=True, sentence=text("blind.pending"))
    if all(track.excuse is Reason.VANTAGE for track in tried):
        return Sight(False, sentence=text("blind.unasked", why=tried[0].message.rstrip(".")))
    return Sight(False, sentence=text("blind.dark", n=len(controls)))


def _answers(track: Track, interval: float, now: float) -> bool:
    return now <= track.stale_at(interval) and track.failures == 0 and track.excuse is None and track.succeeded_at > 0


def feature_state(conditions: Sequence[Condition], seeing: bool) -> State:
    """The state of a feature in a region from its endpoints' conditions."""
    voting = [c for c in conditions if c in (Condition.UP, Condition.SLOW, Condition.DOWN)]
    if not seeing:
        return State.UNKNOWN
    if not voting:
        return State.BLOCKED if Condition.BLOCKED in conditions else State.UNKNOWN
    pending, unknown = conditions.count(Condition.PENDING), conditions.count(Condition.UNKNOWN)
    if 2 * voting.count(Condition.DOWN) > len(voting) + pending:
        return State.DOWN
    if Condition.DOWN in voting or Condition.SLOW in voting:
        return State.DEGRADED
    # Missing data is not health: every endpoint answers before the feature is called up, and most can be judged.
    return State.UNKNOWN if pending or unknown >= len(voting) else State.UP
