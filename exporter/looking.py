"""What is seen of a service: each of its features in each region, from what its pairs say and what the region sees.

Of a pair that a quota lets run rarely it is known, too, whether what it says is older than an outage that others see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.evidence import EXPECTED, Blockage, Evidence
from exporter.findings import BAD, Seen
from exporter.languages import text
from exporter.model import Answer, Endpoint, Feature, PairKey, Reason, Service, State
from exporter.quorum import feature_answer
from exporter.tracks import Condition, Sight, Track, feature_state

_GUILTY = {
    State.DOWN: (Condition.DOWN,),
    State.DEGRADED: (Condition.DOWN, Condition.SLOW),
    State.BLOCKED: (Condition.BLOCKED,),
    State.UNKNOWN: (Condition.PENDING, Condition.UNKNOWN),
}


@dataclass(frozen=True, slots=True)
class Eyes:
    """What is known of the pairs and regions at `now`, unix seconds.

    `paces` has the pairs that run more rarely than their endpoint says, with the seconds between two runs.
    """

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


def look(service: Service, eyes: Eyes, evidence: Evidence) -> tuple[dict[str, dict[str, Seen]], dict[str, float]]:
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


def _regions(service: Service, feature: Feature, eyes: Eyes, evidence: Evidence, since: float = 0.0) -> dict[str, Seen]:
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
