"""What each probe of a stranger found, judged by an endpoint's own options.

Globalping's results of http, dns and ping (https://globalping.io/docs/api.globalping.io):

| it found | says |
|---|---|
| what the endpoint must answer | good |
| anything else, or the target or its name fails | a reason, as a probe of ours would give it |
| a bot wall | `blocked`: no vote |
| itself failing (`internal`), offline, not ready in time, or nobody's fault that is told | `vantage`: no vote |
| a redirect that the endpoint would follow, which Globalping does not | `vantage`: no vote |
| the beginning of a body, where an assertion needs the rest | `vantage`: no vote |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exporter.assertions import (
    body_fault,
    described,
    header_fault,
    json_fault,
    status_fault,
    wall_in_body,
    wall_in_head,
)
from exporter.assertions.expressions import expression_fault
from exporter.assertions.records import record_fault
from exporter.model import NOT_THE_SERVICE, Endpoint, Reason, SampleKey
from exporter.strangers.asking import by_http2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PHASES = {"dns": "resolve", "tcp": "connect", "tls": "tls", "firstByte": "processing", "download": "transfer"}
_SPOKEN = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
_SHOWN = 200
"""Characters of what a probe says that a sentence quotes."""

# What a failed test says, in lower case, by the words of Node.js, ping and dig.
_WORDS = (
    (Reason.RESOLVE, ("enotfound", "eai_again", "nxdomain", "servfail", "getaddrinfo", "not known", "resolve")),
    (Reason.TLS, ("certificate", "ssl", "tls", "handshake")),
    (Reason.TIMEOUT, ("timeout", "timed out", "etimedout")),
    (Reason.CONNECT, ("econnrefused", "econnreset", "ehostunreach", "enetunreach", "refused", "reset", "unreachable")),
    (Reason.PROTOCOL, ("hpe_", "parse error", "socket hang up", "protocol")),
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one probe says: good without a `reason`. `phases` are in seconds, `samples` the endpoint's families."""

    who: str
    reason: Reason | None
    said: str
    phases: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[SampleKey, float] = field(default_factory=dict)

    @property
    def votes(self) -> bool:
        return self.reason not in NOT_THE_SERVICE


def opinions(endpoint: Endpoint, results: Iterable[Any]) -> list[Opinion]:
    """Of each entry of a measurement's `results`, by the options of `endpoint`."""
    return [_opinion(endpoint, _mapping(entry)) for entry in results]


def _opinion(endpoint: Endpoint, entry: Mapping[str, Any]) -> Opinion:
    who, result = _who(_mapping(entry.get("probe"))), _mapping(entry.get("result"))
    status = result.get("status")
    if status == "failed":
        return _failed(who, result)
    if status != "finished":
        return Opinion(who, Reason.VANTAGE, "it is offline" if status == "offline" else "it was not ready in time")
    return _JUDGES[endpoint.kind](endpoint, who, result)


def _who(probe: Mapping[str, Any]) -> str:
    places = [str(probe[key]) for key in ("city", "country") if probe.get(key)]
    network = f"{probe.get('network') or 'an unnamed network'} (AS{probe['asn']})" if probe.get("asn") else ""
    return ", ".join(filter(None, (*places, network))) or "a probe that does not say where it is"


def _failed(who: str, result: Mapping[str, Any]) -> Opinion:
    said = " ".join(str(result.get("rawOutput") or "it does not say why").split())[:_SHOWN]
    source = result.get("failureSource")
    told = next((reason for reason, words in _WORDS if any(word in said.lower() for word in words)), None)
    if source == "resolver":
        return Opinion(who, Reason.RESOLVE, said)
    if source == "target":
        return Opinion(who, told or Reason.CONNECT, said)
    # Of a failure that is nobody's, its words may say that the target is to blame.
    return Opinion(who, (told if source is None else None) or Reason.VANTAGE, said)


def _http(endpoint: Endpoint, who: str, result: Mapping[str, Any]) -> Opinion:
    phases = _timings(result)
    found = ((reason, fault) for reason, fault in _faults(endpoint, result) if fault is not None)
    reason, said = next(found, (None, ""))
    samples = _http_samples(endpoint, result, phases)
    samples["probe_failed_due_to_regex"] = float(reason is Reason.BODY and '"' in said)
    return Opinion(who, reason, said or f"status {result.get('statusCode')}", phases, samples)


class _Head:
    """A result's headers, as assertions ask for them."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._values = {str(name).lower(): value for name, value in found.items()}

    def every(self, name: bytes) -> list[str]:
        value = self._values.get(name.decode(), [])
        return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _faults(endpoint: Endpoint, result: Mapping[str, Any]) -> Iterator[tuple[Reason, str | None]]:
    """What is wrong with an answer, in the order in which our own prober judges it."""
    options = endpoint.options
    head, body = _Head(_mapping(result.get("headers"))), str(result.get("rawBody") or "").encode()
    status = result.get("statusCode")
    if not isinstance(status, int):
        yield Reason.VANTAGE, "its result has no status"
        return
    yield Reason.TLS, _tls_fault(options, _mapping(result.get("tls")))
    if options.follows and status in _REDIRECTS and head.every(b"location"):
        yield Reason.VANTAGE, f"it is redirected (status {status}), which Globalping does not follow"
    yield Reason.BLOCKED, wall_in_head(options.blocked, options.valid_status_codes, status, head)
    yield Reason.BLOCKED, wall_in_body(options.blocked, body)
    yield Reason.STATUS, status_fault(status, options.valid_status_codes)
    yield Reason.BODY, header_fault(head, options.fail_if_header_matches, options.fail_if_header_not_matches)
    yield Reason.BODY, body_fault(body, options.fail_if_body_matches_regexp, ())
    yield from _of_whole(options, body, bool(result.get("truncated")))


def _of_whole(options: Any, body: bytes, cut: bool) -> Iterator[tuple[Reason, str | None]]:
    """What needs the body to its end: of its beginning, only what is found there is proven."""
    unproven = Reason.VANTAGE if cut else Reason.BODY
    yield unproven, _cut(cut, body_fault(body, (), options.fail_if_body_not_matches_regexp))
    if cut and options.fail_if_body_matches_regexp:
        yield Reason.VANTAGE, "it has the beginning of the body alone, and what must not be there may follow"
    yield unproven, _cut(cut, json_fault(body, options.fail_if_json_matches, options.fail_if_json_not_matches))
    forbidden, wanted = options.fail_if_body_json_matches_cel, options.fail_if_body_json_not_matches_cel
    if forbidden or wanted:
        yield unproven, _cut(cut, expression_fault(body, forbidden, wanted, described(body)))


def _cut(cut: bool, fault: str | None) -> str | None:
    return f"it has the beginning of the body alone: {fault}" if cut and fault else fault


def _tls_fault(options: Any, tls: Mapping[str, Any]) -> str | None:
    if tls.get("authorized") is not False or options.tls_config.insecure_skip_verify:
        return None
    return f"the certificate is not trusted: {str(tls.get('error') or 'no reason is given')[:_SHOWN]}"


def _http_samples(endpoint: Endpoint, result: Mapping[str, Any], phases: Mapping[str, float]) -> dict[SampleKey, float]:
    tls = _mapping(result.get("tls"))
    samples: dict[SampleKey, float] = {
        ("probe_http_duration_seconds", name): phases.get(name, 0.0) for name in _PHASES.values()
    }
    samples |= {
        "probe_http_status_code": float(_number(result.get("statusCode")) or 0),
        "probe_http_ssl": float(endpoint.target.startswith("https:")),
        "probe_http_version": 2.0 if by_http2(endpoint) else 1.1,
        "probe_http_redirects": 0.0,
    }
    if isinstance(address := result.get("resolvedAddress"), str):
        samples["probe_ip_protocol"] = 6.0 if ":" in address else 4.0
    if spoken := _SPOKEN.get(str(tls.get("protocol"))):
        samples["probe_tls_version_info", spoken] = 1.0
    if (ends := _unix_seconds(tls.get("expiresAt"))) is not None:
        samples["probe_ssl_earliest_cert_expiry"] = ends
    return samples


def _dns(endpoint: Endpoint, who: str, result: Mapping[str, Any]) -> Opinion:
    code, took = str(result.get("statusCodeName") or ""), _number(_mapping(result.get("timings")).get("total")) or 0.0
    answers = result.get("answers")
    lines = [_line(_mapping(answer)) for answer in answers] if isinstance(answers, list) else []
    samples: dict[SampleKey, float] = {
        "probe_dns_query_succeeded": 1.0,
        "probe_dns_answer_rrs": float(len(lines)),
        ("probe_dns_duration_seconds", "request"): took / 1000,
    }
    valid = [name.upper() for name in endpoint.options.valid_rcodes]
    if code.upper() not in valid:
        said = f"the server answered {code or 'nothing'}, wanted {' or '.join(valid)}"
        return Opinion(who, Reason.STATUS, said, {"request": took / 1000}, samples)
    fault = record_fault("answer", endpoint.options.validate_answer_rrs, lines)
    return Opinion(who, Reason.BODY if fault else None, fault or code, {"request": took / 1000}, samples)


def _line(answer: Mapping[str, Any]) -> str:
    """As our own prober writes a record."""
    return "\t".join(str(answer.get(name, "")) for name in ("name", "ttl", "class", "type", "value"))


def _ping(endpoint: Endpoint, who: str, result: Mapping[str, Any]) -> Opinion:
    stats = _mapping(result.get("stats"))
    if not _number(stats.get("rcv")):
        return Opinion(who, Reason.TIMEOUT, f"none of {stats.get('total') or 'its'} echoes came back")
    took = (_number(stats.get("avg")) or 0.0) / 1000
    return Opinion(who, None, f"{took * 1000:.0f} ms", {"rtt": took}, {("probe_icmp_duration_seconds", "rtt"): took})


_JUDGES: Mapping[str, Callable[[Endpoint, str, Mapping[str, Any]], Opinion]] = {
    "http": _http,
    "dns": _dns,
    "icmp": _ping,
}


def _timings(result: Mapping[str, Any]) -> dict[str, float]:
    found = _mapping(result.get("timings"))
    timed = {phase: _number(found.get(name)) for name, phase in _PHASES.items()}
    return {phase: value / 1000 for phase, value in timed.items() if value is not None}


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _number(found: Any) -> float | None:
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _unix_seconds(found: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(found)).timestamp()
    except ValueError:
        return None
