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
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter import causes, confidence, sentences
from exporter.evidence import NOTHING, Blockage, Evidence
from exporter.findings import Findings, Past, Seen, troubles
from exporter.looking import Eyes, look
from exporter.model import CONTROLS, Answer, Cause, Confidence, PairKey, Service, State
from exporter.quorum import REGIONS_FOR_A_MAJORITY, feature_answer
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

_NO_PAST: Mapping[PairKey, Past] = MappingProxyType({})
_NO_PACES: Mapping[PairKey, float] = MappingProxyType({})


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
    seen, down_since = look(service, Eyes(tracks, sights, now, paces), evidence)
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


def _walled(regions: Iterable[Seen]) -> bool:
    """Whether all that is known of a feature is that it turns our probes away: then the others decide."""
    states = {item.state for item in regions}
    return State.BLOCKED in states and states <= {State.BLOCKED, State.UNKNOWN}
