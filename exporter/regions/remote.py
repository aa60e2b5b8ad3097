"""Another prober: a `/probe` as blackbox_exporter has it, that program's or this one's, asked from wherever it runs.

What is probed, and what an answer must hold, is said by the module there: of the endpoint its target and its time are
sent, its own block of options is not used. `modules` says which module probes what, by kind or for one endpoint as
`service/endpoint`; else it is that of blackbox_exporter's example (`http_2xx`, `tcp_connect`, `icmp`, `grpc`).

Why a probe failed is what the remote says (`probe_failure_info`, which this program adds), else what follows from its
metrics (`deduction`). That the remote cannot be asked, does not want to answer, or answers something that is no probe
is `vantage`. Messages are public: they do not say where the remote is, facts do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from exporter import kinds
from exporter.client import Authorization, BasicAuth, ClientConfig, HeaderName, HeaderSources, OAuth2, ProxyConfig
from exporter.client.tokens import authorize, forget
from exporter.deduction import Seen, deduce
from exporter.errors import ProbeError
from exporter.exchange import Reply, exchange, unasked
from exporter.exposition import ALONE, Page, parse
from exporter.model import Endpoint, Family, Probe, Reason, Result, SampleKey
from exporter.net import Attempt
from exporter.net.target import parse_target
from exporter.options import File, Parsed, SecretText, TLSConfig

_MODULES = MappingProxyType({"http": "http_2xx", "tcp": "tcp_connect", "icmp": "icmp", "grpc": "grpc"})
_OFFSET = 0.5
"""Seconds that blackbox_exporter takes off what it is given, unless its `--timeout-offset` says otherwise."""

_NEARLY = 0.1
"""Seconds before the end of its time at which a probe has used it up."""

_LIMIT = 1 << 20  # bytes of a page
_SAMPLES = 500  # a probe has some thirty
_SAID = 200  # characters of what a remote says
_REST = "rest"
"""The phase of what the remote's phases leave of its duration."""

_REASONS = frozenset(reason.value for reason in Reason)
_HINTS = MappingProxyType(
    {
        301: ", it has moved",
        302: ", it has moved",
        307: ", it has moved",
        308: ", it has moved",
        401: ", it wants other credentials",
        403: ", it does not want us",
        404: ", there is no /probe",
        429: ", it is asked too often",
    }
)


def _parse_url(found: Any, folder: Path = Path()) -> str:
    if not isinstance(found, str) or not found.startswith(("http://", "https://")):
        raise ValueError(f"{found!r} is not a URL; write http:// or https://, a host and a path")
    parse_target(found)
    if urlsplit(found).path in ("", "/"):
        raise ValueError(f"{found!r} has no path; a prober's is mostly {found.rstrip('/')}/probe")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(ProxyConfig):
    """Where the remote is, which module probes what, and by which of a client's keys it is asked."""

    url: Annotated[str, Parsed(_parse_url, {"type": "string", "format": "uri"})]
    modules: Mapping[str, str] = field(default_factory=dict, hash=False)
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: SecretText | None = None
    bearer_token_file: File | None = None
    tls_config: TLSConfig = TLSConfig()
    enable_http2: bool = True
    http_headers: Mapping[HeaderName, HeaderSources] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        self.client()  # its mistakes are ours
        known = kinds.names("probes")
        for name in self.modules:
            if "/" not in name and name not in known:
                raise ValueError(f"modules: {name!r} is neither a kind ({', '.join(known)}) nor service/endpoint")

    def client(self) -> ClientConfig:
        """How the remote is asked."""
        keys = (key.name for key in fields(ClientConfig) if key.name != "follow_redirects")
        return ClientConfig(**{key: getattr(self, key) for key in keys})

    def module(self, endpoint: Endpoint) -> str | None:
        """The module there for `endpoint`, None when nothing says which."""
        own = self.modules.get(f"{endpoint.service}/{endpoint.name}")
        return own or self.modules.get(endpoint.kind) or _MODULES.get(endpoint.kind)


def faults(options: Options, endpoints: Iterable[Endpoint]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Endpoints without time or a module, and modules of no endpoint, as (route within the region, sentence)."""
    names = {f"{endpoint.service}/{endpoint.name}": endpoint for endpoint in endpoints}
    for name, endpoint in names.items():
        if endpoint.timeout <= _OFFSET:
            said = f"{name} has a timeout of {endpoint.timeout:g}s"
            yield (), f"{said}, of which a prober takes {_OFFSET}s off for the way"
        if options.module(endpoint) is None:
            said = f"modules says none for {endpoint.kind}, the kind of {name}"
            yield (), f"{said}; add `{endpoint.kind}: MODULE`, or `{name}: MODULE`"
    for name in options.modules:
        if "/" in name and name not in names:
            yield ("modules", name), f"{name} is no endpoint that runs in this region; write service/endpoint"


async def run(endpoint: Endpoint, probe: Probe, options: Options, net: Attempt) -> Result:
    """What the remote says of the target."""
    module = options.module(endpoint) or ""
    net.facts |= {"remote": options.url, "module": module}
    net.enter("asking", "waiting for the remote prober", Reason.VANTAGE)
    given = net.deadline - net.clock.monotonic()
    page = _read(await _ask(endpoint, module, options, net, given), net)
    net.end()
    net.facts["asked for"] = f"{sum(net.phases.values()):.3f} s"
    return _result(endpoint, page, net, given)


async def _ask(endpoint: Endpoint, module: str, options: Options, net: Attempt, given: float) -> Reply:
    separator = "&" if urlsplit(options.url).query else "?"
    url = f"{options.url}{separator}{urlencode({'target': endpoint.target, 'module': module})}"
    headers = {"Accept": "text/plain;version=0.0.4", "X-Prometheus-Scrape-Timeout-Seconds": f"{given:.3f}"}
    try:
        if options.oauth2:
            headers["Authorization"] = await authorize(net.aside(), options.oauth2)
        reply = await exchange(net.aside(), "GET", url, options.client(), headers, limit=_LIMIT)
    except ProbeError as error:
        net.facts["failed"] = str(error)
        raise ProbeError(Reason.VANTAGE, f"the remote prober cannot be asked: {unasked(error)}") from error
    if reply.status == 401 and options.oauth2:
        forget(options.oauth2)
    return reply


def _read(reply: Reply, net: Attempt) -> Page:
    """The page that the remote answers; ProbeError `vantage` when it is not that of a probe."""
    if reply.status != 200:
        raise ProbeError(Reason.VANTAGE, f"the remote prober answers status {reply.status}{_because(reply)}")
    if not reply.whole:
        raise ProbeError(Reason.VANTAGE, f"the remote prober answers more than {_LIMIT >> 20} MB")
    try:
        page = parse(reply.body.decode())
    except ValueError as error:
        net.facts["failed"] = f"its page cannot be read: {error}"
        raise ProbeError(Reason.VANTAGE, "the remote prober answers something that is no page of metrics") from error
    if sum(map(len, page.values())) > _SAMPLES:
        raise ProbeError(Reason.VANTAGE, f"the remote prober answers more than {_SAMPLES} samples")
    for name in ("probe_success", "probe_duration_seconds"):
        if not 0 <= page.get(name, {}).get(ALONE, math.nan) < math.inf:
            raise ProbeError(Reason.VANTAGE, f"the remote prober answers without {name}")
    return page


def _because(reply: Reply) -> str:
    plain = reply.headers.get("content-type", "").startswith("text/plain")
    lines = reply.body.decode("utf-8", "replace").splitlines() if plain else []
    said = next((line.strip() for line in lines if line.strip()), "")
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in said[:_SAID])
    return f"{_HINTS.get(reply.status, '')}: {shown}" if shown else _HINTS.get(reply.status, "")


def _result(endpoint: Endpoint, page: Page, net: Attempt, given: float) -> Result:
    duration = page["probe_duration_seconds"][ALONE]
    phases = _phases(endpoint.kind, page)
    if (rest := duration - sum(phases.values())) > 0:
        phases[_REST] = rest
    ok = page["probe_success"][ALONE] == 1
    allowed = page.get("probe_timeout_seconds", {}).get(ALONE, given - _OFFSET)
    seen = Seen(page, duration, late=duration >= allowed - _NEARLY)
    reason, message = (None, "") if ok else _why(endpoint.kind, seen)
    return Result(
        ok=ok,
        reason=reason,
        message=message,
        started=net.started,
        duration=sum(phases.values()),
        phases=phases,
        samples=dict(_samples(endpoint, page)),
        facts=net.facts,
    )


def _phases(kind: str, page: Page) -> dict[str, float]:
    """In seconds; where the kind has none by name, how long resolving took."""
    found = {
        dict(labels).get("phase", ""): seconds
        for labels, seconds in page.get(f"probe_{kind}_duration_seconds", {}).items()
    }
    found = found or {"resolve": page.get("probe_dns_lookup_time_seconds", {}).get(ALONE, 0.0)}
    return {phase: seconds for phase, seconds in found.items() if math.isfinite(seconds) and seconds >= 0}


def _why(kind: str, seen: Seen) -> tuple[Reason, str]:
    for labels in seen.page.get("probe_failure_info", {}):
        said = dict(labels).get("reason", "")
        if said in _REASONS:
            return Reason(said), f"the remote prober says that it fails by {said}"
    reason, sentence = deduce(kind, seen)
    return reason, f"{sentence}, as far as the remote prober says"


def _samples(endpoint: Endpoint, page: Page) -> Iterator[tuple[SampleKey, float]]:
    """Those of the kind's families; a label that an older remote does not know is empty."""
    kind = kinds.module("probes", endpoint.kind)
    families: Iterable[Family] = kind.families(endpoint.options) if hasattr(kind, "families") else kind.FAMILIES
    for family in families:
        for labels, value in page.get(family.name, {}).items():
            said = dict(labels)
            if said.keys() <= set(family.labels):
                values = tuple(said.get(label, "") for label in family.labels)
                yield (family.name, *values) if values else family.name, value
