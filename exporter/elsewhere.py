"""What is asked at once where a quota lets pairs run rarely: pure, the time is handed in.

| seen where pairs run often | asked elsewhere, at once |
|---|---|
| a feature is down | its pairs there that have not run since, and their controls |
| it is down no more | its pairs there that are down, and their controls |
| no region sees the internet, or one does again | the controls there: it is our line by which they are asked |

A pair is asked for the same thing once in APART seconds, so that what comes and goes does not use up the hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from exporter import kinds
from exporter.model import CONTROLS, Config, PairKey, State
from exporter.tracks import Condition, Sight, Track
from exporter.verdict import Verdict

APART = 300.0
"""Seconds from asking a pair for something to asking it for that again."""


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
        self._asked: dict[tuple[str, PairKey], float] = {}
        self._seeing: bool | None = None

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
        down = list(self._again("down", self._unasked(track, verdicts), now))
        up = list(self._again("up", self._still_down(track, changes), now))
        mine = [self._controls[key[2]] for key in (*down, *up) if key[2] in self._controls]
        line = list(self._controls.values()) if self._line_changed(sights) else []
        return list(dict.fromkeys((*line, *mine, *down, *up)))

    def _unasked(self, track: Callable[[PairKey], Track], verdicts: Mapping[str, Verdict]) -> Iterator[PairKey]:
        for service, verdict in verdicts.items():
            for feature, since in verdict.down_since.items():
                keys = self._of_feature.get((service, feature), ())
                yield from (key for key in keys if track(key).last_at < since)

    def _still_down(self, track: Callable[[PairKey], Track], changes: Sequence[Change]) -> Iterator[PairKey]:
        for change in changes:
            if change.before == State.DOWN and change.region not in self._regions:
                keys = self._of_feature.get((change.service, change.feature), ())
                yield from (key for key in keys if track(key).standing is Condition.DOWN)

    def _line_changed(self, sights: Mapping[str, Sight]) -> bool:
        own = [sees for region, sees in sights.items() if region not in self._regions]
        before, self._seeing = self._seeing, any(sees.seeing for sees in own)
        return before is not None and before != self._seeing and not any(sees.pending for sees in own)

    def _again(self, what: str, keys: Iterator[PairKey], now: float) -> Iterator[PairKey]:
        for key in keys:
            if now - self._asked.get((what, key), float("-inf")) >= APART:
                self._asked[what, key] = now
                yield key
