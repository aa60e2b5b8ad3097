"""The latest of everything: results by pair, sights by region, what signals say, verdicts by service.

One `Store` in the main process. `record` takes each result as it comes; `judge` folds what came
into verdicts, a few times a second at most, and says what changed. A service that is up is judged
anew when something speaks against it, when what signals or controls say changes, and when a pair
grows stale. A pair that a new configuration does not change keeps all it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from exporter.elsewhere import Elsewhere
from exporter.evidence import NOTHING, Evidence, gather
from exporter.model import CONTROLS, NOT_THE_SERVICE, Answer, Config, Pair, PairKey, Reason, Result, Service, State
from exporter.readings import Crowd, Heard
from exporter.tracks import Sight, Track, advance, sight
from exporter.verdict import Verdict, judge

SUCCESSES_KEPT, FAILURES_KEPT = 5, 10
"""Of each pair: failures are kept longer, because they are what people come for."""

USUAL_RUNS = 50
"""Good runs of a pair whose duration is averaged: a newer one weighs a fiftieth."""


@dataclass(slots=True)
class Record:
    """All that is kept of a pair. `latest` is the newest scheduled run, which the `probe_*` gauges show.

    `usual` is how long a good scheduled run takes, in seconds, averaged over about USUAL_RUNS; 0 before the first.
    """

    pair: Pair
    track: Track = field(default_factory=Track)
    latest: Result | None = None
    attempts: int = 0
    usual: float = 0.0
    failures: dict[Reason, int] = field(default_factory=dict)
    succeeded: deque[Result] = field(default_factory=lambda: deque(maxlen=SUCCESSES_KEPT))
    failed: deque[Result] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))

    @property
    def results(self) -> list[Result]:
        """What is kept, newest first."""
        return sorted((*self.succeeded, *self.failed), key=lambda result: -result.started)

    def take(self, result: Result, seen_at: float) -> None:
        """Count and keep one more result; `seen_at` is when a control of its region last answered, unix seconds."""
        self.attempts += 1
        if result.reason is not None:
            self.failures[result.reason] = self.failures.get(result.reason, 0) + 1
        (self.succeeded if result.ok else self.failed).append(result)
        if result.attempt == 0:
            self.latest = result
            # What is slow already is not what is usual.
            if result.ok and not self.track.slow:
                good = self.attempts - sum(self.failures.values())
                self.usual += (result.duration - self.usual) / min(good, USUAL_RUNS)
        self.track = advance(self.track, result, self.pair.endpoint.degraded_above, seen_at)


@dataclass(frozen=True, slots=True)
class Change:
    """A state of (feature, region), or with both empty a service's answer, that is not what it was."""

    service: str
    feature: str
    region: str
    before: State | Answer
    after: State | Answer
    sentence: str


class Store:
    """Everything that pages and metrics show."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.records: dict[PairKey, Record] = {}
        self.sights: Mapping[str, Sight] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.since: dict[str, float] = {}
        self.heard: Mapping[str, Heard] = {}
        self.crowds: tuple[Crowd, ...] = ()
        self.evidence: dict[str, Evidence] = {}
        self._now = now
        self._config = Config((), (), (), ())
        self._controls: dict[str, list[PairKey]] = {}
        self._up_until: dict[str, float] = {}
        self._elsewhere = Elsewhere(self._config)
        self.asked_elsewhere: list[PairKey] = []

    @property
    def config(self) -> Config:
        return self._config

    def apply(self, config: Config) -> list[PairKey]:
        """Take a new configuration, to be judged next; the keys of the pairs that are gone or begin anew."""
        kept = {pair.key: self.records[pair.key] for pair in config.pairs if self._unchanged(pair)}
        gone = [key for key in self.records if key not in kept]
        self.records = {pair.key: kept.get(pair.key) or Record(pair) for pair in config.pairs}
        self._config = config
        self._up_until = {}
        self._elsewhere = Elsewhere(config)
        self._controls = {region.name: [] for region in config.regions}
        for key in self.records:
            if key[0] == CONTROLS:
                self._controls[key[2]].append(key)
        names = {service.name for service in config.services}
        self.verdicts = {name: verdict for name, verdict in self.verdicts.items() if name in names}
        self.since = {name: since for name, since in self.since.items() if name in names}
        return gone

    def record(self, key: PairKey, result: Result) -> Record | None:
        """Take a result; None when a reload has taken its pair away meanwhile."""
        record = self.records.get(key)
        if record is not None:
            controls = [self.records[control].track for control in self.controls_of(key[2])]
            record.take(result, max((track.succeeded_at for track in controls), default=0.0))
            if not record.track.calm:
                self._up_until.pop(key[0], None)
        return record

    def hear(self, heard: Mapping[str, Heard], crowds: Sequence[Crowd]) -> None:
        """Take what the signals say now, for the next judgement."""
        self.heard, self.crowds = heard, tuple(crowds)

    def controls_of(self, region: str) -> list[PairKey]:
        """The keys of a region's controls."""
        return self._controls.get(region, [])

    def controls_asked(self, key: PairKey, result: Result) -> list[PairKey]:
        """When something fails: is it the line? Its region's controls answer that at once."""
        if result.ok or result.reason in NOT_THE_SERVICE or key[0] == CONTROLS:
            return []
        return self.controls_of(key[2])

    def counts(self, key: PairKey, result: Result) -> bool:
        """Whether it is a scheduled run that tells how its service does: a blind region's failures do not."""
        if result.attempt or result.reason in NOT_THE_SERVICE or key[0] == CONTROLS:
            return False
        return result.ok or ((sees := self.sights.get(key[2])) is not None and sees.seeing)

    def judge(self) -> list[Change]:
        """Make sights and verdicts anew and return what changed; `asked_elsewhere` then has what to run at once."""
        now = self._now()
        sights = {region.name: self._sight(region.name, now) for region in self._config.regions}
        evidence = gather(self._config, self.heard, self.crowds, now)
        if sights != self.sights:
            self._up_until.clear()
        asked = [service for service in self._config.services if not self._stays_up(service.name, evidence, now)]
        self.sights, self.evidence = sights, evidence
        changes = self._judge(asked, now) if asked else []
        self.asked_elsewhere = self._elsewhere.asked(now, self._track, sights, self.verdicts, changes)
        return changes

    def _track(self, key: PairKey) -> Track:
        return self.records[key].track

    def _stays_up(self, service: str, evidence: Mapping[str, Evidence], now: float) -> bool:
        until = self._up_until.get(service)
        return until is not None and now <= until and evidence[service] == self.evidence[service]

    def _judge(self, services: Sequence[Service], now: float) -> list[Change]:
        tracks = {key: record.track for key, record in self.records.items()}
        changes: list[Change] = []
        for service in services:
            before = self.verdicts.get(service.name)
            known, since = self.evidence[service.name], before.since if before else None
            verdict = judge(service, tracks, self.sights, now, known, self.records, since, self._elsewhere.paces)
            changes += self._changes(before, verdict)
            if service.name not in self.since or self.verdicts[service.name].answer is not verdict.answer:
                self.since[service.name] = now
            self.verdicts[service.name] = verdict
            self._note_calm(service.name, verdict.answer)
        return changes

    def _note_calm(self, service: str, answer: Answer) -> None:
        """When all of a service is up, its verdict stays as it is until something comes, or a pair grows stale."""
        self._up_until.pop(service, None)
        mine = [record for key, record in self.records.items() if key[0] == service]
        if answer is Answer.UP and all(record.track.calm for record in mine):
            self._up_until[service] = min(record.track.stale_at(record.pair.endpoint.interval) for record in mine)

    def as_json(self) -> dict[str, Any]:
        """Verdicts, sights and signals as JSON values; times in unix seconds."""
        return {
            "services": [self._service_json(name, verdict) for name, verdict in self.verdicts.items()],
            "regions": [
                {"region": name, "seeing": sees.seeing, "sentence": sees.sentence} for name, sees in self.sights.items()
            ],
            "signals": [_signal_json(known) for known in self.heard.values()],
        }

    def _service_json(self, name: str, verdict: Verdict) -> dict[str, Any]:
        known = asdict(self.evidence.get(name, NOTHING))
        del known["countries"], known["titles"]
        return {
            "service": name,
            "title": verdict.title,
            "answer": verdict.answer,
            "headline": verdict.headline,
            "since": self.since[name],
            "first_evidence": verdict.since,
            "cause": verdict.cause,
            "because": verdict.because,
            "confidence": verdict.confidence,
            "confident_because": verdict.confident_because,
            "by_probes": verdict.probed,
            "blocked_in": verdict.blocked_in,
            "sentences": verdict.sentences,
            "features": verdict.features,
            "states": [
                {"feature": feature, "region": region, "state": state}
                for (feature, region), state in verdict.states.items()
            ],
            "evidence": known,
        }

    def _unchanged(self, pair: Pair) -> bool:
        known = self.records.get(pair.key)
        return known is not None and known.pair == pair

    def _sight(self, region: str, now: float) -> Sight:
        found = [self.records[key] for key in self.controls_of(region)]
        return sight([(record.pair.endpoint, record.track) for record in found], now)

    @staticmethod
    def _changes(before: Verdict | None, after: Verdict) -> list[Change]:
        states = before.states if before else {}
        changed = [
            Change(after.service, feature, region, was, state, "")
            for (feature, region), state in after.states.items()
            if (was := states.get((feature, region), State.UNKNOWN)) is not state
        ]
        answered = before.answer if before else Answer.UNKNOWN
        if answered is not after.answer:
            changed.append(Change(after.service, "", "", answered, after.answer, " ".join(after.sentences)))
        return changed


def _signal_json(known: Heard) -> dict[str, Any]:
    """Whether a signal speaks, and what goes wrong with it; times are null while there was none."""
    return {
        "signal": known.signal,
        "kind": known.kind,
        "fresh": known.fresh,
        "succeeded_at": known.succeeded_at or None,
        "reading_at": known.reading.at if known.reading else None,
        "failure": known.failure,
        "failed_at": known.failed_at or None,
        "errors": known.errors,
    }
