"""What a judgement finds, before it becomes words: the sentences, the cause and the confidence are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.evidence import Blockage, Evidence
from exporter.model import Answer, Endpoint, PairKey, Result, State
from exporter.readings import Crowd
from exporter.tracks import Condition, Sight, Track

VOTES = (State.UP, State.DEGRADED, State.DOWN)
"""The states that count across regions."""

BAD = (State.DOWN, State.DEGRADED)

BEFORE = 900.0
"""Seconds before a pair's trouble: what failed in them announced it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A feature in a region.

    `guilty` are the endpoints that make the state what it is, `walls` those that turn our probes away; `blockage` is
    who says that the country is what fails there.
    """

    state: State
    complaint: str = ""
    walls: tuple[str, ...] = ()
    guilty: tuple[tuple[Endpoint, Track], ...] = ()
    blockage: Blockage | None = None


class Past(Protocol):
    """What is kept of a pair: `usual` is how long a good scheduled run takes, in seconds, 0 when none is known."""

    @property
    def usual(self) -> float: ...

    @property
    def succeeded(self) -> Sequence[Result]: ...

    @property
    def failed(self) -> Sequence[Result]: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pair that fails or is slow since `since`, unix seconds, as far as that is still known.

    `failures` are those that are kept of what it is down for, and of a quarter of an hour before, oldest first.
    """

    endpoint: Endpoint
    region: str
    track: Track
    past: Past | None
    since: float
    failures: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a service. `seen` is by feature and region; `probed` the features' answers by our probes alone, `features`
    with what people say, and so are `by_probes` and `answer` of the service; `people` are the crowds that call it
    degraded. `since` is the first evidence, unix seconds; `saw` whether any control has ever answered.
    """

    title: str
    now: float
    seen: Mapping[str, Mapping[str, Seen]]
    sights: Mapping[str, Sight]
    probed: Mapping[str, Answer]
    features: Mapping[str, Answer]
    by_probes: Answer
    answer: Answer
    evidence: Evidence
    people: tuple[Crowd, ...]
    troubles: tuple[Trouble, ...]
    since: float | None
    saw: bool

    @property
    def by_people(self) -> bool:
        """Whether people alone call it degraded."""
        return self.answer is not self.by_probes

    @property
    def seeing(self) -> list[str]:
        """The regions that see the internet."""
        return [region for region, sees in self.sights.items() if sees.seeing]

    @property
    def pending(self) -> bool:
        """Whether no control has been tried to the end yet."""
        return all(sees.pending for sees in self.sights.values())

    def regions_with(self, *states: State) -> list[str]:
        """The regions in which any feature has one of these states, in their order."""
        found = {region for regions in self.seen.values() for region, item in regions.items() if item.state in states}
        return [region for region in self.sights if region in found]

    @property
    def blockages(self) -> dict[str, Blockage]:
        """Of the regions where a feature is blocked: who says so."""
        return {
            region: item.blockage
            for regions in self.seen.values()
            for region, item in regions.items()
            if item.blockage is not None
        }


def troubles(seen: Mapping[str, Mapping[str, Seen]], pasts: Mapping[PairKey, Past], service: str) -> Iterator[Trouble]:
    """The pairs that make a feature down or degraded where it is."""
    for regions in seen.values():
        for region, item in regions.items():
            if item.state in BAD:
                for endpoint, track in item.guilty:
                    yield _trouble(endpoint, region, track, pasts.get((service, endpoint.name, region)))


def _trouble(endpoint: Endpoint, region: str, track: Track, past: Past | None) -> Trouble:
    since = track.failing_since or track.last_at
    if track.standing is Condition.SLOW:
        since = track.last_at - max(0, track.slow - 1) * endpoint.interval
    oldest = since - BEFORE
    failures = tuple([result for result in past.failed if result.started >= oldest]) if past else ()
    return Trouble(endpoint, region, track, past, since, failures)
