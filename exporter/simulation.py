"""The exporter in simulated time: schedule, store, verdict and page as they are, and answers that are made up.

No clock, no waiting, no chance: what an attempt meets is decided by the effects that hold at its time and
place, and where only a share of the attempts is hit, by a hash of pair and time.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporter import kinds
from exporter.metrics import Page
from exporter.model import CONTROLS, Answer, Config, Location, Pair, Reason, Region, Result, SampleKey
from exporter.readings import Crowd, Heard
from exporter.schedule import Run, Schedule
from exporter.state import Change, Store
from exporter.tracks import SLOW_RUNS_TO_DEGRADED, SUCCESSES_TO_UP, Track

REGIONS = {
    "us-east": ("US", Location(39.0, -77.5)),
    "us-central": ("US", Location(41.3, -95.9)),
    "us-west": ("US", Location(45.6, -121.2)),
    "gb": ("GB", Location(51.5, -0.1)),
    "de": ("DE", Location(50.1, 8.7)),
    "jp": ("JP", Location(35.7, 139.7)),
}
"""Where simulated probes can run: the country, and the place in it."""

QUICK = (0.04, 0.3)
"""Seconds that a healthy attempt takes, at least and at most."""

SLOW = 4.0
"""Seconds that are added to a slow one."""

_CERTIFICATE_LASTS = 90 * 86400.0
_PARTS = {"resolve": 0.1, "connect": 0.2, "tls": 0.3, "processing": 0.3, "transfer": 0.1}
_MESSAGES = {
    Reason.RESOLVE: "no address for the host: SERVFAIL",
    Reason.CONNECT: "connection refused",
    Reason.TLS: "the certificate has ended",
    Reason.TIMEOUT: "no answer within the timeout",
    Reason.STATUS: "status 503",
    Reason.BODY: "the body does not match",
    Reason.PROTOCOL: "closed in the middle of an answer",
    Reason.BLOCKED: "status 403: a bot wall",
    Reason.VANTAGE: "the proxy does not answer",
    Reason.INTERNAL: "too many open files",
}
_STATUS = {Reason.STATUS: 503.0, Reason.BLOCKED: 403.0, Reason.BODY: 200.0}


@dataclass(frozen=True, slots=True)
class Effect:
    """What attempts meet that begin from `start` on and before `end`, unix seconds.

    `reason` is why they fail; None makes them slow. `features` are names of features, or `controls`; `regions`
    names of regions; each empty for all: with both empty, it is the line that is dead. `share` of the attempts
    is hit. A bot wall turns only http away.
    """

    start: float
    end: float
    reason: Reason | None
    features: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    share: float = 1.0

    def hits(self, pair: Pair, at: float) -> bool:
        """Whether the attempt that begins at `at` meets it."""
        feature = CONTROLS if pair.endpoint.service == CONTROLS else pair.endpoint.feature
        return (
            self.start <= at < self.end
            and (not self.features or feature in self.features)
            and (not self.regions or pair.region.name in self.regions)
            and (self.reason is not Reason.BLOCKED or pair.endpoint.kind == "http")
            and (self.share >= 1.0 or chance(pair.hash, at) < self.share)
        )


def chance(*seeds: object) -> float:
    """A number from 0 to below 1 that depends on the seeds alone."""
    digest = hashlib.blake2b("/".join(map(str, seeds)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / float(1 << 64)


def fleet(config: Config, names: Iterable[str]) -> Config:
    """The configuration with all its endpoints in these regions. KeyError names a stranger."""
    options = kinds.module("regions", "local").Options()
    regions = tuple(Region(name, "local", options, REGIONS[name][1], REGIONS[name][0]) for name in names)
    # As they are configured: where a quota holds they run more rarely.
    often = (pair for pair in config.pairs if not kinds.is_metered(pair.region.kind))
    endpoints = dict.fromkeys(pair.endpoint for pair in often)
    pairs = tuple(Pair(endpoint, region) for endpoint in endpoints for region in regions)
    return replace(config, regions=regions, pairs=pairs)


Listen = Callable[[float], tuple[Mapping[str, Heard], Sequence[Crowd]]]
"""What the signals have said up to a moment, unix seconds."""


def _silence(at: float) -> tuple[Mapping[str, Heard], Sequence[Crowd]]:
    return {}, ()


class Simulation:
    """One exporter from `start`, unix seconds, on. `listen` is asked for ever later moments."""

    def __init__(self, config: Config, effects: Sequence[Effect], start: float, listen: Listen = _silence) -> None:
        self.now = start
        self.store = Store(self._clock)
        self.page = Page(self._clock)
        self.changes: list[tuple[float, Change]] = []
        self._effects = effects
        self._listen = listen
        self._facts = _Facts(start + _CERTIFICATE_LASTS)
        self._schedule = Schedule(start, start, capacity=len(config.pairs))
        self._under_way: list[tuple[float, int, Run, Result]] = []
        self._order = 0
        self.store.apply(config)
        for record in self.store.records.values():
            self.page.add(record, histograms=config.histograms)
        self._schedule.replace(config.pairs, start)
        self.judge()

    def advance(self, until: float) -> None:
        """Let everything happen that happens up to `until`, and judge."""
        while (at := self._next_at()) <= until:
            self.now = max(self.now, at)
            for run in self._schedule.due(self.now):
                self._begin(run)
            while self._under_way and self._under_way[0][0] <= self.now:
                self._finish(*heapq.heappop(self._under_way)[2:])
        self.now = until
        self.judge()

    def judge(self) -> None:
        """Keep what changed, with the time."""
        self.store.hear(*self._listen(self.now))
        self.changes += [(self.now, change) for change in self.store.judge()]
        self._schedule.soon(self.store.asked_elsewhere, self.now)

    @property
    def steady(self) -> bool:
        """Whether nothing is wrong and nothing under way to be: every verdict up, and no pair with a doubt."""
        answers = {verdict.answer for verdict in self.store.verdicts.values()}
        return answers == {Answer.UP} and all(map(self._calm, self.store.records))

    def _clock(self) -> float:
        return self.now

    def _next_at(self) -> float:
        due = self._schedule.next_at()
        ends = self._under_way[0][0] if self._under_way else float("inf")
        return min(ends, due if due is not None else ends)

    def _begin(self, run: Run) -> None:
        effect = next((effect for effect in self._effects if effect.hits(run.pair, self.now)), None)
        result = replace(self._facts.result(run, self.now, effect), witnesses=_witnesses(run.pair))
        self._order += 1
        heapq.heappush(self._under_way, (self.now + result.duration, self._order, run, result))

    def _finish(self, run: Run, result: Result) -> None:
        self._schedule.done(run, result, self.now)
        before = self.store.records[run.pair.key].track
        record = self.store.record(run.pair.key, result)
        assert record is not None
        self.page.update(record, result)
        self._schedule.soon(self.store.controls_asked(run.pair.key, result), self.now)
        # Twice a second, as the product does, would judge the same again and again.
        if _says(before) != _says(record.track):
            self.judge()

    def _calm(self, key: tuple[str, str, str]) -> bool:
        track = self.store.records[key].track
        settled = track.successes > SUCCESSES_TO_UP and track.quick > max(SUCCESSES_TO_UP, SLOW_RUNS_TO_DEGRADED)
        return settled and track.excuse is None


def _says(track: Track) -> tuple[object, ...]:
    """What of a pair can change a verdict; of a control the first failure does."""
    return track.standing, track.excuse, track.proven, track.failures == 0


class _Facts:
    """Results that look like those of real probes; certificates end at `expiry`, unix seconds."""

    def __init__(self, expiry: float) -> None:
        self._expiry = expiry

    def result(self, run: Run, at: float, effect: Effect | None) -> Result:
        """What the attempt that begins at `at` comes to."""
        low, high = QUICK
        duration = low + (high - low) * chance(run.pair.hash, at, "duration") ** 2
        if effect is None or effect.reason is None:
            duration += SLOW if effect else 0.0
            phases = self._phases(run.pair.endpoint.kind, duration)
            samples = self._samples(run.pair, phases, None)
            return Result(True, None, "", at, duration, phases, samples, attempt=run.number)
        if effect.reason is Reason.TIMEOUT:
            duration = run.pair.endpoint.timeout
        phases = {"connect": duration}
        samples = self._samples(run.pair, phases, effect.reason)
        message = f"{run.pair.endpoint.name}: {_MESSAGES[effect.reason]}"
        return Result(False, effect.reason, message, at, duration, phases, samples, attempt=run.number)

    @staticmethod
    def _phases(kind: str, duration: float) -> dict[str, float]:
        parts = _PARTS if kind == "http" else {name: _PARTS[name] for name in ("resolve", "connect", "tls")}
        whole = sum(parts.values())
        return {name: duration * part / whole for name, part in parts.items()}

    def _samples(self, pair: Pair, phases: Mapping[str, float], reason: Reason | None) -> dict[SampleKey, float]:
        answered = reason is None or reason in _STATUS
        samples: dict[SampleKey, float] = {"probe_ip_protocol": 4.0, "probe_failed_due_to_regex": reason is Reason.BODY}
        if answered:
            samples["probe_tcp_round_trip_seconds"] = phases.get("connect", 0.0)
            samples["probe_tcp_retransmits"] = 0.0
        if answered and _secure(pair):
            samples["probe_ssl_earliest_cert_expiry"] = self._expiry
            samples["probe_tls_version_info", "TLS 1.3"] = 1.0
        if pair.endpoint.kind == "http":
            samples |= self._http(pair, phases, reason)
        return samples

    @staticmethod
    def _http(pair: Pair, phases: Mapping[str, float], reason: Reason | None) -> dict[SampleKey, float]:
        status = float(_valid_status(pair.endpoint.options)) if reason is None else _STATUS.get(reason, 0.0)
        timed: dict[SampleKey, float] = {
            ("probe_http_duration_seconds", name): phases.get(name, 0.0) for name in _PARTS
        }
        return {
            **timed,
            "probe_http_status_code": status,
            "probe_http_version": 2.0 if status else 0.0,
            "probe_http_ssl": _secure(pair),
            "probe_http_redirects": 0.0,
        }


def _witnesses(pair: Pair) -> int:
    """Of strangers all say the same."""
    if not kinds.is_metered(pair.region.kind):
        return 1
    found: int = kinds.module("regions", pair.region.kind).cost(pair.endpoint, pair.region.options)
    return found


def _secure(pair: Pair) -> bool:
    endpoint = pair.endpoint
    return endpoint.target.startswith("https:") or bool(getattr(endpoint.options, "tls", False))


def _valid_status(options: Any) -> int:
    """The first that the endpoint takes for healthy."""
    return options.valid_status_codes[0].start if options.valid_status_codes else 200
