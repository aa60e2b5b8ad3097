"""One result as a page of its own, as `/probe` answers: blackbox_exporter's names, labels and words, all gauges.

Ours besides: `probe_failure_info`, why it failed, and the families that only our kinds have. Nothing says service,
feature, endpoint or region here: a target that somebody asks for has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from exporter import kinds
from exporter.metrics import text
from exporter.model import Family, Module, Result, SampleKey

_FAILURE = "probe_failure_info"

_HELP = MappingProxyType(
    {
        "probe_success": "Displays whether or not the probe was a success",
        "probe_duration_seconds": "Returns how long the probe took to complete in seconds",
        "probe_timeout_seconds": "Returns how long the probe was allowed to take in seconds",
        _FAILURE: "Why the probe failed",
        "probe_dns_lookup_time_seconds": "Returns the time taken for probe dns lookup in seconds",
        "probe_ip_protocol": "Specifies whether probe ip protocol is IP4 or IP6",
        "probe_ip_addr_hash": ("Specifies the hash of IP address. It's useful to detect if the IP address changes."),
        "probe_http_duration_seconds": "Duration of http request by phase, summed over all redirects",
        "probe_http_content_length": "Length of http content response",
        "probe_http_uncompressed_body_length": "Length of uncompressed response body",
        "probe_http_redirects": "The number of redirects",
        "probe_http_ssl": "Indicates if SSL was used for the final redirect",
        "probe_http_status_code": "Response HTTP status code",
        "probe_http_version": "Returns the version of HTTP of the probe response",
        "probe_http_last_modified_timestamp_seconds": "Returns the Last-Modified HTTP response header in unixtime",
        "probe_failed_due_to_regex": "Indicates if probe failed due to regex",
        "probe_failed_due_to_bytes": "Indicates if probe failed due to bytes",
        "probe_failed_due_to_cel": "Indicates if probe failed due to CEL expression not matching",
        "probe_expect_info": "Explicit content matched",
        "probe_ssl_earliest_cert_expiry": "Returns last SSL chain expiry in unixtime",
        "probe_ssl_last_chain_expiry_timestamp_seconds": "Returns last SSL chain expiry in timestamp",
        "probe_ssl_last_chain_info": "Contains SSL leaf certificate information",
        "probe_tls_version_info": "Returns the TLS version used or NaN when unknown",
        "probe_tls_cipher_info": "Returns the TLS cipher negotiated during handshake",
        "probe_dns_duration_seconds": "Duration of DNS request by phase",
        "probe_dns_answer_rrs": "Returns number of entries in the answer resource record list",
        "probe_dns_authority_rrs": "Returns number of entries in the authority resource record list",
        "probe_dns_additional_rrs": "Returns number of entries in the additional resource record list",
        "probe_dns_query_succeeded": "Displays whether or not the query was executed successfully",
        "probe_dns_serial": "Returns the serial number of the zone",
        "probe_icmp_duration_seconds": "Duration of icmp request by phase",
        "probe_icmp_reply_hop_limit": "Replied packet hop limit (TTL for ipv4)",
        "probe_grpc_duration_seconds": "Duration of gRPC request by phase",
        "probe_grpc_ssl": "Indicates if SSL was used for the connection",
        "probe_grpc_status_code": "Response gRPC status code",
        "probe_grpc_healthcheck_response": "Response HealthCheck response",
    }
)
"""As blackbox_exporter words them; what it does not have is in our words, or in the kind's."""

_ALWAYS: MappingProxyType[str, tuple[SampleKey, ...]] = MappingProxyType(
    {
        "http": (
            *("probe_failed_due_to_regex", "probe_http_content_length", "probe_http_redirects", "probe_http_ssl"),
            *("probe_http_status_code", "probe_http_uncompressed_body_length", "probe_http_version"),
            ("probe_http_duration_seconds", "resolve"),
        ),
        "tcp": ("probe_failed_due_to_regex", "probe_failed_due_to_bytes"),
        "unix": ("probe_failed_due_to_regex", "probe_failed_due_to_bytes"),
        "dns": (
            *("probe_dns_additional_rrs", "probe_dns_answer_rrs", "probe_dns_authority_rrs"),
            "probe_dns_query_succeeded",
        ),
        "icmp": tuple(("probe_icmp_duration_seconds", phase) for phase in ("resolve", "rtt", "setup")),
        "websocket": (
            *("probe_websocket_connection_upgraded", "probe_websocket_failed_due_to_regex"),
            "probe_websocket_status_code",
        ),
        "grpc": ("probe_grpc_ssl", "probe_grpc_status_code", ("probe_grpc_duration_seconds", "resolve")),
    }
)
"""What is there, as 0, even of a probe that ended before it began."""

_RESOLVED = ("probe_dns_lookup_time_seconds", "probe_ip_addr_hash", "probe_ip_protocol")
"""There as 0 when a target makes no sense, so that no series of it ends."""

_UNVERIFIED_KINDS = frozenset({"http", "tcp", "unix"})
_CHAIN_EXPIRY = "probe_ssl_last_chain_expiry_timestamp_seconds"
_YEAR_ONE = -62135596800
"""Go's time of nothing: when the last of no verified chain expires, with insecure_skip_verify."""


_LONGEST = 4096
"""Characters of the labels of a page that is remembered: a stranger's certificate has as many as it likes."""


class _Written(NamedTuple):
    """A page with %s for each value, and the order of the values in it."""

    template: str
    order: tuple[int, ...]


def page(module: Module, result: Result, timeout: float, openmetrics: bool) -> bytes:
    """The exposition of `result`, which `module` came to when it was given `timeout` seconds."""
    shown: dict[SampleKey, float] = {
        "probe_success": result.ok,
        "probe_duration_seconds": result.duration,
        "probe_timeout_seconds": timeout,
    }
    if result.reason is not None:
        shown[_FAILURE, result.reason.value] = 1.0
    shown |= result.samples
    short = sum(len(part) for key in shown if not isinstance(key, str) for part in key) <= _LONGEST
    write = _write if short else _write.__wrapped__
    written = write(module.kind, _own(module), tuple(shown), bool(result.samples), openmetrics)
    numbers = [text.number(value) for value in shown.values()]
    return text.encode(written.template % tuple([numbers[index] for index in written.order]))


@lru_cache(maxsize=1024)
def _write(kind: str, own: tuple[Family, ...], keys: tuple[SampleKey, ...], seen: bool, openmetrics: bool) -> _Written:
    """Made once for all results that have the same series: nothing but their values differs."""
    families = _families(kind) | {family.name: family for family in own}
    rows = [(_series(key, families), "%s", index) for index, key in enumerate(keys)]
    rows += [(_series(key, families), str(value), -1) for key, value in _unsaid(kind, keys, seen)]
    rows.sort(key=lambda row: row[0].name)
    template, before = "", ""
    for series, value, _ in rows:
        if series.name != before:
            template, before = template + _escaped(_header(series.name, families, openmetrics)), series.name
        template += f"{_escaped(series.text)} {value}\n"
    order = tuple(index for _, _, index in rows if index >= 0)
    return _Written(template + ("# EOF\n" if openmetrics else ""), order)


def _unsaid(kind: str, keys: Collection[SampleKey], seen: bool) -> Iterator[tuple[SampleKey, int]]:
    """What blackbox_exporter shows where there was nothing to see."""
    yield from ((key, 0) for key in _ALWAYS.get(kind, ()) if key not in keys)
    if not seen and kind != "unix":
        yield from ((key, 0) for key in _RESOLVED)
    session = any(key[0] == "probe_tls_version_info" for key in keys)
    if session and kind in _UNVERIFIED_KINDS and _CHAIN_EXPIRY not in keys:
        yield _CHAIN_EXPIRY, _YEAR_ONE


class _Series(NamedTuple):
    """Of a family; `text` is the name with its labels."""

    name: str
    text: str


def _series(key: SampleKey, families: Mapping[str, Family]) -> _Series:
    if isinstance(key, str):
        return _Series(key, key)
    name, *values = key
    labels = ("reason",) if name == _FAILURE else families[name].labels
    return _Series(name, f"{name}{{{text.labelled(**dict(zip(labels, values, strict=True)))}}}")


def _own(module: Module) -> tuple[Family, ...]:
    """Those families that a module has by its options, beside its kind's."""
    kind = kinds.module("probes", module.kind)
    found: tuple[Family, ...] = kind.families(module.options) if hasattr(kind, "families") else kind.FAMILIES
    return found[len(kind.FAMILIES) :]


@cache
def _families(kind: str) -> dict[str, Family]:
    return {family.name: family for family in kinds.module("probes", kind).FAMILIES}


def _header(name: str, families: Mapping[str, Family], openmetrics: bool) -> str:
    explained = _HELP.get(name) or families[name].help
    return text.header(name, explained, "gauge", openmetrics).decode()


def _escaped(constant: str) -> str:
    return constant.replace("%", "%%")
