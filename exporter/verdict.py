"""From results to an answer: pure, no I/O, no clock.

1. A pair's results fold into a `Track`. Hysteresis lives here and only here: three counted
   failures in a row (the scheduled run and both confirmations) make a pair down, two successes
   make it up again; three slow successes in a row make it slow, two quick ones end that.
2. Controls decide whether a region sees the internet. A blind region's states are unknown, and a
   pair is down only when it failed again after a control had answered there: else it may have been
   the line, which has come back since.
3. The tracks of a feature's endpoints make its state in a region.
4. The states across regions make the feature's answer: with at least three regions that vote, half or more
   of them down is down; with fewer, all of them; anything less is partial. The features make the service's.

`blocked`, `vantage` and `internal` never count against a service: they take a pair out of the vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.model import NOT_THE_SERVICE, Answer, Cause, Confidence, Endpoint, PairKey, Reason, Result, Service, State

FAILURES_TO_DOWN = 3
"""The scheduled run and both confirmations."""

SUCCESSES_TO_UP = 2
SLOW_RUNS_TO_DEGRADED = 3
REGIONS_FOR_A_MAJORITY = 3
"""So many regions must vote before half of them decide: one of two proves nothing about the world."""

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

    def condition(self, now: float, interval: float) -> Condition:
        """The standing, unless the newest attempt could not judge the service or is too old."""
        if self.standing is not Condition.PENDING and now - self.last_at > STALE_AFTER_INTERVALS * interval:
            return Condition.UNKNOWN
        if self.excuse is None:
            return self.standing
        return Condition.BLOCKED if self.excuse is Reason.BLOCKED else Condition.UNKNOWN


def advance(track: Track, result: Result, degraded_above: float | None, seen_at: float = 0.0) -> Track:
    """The track after one more attempt.

    `degraded_above` is in seconds; `seen_at` is when the newest answer of a control of the region began, unix seconds.
    """
    if result.ok:
        return _after_success(track, result, degraded_above)
    seen = replace(track, last_at=result.started, excuse=None, reason=result.reason, message=result.message)
    if result.reason in NOT_THE_SERVICE:
        return replace(seen, excuse=result.reason)
    failures = track.failures + 1
    failing_since, lit_at = (track.failing_since, track.lit_at) if track.failures else (result.started, 0.0)
    lit_at = lit_at or (seen_at if seen_at > failing_since else 0.0)
    return replace(
        seen,
        failures=failures,
        successes=0,
        standing=Condition.DOWN if failures >= FAILURES_TO_DOWN else track.standing,
        failing_since=failing_since,
        lit_at=lit_at,
        proven=track.proven or 0.0 < lit_at <= result.started,
    )


def _after_success(track: Track, result: Result, degraded_above: float | None) -> Track:
    successes = track.successes + 1
    is_slow = degraded_above is not None and result.duration > degraded_above
    slow, quick = (track.slow + 1, 0) if is_slow else (0, track.quick + 1)
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
        return Sight(False, pending=True, sentence="its controls have not answered yet")
    return Sight(False, sentence=f"none of its {len(controls)} controls answers")


def _answers(track: Track, interval: float, now: float) -> bool:
    fresh = now - track.last_at <= STALE_AFTER_INTERVALS * interval
    return fresh and track.failures == 0 and track.excuse is None and track.succeeded_at > 0


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


def feature_answer(states: Iterable[State]) -> Answer:
    """Across regions: down when the quorum is, partial when any region is."""
    votes = [state for state in states if state in _VOTES]
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


def service_answer(core: Sequence[Answer], every: Sequence[Answer]) -> Answer:
    """Of a service: down when all its core features are, partial when anything is down anywhere."""
    known = [answer for answer in core if answer is not Answer.UNKNOWN]
    if not known:
        return Answer.UNKNOWN
    if all(answer is Answer.DOWN for answer in known):
        return Answer.DOWN
    if Answer.DOWN in every or Answer.PARTIAL in every:
        return Answer.PARTIAL
    if Answer.DEGRADED in every:
        return Answer.DEGRADED
    # Missing data is not health: the service is up when all its core features are known to be.
    return Answer.UP if len(known) == len(core) else Answer.UNKNOWN


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a service at a time, with the evidence as sentences, most important first.

    `because` is the reading that says the cause, empty while nothing is wrong; `confident_because` why one can be so
    sure. `since` is the first evidence, unix seconds, None while the service is up or nobody can tell. `blocked_in` are
    the countries where a region of ours finds it blocked.
    """

    service: str
    title: str
    answer: Answer
    features: Mapping[str, Answer]
    states: Mapping[tuple[str, str], State]
    sentences: tuple[str, ...]
    cause: Cause = Cause.UNKNOWN
    because: str = ""
    confidence: Confidence = Confidence.LOW
    confident_because: str = ""
    since: float | None = None
    blocked_in: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The answer as one sentence."""
        return _HEADLINES[self.answer].format(title=self.title)


_HEADLINES = {
    Answer.UP: "{title} is up.",
    Answer.DEGRADED: "{title} is up, but degraded.",
    Answer.PARTIAL: "{title} is partly down.",
    Answer.DOWN: "{title} is down.",
    Answer.UNKNOWN: "We can't tell whether {title} is down.",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A feature in a region: its state, the newest complaint of an endpoint there, and the walls that were met."""

    state: State
    complaint: str = ""
    walls: tuple[str, ...] = ()


def judge(service: Service, tracks: Mapping[PairKey, Track], sights: Mapping[str, Sight], now: float) -> Verdict:
    """The verdict of `service`; a pair without a track does not run there."""
    seen: dict[str, dict[str, _Seen]] = {}
    for feature in service.features:
        regions = {
            region: _see(feature.endpoints, region, tracks, sights[region], now)
            for region in sights
            if any((service.name, endpoint.name, region) in tracks for endpoint in feature.endpoints)
        }
        seen[feature.name] = regions
    features = {name: feature_answer(item.state for item in regions.values()) for name, regions in seen.items()}
    core = [features[f.name] for f in service.features if f.core and not _walled(seen[f.name].values())]
    return Verdict(
        service=service.name,
        title=service.title,
        answer=service_answer(core, list(features.values())),
        features=features,
        states={(name, region): item.state for name, regions in seen.items() for region, item in regions.items()},
        sentences=_sentences(seen, features, sights),
    )


def _walled(regions: Iterable[_Seen]) -> bool:
    """Whether all that is known of a feature is that it turns our probes away: then the others decide."""
    states = {item.state for item in regions}
    return State.BLOCKED in states and states <= {State.BLOCKED, State.UNKNOWN}


def _see(endpoints: Sequence[Endpoint], region: str, tracks: Mapping[PairKey, Track], sees: Sight, now: float) -> _Seen:
    mine = [(e, tracks[key]) for e in endpoints if (key := (e.service, e.name, region)) in tracks]
    conditions = [_proven(track, endpoint.interval, now) for endpoint, track in mine]
    state = feature_state(conditions, sees.seeing)
    guilty = [pair for pair, condition in zip(mine, conditions, strict=True) if condition in _GUILTY.get(state, ())]
    walls = tuple(endpoint.name for endpoint, track in mine if track.excuse is Reason.BLOCKED)
    return _Seen(state, _complaint(guilty), walls)


def _complaint(guilty: Sequence[tuple[Endpoint, Track]]) -> str:
    """What the newest of those says that make the state what it is; a slow endpoint fails at nothing and is named."""
    endpoint, track = max(guilty, key=lambda pair: pair[1].last_at, default=(None, None))
    if endpoint is None or track is None:
        return ""
    if track.message or endpoint.degraded_above is None:
        return track.message
    return f"{endpoint.name} takes more than {endpoint.degraded_above:g} s"


def _proven(track: Track, interval: float, now: float) -> Condition:
    """Failures are the service's only when the region saw the internet amid them: else it may have been the line."""
    condition = track.condition(now, interval)
    return Condition.UNKNOWN if condition is Condition.DOWN and not track.proven else condition


def _sentences(
    seen: Mapping[str, Mapping[str, _Seen]],
    features: Mapping[str, Answer],
    sights: Mapping[str, Sight],
) -> tuple[str, ...]:
    seeing = [region for region, sees in sights.items() if sees.seeing]
    if all(sees.pending for sees in sights.values()):
        return ("The first probes are still under way.",)
    if not seeing:
        return (*_blind_sentences(sights), "No region of ours sees the internet: the problem is on your end.")
    open_eyed = {name: {r: item for r, item in regions.items() if r in seeing} for name, regions in seen.items()}
    said = [line for state in _STATE_WORDS for line in _state_sentences(state, open_eyed)]
    up = [name for name, answer in features.items() if answer is Answer.UP]
    return (*said, *_fine_sentences(up, open_eyed), *_wall_sentences(open_eyed), *_blind_sentences(sights))


def _state_sentences(state: State, seen: Mapping[str, Mapping[str, _Seen]]) -> Iterable[str]:
    """What is said of the features that have `state` somewhere."""
    for name, regions in seen.items():
        where = [region for region, item in regions.items() if item.state is state]
        if where:
            complaint = next((regions[region].complaint for region in where if regions[region].complaint), "")
            votes = sum(item.state in _VOTES for item in regions.values())
            counted = f"{len(where)} of {_regions(votes)} ({', '.join(where)})" if state in _VOTES else ", ".join(where)
            yield f"{name} {_STATE_WORDS[state]} in {counted}" + (f": {complaint}." if complaint else ".")


def _fine_sentences(up: Sequence[str], seen: Mapping[str, Mapping[str, _Seen]]) -> Iterable[str]:
    """Of features that are up: in how many regions they were seen to be, and in no more."""
    counts = {name: sum(item.state is State.UP for item in seen[name].values()) for name in up}
    for count in sorted(set(counts.values()), reverse=True):
        names = [name for name in up if counts[name] == count]
        yield f"{_listed(names)} {'is' if len(names) == 1 else 'are'} fine in {_regions(count)}."


def _wall_sentences(seen: Mapping[str, Mapping[str, _Seen]]) -> Iterable[str]:
    for name, regions in seen.items():
        walls = {wall for item in regions.values() if item.state is not State.BLOCKED for wall in item.walls}
        if walls:
            turn = "turns" if len(walls) == 1 else "turn"
            yield f"{name} is judged without {_listed(sorted(walls))}, which {turn} our probes away."


_GUILTY = {
    State.DOWN: (Condition.DOWN,),
    State.DEGRADED: (Condition.DOWN, Condition.SLOW),
    State.BLOCKED: (Condition.BLOCKED,),
    State.UNKNOWN: (Condition.PENDING, Condition.UNKNOWN),
}
_VOTES = (State.UP, State.DEGRADED, State.DOWN)
_STATE_WORDS = {
    State.DOWN: "is down",
    State.DEGRADED: "is degraded",
    State.BLOCKED: "turns our probes away, which says nothing about others,",
    State.UNKNOWN: "cannot be judged",
}


def _blind_sentences(sights: Mapping[str, Sight]) -> tuple[str, ...]:
    return tuple(f"{region} is blind: {sees.sentence}." for region, sees in sights.items() if not sees.seeing)


def _regions(count: int) -> str:
    return f"{count} region{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
