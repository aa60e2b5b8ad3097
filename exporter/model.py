"""The words of this program, one meaning each (see the table in README.md), as frozen values.

Nothing here does I/O or knows a clock. Times called `..._at` or `started` are unix seconds,
durations are seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

CONTROLS = "controls"
"""The service name under which control endpoints are probed and exposed."""

OBJECTIVE = 0.995
"""The share of good probes that a service promises when its configuration does not say."""

GLOBALPING = "https://api.globalping.io"
"""Where its API is."""

Buckets = bool | Literal["phases"]
"""Which durations are counted in buckets: none, those of attempts, or those of each phase of HTTP too."""


class Reason(StrEnum):
    """Why a probe failed: a closed set, so that it can be a label."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    BODY = "body"
    PROTOCOL = "protocol"
    BLOCKED = "blocked"
    VANTAGE = "vantage"
    INTERNAL = "internal"


NOT_THE_SERVICE = frozenset({Reason.BLOCKED, Reason.VANTAGE, Reason.INTERNAL})
"""Failures that say nothing about the service: they never count against it."""


class State(StrEnum):
    """Of a feature in a region."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """What probably stands behind an outage."""

    TECHNICAL = "technical"
    OVERLOAD = "overload"
    UPSTREAM = "upstream"
    ATTACK = "attack suspected"
    BLOCKED = "blocked"
    OWN_LINE = "own line"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a verdict is; its sentence says why."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Answer(StrEnum):
    """The verdict's one word."""

    UP = "up"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family that a kind exposes; `labels` are those beside service, feature, endpoint and region."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


SampleKey = str | tuple[str, ...]
"""A family's name, or (name, label value, ...) in the order of `Family.labels`."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a region is, in degrees."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be probed, with what it must answer.

    `target` is a URL for http and websocket, `host:port` for tcp and grpc, a path for unix, a server for
    dns and icmp. `options` is the kind's own `Options`. `interval`, `timeout` and `degraded_above` are seconds.
    """

    service: str
    feature: str
    name: str
    kind: str
    target: str
    options: Any
    interval: float
    timeout: float
    degraded_above: float | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """Where a probe runs or leaves the network; `options` is the region kind's own `Options`.

    `country` is ISO 3166-1 alpha-2, in capitals, None when unsaid.
    """

    name: str
    kind: str
    options: Any
    location: Location | None = None
    country: str | None = None


PairKey = tuple[str, str, str]
"""(service, endpoint, region): endpoint names are unique within a service."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a schedule entry runs: one endpoint in one region."""

    endpoint: Endpoint
    region: Region

    @property
    def key(self) -> PairKey:
        return (self.endpoint.service, self.endpoint.name, self.region.name)

    @property
    def hash(self) -> int:
        """64 bits that depend on the names alone: the same on every machine and after every restart."""
        return int.from_bytes(hashlib.blake2b("/".join(self.key).encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attempt.

    `attempt` is 0 for a scheduled run, 1 and 2 for the confirmations that follow a failure; `witnesses` is how many
    attempts of their own, by probes that know nothing of one another, it speaks for.
    `phases` are consecutive: their sum is `duration`. `samples` are the kind's families.
    `facts` are for a person: address, hops, certificate, what was found instead.
    """

    ok: bool
    reason: Reason | None
    message: str
    started: float
    duration: float
    phases: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[SampleKey, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 0
    witnesses: int = 1


Probe = Callable[..., Awaitable[Result]]
"""`probe(endpoint, options, net) -> Result`, where `net` is a `net.Attempt`."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a person does with a service; a service is down when all its core features are."""

    name: str
    core: bool
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """What people ask about.

    `alternatives` are names of services that people can use meanwhile; `objective` is the share of probes, between
    0 and 1, that should be good over 30 days. `upstreams` are what it runs on, `signal` or `signal:location`;
    `expected_blocked` the countries (ISO 3166-1 alpha-2, in capitals) where it is known to be blocked; `complaints`
    patterns in RE2's syntax of what people write when it is down. `support` is the URL where its owner helps;
    `browser_checks` are URLs that a visitor's own browser asks: that any of them answers says that it is reached.
    """

    name: str
    title: str
    features: tuple[Feature, ...]
    alternatives: tuple[str, ...] = ()
    objective: float = OBJECTIVE
    upstreams: tuple[str, ...] = ()
    expected_blocked: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    support: str = ""
    browser_checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """Other evidence; `options` is the signal kind's own `Options`, `interval` seconds between two reads.

    `services` are names of those that its readings are about; `title` is what people call it, empty when its name
    must do.
    """

    name: str
    kind: str
    options: Any
    interval: float
    services: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Module:
    """An entry of a blackbox_exporter's module file: how `/probe` probes the targets that name it.

    `options` is the kind's own `Options`; `timeout` is seconds, 0 when unsaid; `shown` is its YAML with secrets as
    `<secret>`.
    """

    name: str
    kind: str
    options: Any
    timeout: float = 0.0
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """What Globalping may be asked for, and how.

    `token` is of an account, or in `token_file`; `url` is where its API is. `ledger` is the file in which tests are
    counted, None for nowhere.
    """

    tests_per_hour: int = 0
    token: str | None = None
    token_file: str | None = None
    url: str = GLOBALPING
    ledger: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How this machine reaches the network; the empty value is the system's own resolver and CAs.

    `nameservers` are `address` or `address:port`; `ca_file` is trusted instead of the system's
    store; `allow` and `deny` are networks in CIDR notation, checked after resolution.
    """

    nameservers: tuple[str, ...] = ()
    ca_file: str | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    quota: Quota = Quota()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a configuration says, validated. `shown` is the merged YAML with secrets as `<secret>`.

    `browser_controls` are somebody else's URLs that a visitor's browser asks beside a service's `browser_checks`.
    """

    services: tuple[Service, ...]
    controls: tuple[Endpoint, ...]
    regions: tuple[Region, ...]
    pairs: tuple[Pair, ...]
    network: NetworkOptions = NetworkOptions()
    signals: tuple[Signal, ...] = ()
    histograms: Buckets = True
    shown: str = ""
    browser_controls: tuple[str, ...] = ()

    @property
    def alternatives(self) -> frozenset[str]:
        """Names of the services that are there as somebody's alternative: nobody is paged for one."""
        return frozenset(name for service in self.services for name in service.alternatives)

    def service(self, name: str) -> Service:
        """KeyError when none of that name is configured."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class PastOutage:
    """An outage that is documented. `dated`: a source gives its times; else they are assumed.

    `probes_see_it` is whether probes from outside could have seen it, and `reason` how they would have failed.
    `reports` is the most that people reported in a quarter of an hour, None when no source counted. `upstream` is where
    its provider's page had an incident open, `signal:location`, empty when it had none or nobody knows; `blocked_in` is
    the country that shut it out (ISO 3166-1 alpha-2, in capitals), empty for none.
    """

    name: str
    start: float
    end: float
    dated: bool
    scope: str
    features: tuple[str, ...]
    cause: str
    probes_see_it: Literal["yes", "partly", "no", "unknown"]
    reason: Reason | None
    reports: int | None
    corroborated: bool
    source: str
    upstream: str = ""
    blocked_in: str = ""
