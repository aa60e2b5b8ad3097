"""What is asked at once where a quota lets pairs run rarely: pure, the time is handed in.

| seen where pairs run often | asked elsewhere, at once |
|---|---|
| a feature is down | its pairs there that have not run since, and their controls |
| it is down no more | its pairs there that are down and have not run since, and their controls |
| no region sees the internet, or one does again | the controls there: it is our line by which they are asked |

A pair is asked for the same once in APART seconds, so that what comes and goes does not use up the hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter import kinds
from exporter.model import CONTROLS, Config, PairKey, State
from exporter.tracks import Condition, Sight, Track
from exporter.verdict import Verdict

APART = 300.0
"""Seconds from asking a pair for something to asking it for that again."""

RETRY = 15.0
"""Seconds after which a pair that has still not run is told again: it may have been about to run by itself."""


class Change(Protocol):
    """A state of (feature, region) that is not what it was."""

    @property
    def service(self) -> str: ...

    @property
    def feature(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def before(self) -> str: ...

    @property
    def after(self) -> str: ...


@dataclass(slots=True)
class _Request:
    began: float
    since: float
    told: float


class Elsewhere:
    """The pairs of a configuration that run rarely; `paces` has the seconds between two runs of each."""

    def __init__(self, config: Config) -> None:
        rare = [pair for pair in config.pairs if kinds.is_metered(pair.region.kind)]
        self.paces: Mapping[PairKey, float] = {pair.key: pair.endpoint.interval for pair in rare}
        self._regions = {pair.region.name for pair in rare}
        self._controls = {pair.region.name: pair.key for pair in rare if pair.endpoint.service == CONTROLS}
        self._of_feature: dict[tuple[str, str], list[PairKey]] = {}
        for pair in rare:
            self._of_feature.setdefault((pair.endpoint.service, pair.endpoint.feature), []).append(pair.key)
        self._requests: dict[tuple[str, PairKey], _Request] = {}
        self._well_since: dict[tuple[str, str], float] = {}
        self._seeing: bool | None = None
        self._line_since = 0.0

    def asked(
        self,
        now: float,
        track: Callable[[PairKey], Track],
        sights: Mapping[str, Sight],
        verdicts: Mapping[str, Verdict],
        changes: Sequence[Change],
    ) -> list[PairKey]:
        """What to run at once after a judgement, controls first; unix seconds."""
        if not self.paces:
            return []
        self._note(now, sights, changes)
        wanted = [*self._while_down(track, verdicts), *self._when_well(track), *self._by_the_line(track)]
        keys = [key for what, key, since in wanted if self._is_due(what, key, since, now, track(key).last_at)]
        controls = [self._controls[key[2]] for key in keys if key[2] in self._controls]
        return list(dict.fromkeys((*controls, *keys)))

    def _note(self, now: float, sights: Mapping[str, Sight], changes: Sequence[Change]) -> None:
        """When features became better, and when our line was cut or came back, as seen where pairs run often."""
        for change in changes:
            where = (change.service, change.feature)
            if change.region in self._regions or where not in self._of_feature:
                continue
            recovering = change.before == State.DOWN or where in self._well_since
            if change.after not in (State.UP, State.DEGRADED):
                self._well_since.pop(where, None)
            elif recovering:
                self._well_since[where] = now
        own = [sees for region, sees in sights.items() if region not in self._regions]
        seeing = any(sees.seeing for sees in own)
        if self._seeing not in (None, seeing):
            self._line_since = now
        if seeing or not any(sees.pending for sees in own):
            self._seeing = seeing

    def _while_down(
        self, track: Callable[[PairKey], Track], verdicts: Mapping[str, Verdict]
    ) -> Iterator[tuple[str, PairKey, float]]:
        for service, verdict in verdicts.items():
            for feature, since in verdict.down_since.items():
                keys = self._of_feature.get((service, feature), ())
                yield from (("down", key, since) for key in keys if track(key).last_at < since)

    def _when_well(self, track: Callable[[PairKey], Track]) -> Iterator[tuple[str, PairKey, float]]:
        for where, since in self._well_since.items():
            for key in self._of_feature[where]:
                found = track(key)
                if found.standing is Condition.DOWN and found.last_at < since:
                    yield "well", key, since

    def _by_the_line(self, track: Callable[[PairKey], Track]) -> Iterator[tuple[str, PairKey, float]]:
        keys = self._controls.values()
        yield from (("line", key, self._line_since) for key in keys if track(key).last_at < self._line_since)

    def _is_due(self, what: str, key: PairKey, since: float, now: float, ran_at: float) -> bool:
        known = self._requests.get((what, key))
        if known is None or now - known.began >= APART:
            self._requests[what, key] = _Request(now, since, now)
            return True
        if ran_at >= known.since or now - known.told < RETRY:
            return False
        known.told = now
        return True
