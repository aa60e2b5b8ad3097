"""From results and readings to an answer: pure, no I/O, no clock.

1. A pair's results fold into a track, and controls decide whether a region sees the internet (`tracks`). A blind
   region's states are unknown, and a pair is down only when it failed again after a control had answered there: else it
   may have been the line, which has come back since.
2. The tracks of a feature's endpoints make its state in a region.
3. Where a quota lets a pair run rarely, that it was up before the feature went down in a region where it runs often
   says nothing any more: it casts no vote until it has run again, which it does at once (`elsewhere`).
4. Where a feature fails in a country that is said to block it, it is blocked there instead: of a country that is
   expected to, always; of one that a signal names, when a region elsewhere votes and those elsewhere are not down.
5. The states across regions make the feature's answer: with at least three regions that vote, half or more
   of them down is down; with fewer, all of them; anything less is partial. The features make the service's.
6. People change what our probes call up, or cannot judge while a region sees: that is degraded, never more.
7. Statements and incidents upstream change no answer: they are quoted (`sentences`), a cause (`causes`), a reason to be
   more sure (`confidence`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter import causes, confidence, sentences
from exporter.evidence import EXPECTED, NOTHING, Blockage, Evidence
from exporter.findings import BAD, VOTES, Findings, Past, Seen, troubles
from exporter.languages import text
from exporter.model import CONTROLS, Answer, Cause, Confidence, Endpoint, Feature, PairKey, Reason, Service, State
from exporter.readings import BUCKET, Crowd
from exporter.tracks import (
    FAILURES_TO_DOWN,
    SLOW_RUNS_TO_DEGRADED,
    STALE_AFTER_INTERVALS,
    SUCCESSES_TO_UP,
    Condition,
    Sight,
    Track,
    advance,
    feature_state,
    sight,
)

__all__ = [
    "FAILURES_TO_DOWN",
    "REGIONS_FOR_A_MAJORITY",
    "SLOW_RUNS_TO_DEGRADED",
    "STALE_AFTER_INTERVALS",
    "SUCCESSES_TO_UP",
    "Condition",
    "Sight",
    "Track",
    "Verdict",
    "advance",
    "feature_answer",
    "feature_state",
    "judge",
    "service_answer",
    "sight",
]

REGIONS_FOR_A_MAJORITY = 3
"""So many regions must vote before half of them decide: one of two proves nothing about the world."""

_NO_PAST: Mapping[PairKey, Past] = MappingProxyType({})
_NO_PACES: Mapping[PairKey, float] = MappingProxyType({})


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
    """Of a service at a time, with the evidence as sentences, most important first: all of them `languages.Text`.

    `because` is the reading that says the cause, empty while nothing is wrong; `confident_because` why one can be so
    sure. `since` is the first evidence, unix seconds, None while the service is up or nobody can tell. `blocked_in` are
    the countries where a region of ours finds it blocked. `probed` is the answer by our probes alone, None when unsaid.
    `down_since` is of features that are down in a region where they are probed often: since when, unix seconds.
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
    probed: Answer | None = None
    down_since: Mapping[str, float] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The answer as one sentence."""
        return sentences.headline(self.title, self.answer, self.probed, self.blocked_in)


def judge(
    service: Service,
    tracks: Mapping[PairKey, Track],
    sights: Mapping[str, Sight],
    now: float,
    evidence: Evidence = NOTHING,
    pasts: Mapping[PairKey, Past] = _NO_PAST,
    since: float | None = None,
    paces: Mapping[PairKey, float] = _NO_PACES,
) -> Verdict:
    """The verdict of `service`; a pair without a track does not run there.

    `pasts` is what is kept of the pairs, and is asked only for those that fail; `since` is that of the last verdict;
    `paces` has the pairs that run more rarely than their endpoint says, with the seconds between two runs.
    """
    seen, down_since = _look(service, _Eyes(tracks, sights, now, paces), evidence)
    found = _find(service, seen, tracks, sights, now, evidence, pasts, since)
    cause, because = causes.likely(found)
    level, confident_because = confidence.of(found)
    blocked_in = tuple(dict.fromkeys(blockage.country for blockage in found.blockages.values()))
    return Verdict(
        service=service.name,
        title=service.title,
        answer=found.answer,
        features=found.features,
        states={(name, region): item.state for name, regions in found.seen.items() for region, item in regions.items()},
        sentences=sentences.of(found),
        cause=cause,
        because=because,
        confidence=level,
        confident_because=confident_because,
        since=found.since,
        blocked_in=blocked_in,
        probed=found.by_probes,
        down_since=down_since,
    )


@dataclass(frozen=True, slots=True)
class _Eyes:
    """What is known of the pairs and regions; `paces` as in `judge`."""

    tracks: Mapping[PairKey, Track]
    sights: Mapping[str, Sight]
    now: float
    paces: Mapping[PairKey, float]

    def see(self, endpoints: Sequence[Endpoint], region: str, since: float) -> Seen:
        """A feature in a region; `since` is when it went down where it is probed often, 0 for never."""
        mine = [(e, self.tracks[key]) for e in endpoints if (key := (e.service, e.name, region)) in self.tracks]
        conditions = [self._condition(endpoint, region, track, since) for endpoint, track in mine]
        state = feature_state(conditions, self.sights[region].seeing)
        wanted = _GUILTY.get(state)
        # Most are up, and nothing is guilty of that.
        found = zip(mine, conditions, strict=True)
        guilty = tuple(pair for pair, condition in found if condition in wanted) if wanted else ()
        walls = tuple(endpoint.name for endpoint, track in mine if track.excuse is Reason.BLOCKED)
        return Seen(state, _complaint(guilty), walls, guilty)

    def _condition(self, endpoint: Endpoint, region: str, track: Track, since: float) -> Condition:
        pace = self.paces.get((endpoint.service, endpoint.name, region))
        condition = _proven(track, pace or endpoint.interval, self.now)
        outdated = pace is not None and track.last_at < since and condition in (Condition.UP, Condition.SLOW)
        return Condition.UNKNOWN if outdated else condition

    def often(self, feature: Feature, region: str) -> bool:
        """Whether the feature is probed there as often as it is configured to be."""
        return not any((e.service, e.name, region) in self.paces for e in feature.endpoints)


def _look(service: Service, eyes: _Eyes, evidence: Evidence) -> tuple[dict[str, dict[str, Seen]], dict[str, float]]:
    """Every feature in its regions, and since when those are down that are so where they are probed often."""
    seen = {feature.name: _regions(service, feature, eyes, evidence) for feature in service.features}
    if not eyes.paces:
        return seen, {}
    down_since: dict[str, float] = {}
    for feature in service.features:
        begun = [
            _majority_failed(item.guilty, feature)
            for region, item in seen[feature.name].items()
            if item.state is State.DOWN and eyes.often(feature, region)
        ]
        if begun:
            down_since[feature.name] = max(begun)
            seen[feature.name] = _regions(service, feature, eyes, evidence, max(begun))
    return seen, down_since


def _regions(
    service: Service, feature: Feature, eyes: _Eyes, evidence: Evidence, since: float = 0.0
) -> dict[str, Seen]:
    found = {
        region: eyes.see(feature.endpoints, region, since)
        for region in eyes.sights
        if any((service.name, endpoint.name, region) in eyes.tracks for endpoint in feature.endpoints)
    }
    return _restricted(found, evidence.restrictions)


def _majority_failed(guilty: Sequence[tuple[Endpoint, Track]], feature: Feature) -> float:
    """When the endpoint began to fail with which more than half of them did."""
    begun = sorted(track.failing_since for _, track in guilty)
    return begun[min(len(feature.endpoints) // 2, len(begun) - 1)]


def _find(
    service: Service,
    seen: Mapping[str, Mapping[str, Seen]],
    tracks: Mapping[PairKey, Track],
    sights: Mapping[str, Sight],
    now: float,
    evidence: Evidence,
    pasts: Mapping[PairKey, Past],
    since: float | None,
) -> Findings:
    probed = {name: feature_answer(item.state for item in regions.values()) for name, regions in seen.items()}
    core = [probed[f.name] for f in service.features if f.core and not _walled(seen[f.name].values())]
    by_probes = service_answer(core, list(probed.values()))
    sees = any(region.seeing for region in sights.values())
    people = tuple(crowd for crowd in evidence.crowds if sees and _calls_degraded(crowd, evidence.restrictions))
    complained = {crowd.feature for crowd in people}
    answer = _with_people(by_probes, bool(people))
    failing = tuple(troubles(seen, pasts, service.name))
    return Findings(
        title=service.title,
        now=now,
        seen=seen,
        sights=sights,
        probed=probed,
        features={name: _with_people(found, name in complained) for name, found in probed.items()},
        by_probes=by_probes,
        answer=answer,
        evidence=evidence,
        people=people,
        troubles=failing,
        since=_since(answer, [*(one.since for one in failing), *map(_begun, people)], since),
        saw=sees or any(track.succeeded_at for key, track in tracks.items() if key[0] == CONTROLS),
    )


def _with_people(answer: Answer, complain: bool) -> Answer:
    """People make it degraded where our probes see nothing wrong, or cannot judge."""
    return Answer.DEGRADED if complain and answer in (Answer.UP, Answer.UNKNOWN) else answer


def _calls_degraded(crowd: Crowd, restrictions: Sequence[Blockage]) -> bool:
    """Whether it is unusual by the spike rule, can stand alone, and is more than people where it is blocked."""
    if not (crowd.spiking and crowd.alone):
        return False
    blocked = {restriction.country for restriction in restrictions}
    return not crowd.regions or not {region.upper() for region in crowd.regions} <= blocked


def _begun(crowd: Crowd) -> float:
    return crowd.since if crowd.since is not None else crowd.at - BUCKET


def _since(answer: Answer, found: Sequence[float], before: float | None) -> float | None:
    """The first evidence; a line that is cut amid an outage, so that nobody can tell, does not end it."""
    if answer is Answer.UP:
        return None
    if answer is Answer.UNKNOWN:
        return before
    return min(found if before is None else (*found, before), default=None)


def _restricted(regions: dict[str, Seen], restrictions: Sequence[Blockage]) -> dict[str, Seen]:
    """The same, with what fails in a country that is said to block it taken out of the vote."""
    if not restrictions:
        return regions
    expected = {region: one for one in restrictions if one.source == EXPECTED for region in one.regions}
    told = {region: one for one in restrictions if one.source != EXPECTED for region in one.regions}
    elsewhere = [item.state for region, item in regions.items() if region not in expected and region not in told]
    # A signal cannot tell a block from an outage of everywhere: others must be seen, and not to be down.
    holds = expected | told if feature_answer(elsewhere) not in (Answer.UNKNOWN, Answer.DOWN) else expected
    return {
        region: replace(item, state=State.BLOCKED, complaint="", guilty=(), blockage=holds[region])
        if region in holds and _fails(item)
        else item
        for region, item in regions.items()
    }


def _fails(item: Seen) -> bool:
    """Down, or degraded because an endpoint is: a country may block one host and forget another."""
    return item.state in BAD and any(track.standing is Condition.DOWN for _, track in item.guilty)


def _walled(regions: Iterable[Seen]) -> bool:
    """Whether all that is known of a feature is that it turns our probes away: then the others decide."""
    states = {item.state for item in regions}
    return State.BLOCKED in states and states <= {State.BLOCKED, State.UNKNOWN}


def _complaint(guilty: Sequence[tuple[Endpoint, Track]]) -> str:
    """What the newest of those says that make the state what it is; a slow endpoint fails at nothing and is named."""
    endpoint, track = max(guilty, key=lambda pair: pair[1].last_at, default=(None, None))
    if endpoint is None or track is None:
        return ""
    if track.message or endpoint.degraded_above is None:
        return track.message
    return text("said.slow", endpoint=endpoint.name, seconds=endpoint.degraded_above)


def _proven(track: Track, interval: float, now: float) -> Condition:
    """Failures are the service's only when the region saw the internet amid them: else it may have been the line."""
    condition = track.condition(now, interval)
    return Condition.UNKNOWN if condition is Condition.DOWN and not track.proven else condition


_GUILTY = {
    State.DOWN: (Condition.DOWN,),
    State.DEGRADED: (Condition.DOWN, Condition.SLOW),
    State.BLOCKED: (Condition.BLOCKED,),
    State.UNKNOWN: (Condition.PENDING, Condition.UNKNOWN),
}
