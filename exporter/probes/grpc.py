"""gRPC: one call of the health checking protocol, grpc.health.v1.Health/Check (grpc/doc/health-checking.md).

Options, metrics and statuses are those of blackbox_exporter's grpc prober. The target is `host:port`; without a port
80, or 443 with `tls`. A scheme in front is passed over and does not switch TLS on, as there.

A status that is not OK is `status` (a service that the server does not know is NOT_FOUND), an answer that is OK but not
SERVING is `body`; what is no gRPC is `protocol`, and a TLS server that does not agree on `h2` by ALPN is `tls`.
The deadline travels along as `grpc-timeout`. Where a call failed before there was a status, `probe_grpc_status_code`
is what gRPC's own clients say: UNAVAILABLE (14), DEADLINE_EXCEEDED (4). It is 0 when the name did not resolve, because
blackbox_exporter has it so: look at `probe_success` first. Phases: resolve, connect, tls, processing, transfer.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from exporter import USER_AGENT
from exporter import net as network
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Attempt, Stream, health
from exporter.net.grpc import CallError, Code, call, framed
from exporter.net.message import Request
from exporter.options import IPProtocol, Parsed, TLSConfig

_PATH = "/grpc.health.v1.Health/Check"
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
"""HealthCheckResponse.ServingStatus, by number."""

_PHASES = {"resolve": ("resolve",), "check": ("connect", "tls", "processing", "transfer")}
"""blackbox_exporter's phases, and which of ours each covers."""

_LONGEST_TIMEOUT = 99_999_999  # eight digits are what the field may have

_NOT_SHOWN = frozenset({"probe_tls_cipher_info", "probe_ssl_last_chain_expiry_timestamp_seconds"})

FAMILIES = (
    Family("probe_grpc_duration_seconds", "How long each phase took.", ("phase",)),
    Family("probe_grpc_ssl", "Whether the answer came over TLS."),
    Family("probe_grpc_status_code", "The status of the call, 0 for OK."),
    Family("probe_grpc_healthcheck_response", "What the health service said, 1 for it.", ("serving_status",)),
    *network.FAMILIES,
    *(family for family in network.TLS_FAMILIES if family.name not in _NOT_SHOWN),
)


def _parse_key(found: Any, folder: Path = Path()) -> str:
    if not isinstance(found, str) or not re.fullmatch(r"[0-9a-z_.-]+", found):
        raise ValueError(f"{found!r} is not a key of gRPC metadata; it has lower-case letters, digits and _ . -")
    return found


def _parse_value(found: Any, folder: Path = Path()) -> str:
    if not isinstance(found, str | int | float) or isinstance(found, bool):
        raise ValueError(f"{found!r} is not a value of gRPC metadata: a text, in quotes")
    return str(found)


MetadataKey = Annotated[str, Parsed(_parse_key, {"type": "string", "pattern": "^[0-9a-z_.-]+$"})]
MetadataValue = Annotated[str, Parsed(_parse_value, {"type": ["string", "number"]})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys. Keys of `metadata` that gRPC keeps for itself are not sent, as there."""

    service: str = ""
    tls: bool = False
    tls_config: TLSConfig = TLSConfig()
    metadata: Mapping[MetadataKey, tuple[MetadataValue, ...]] = field(default_factory=dict, hash=False)
    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True

    def __post_init__(self) -> None:
        for key, values in self.metadata.items():
            if not key.endswith("-bin") and not all(value.isascii() and value.isprintable() for value in values):
                raise ValueError(f"metadata: {key} must be one line of ASCII; the key of anything else ends in -bin")


def check_target(target: str) -> None:
    """ValueError unless `target` is `host` or `host:port`, an IPv6 address in brackets."""
    split_target(target, 80)


def split_target(target: str, default: int) -> tuple[str, int]:
    """Host and port."""
    match = re.fullmatch(r"(?:https?://)?(?:\[([0-9a-fA-F:.%\w]+)\]|([^\[\]:/@\s]+))(?::(\d{1,5}))?(?:/.*)?", target)
    if not match or (match[3] and not 1 <= int(match[3]) <= 65535):
        raise ValueError(f"{target!r} is not host:port; write example.org:443 or [2001:db8::1]:443")
    return match[1] or match[2], int(match[3] or default)


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Ask once, and judge the answer."""
    host, port = split_target(endpoint.target, 443 if options.tls else 80)
    net.samples |= {"probe_grpc_ssl": 0.0, "probe_grpc_status_code": float(Code.OK)}
    try:
        addresses: list[str] = []
        if net.route is None:
            addresses = await net.resolve(host, options.preferred_ip_protocol, options.ip_protocol_fallback)
        serving = await _check(net, options, host, port, addresses[:1])
    finally:
        net.end()
        for phase, covered in _PHASES.items():
            if phase == "resolve" or not net.phases.keys().isdisjoint(covered):
                net.samples["probe_grpc_duration_seconds", phase] = sum(net.phases.get(name, 0.0) for name in covered)
    if serving != "SERVING":
        raise ProbeError(Reason.BODY, f"{endpoint.target} says {serving}")
    return net.result()


async def _check(net: Attempt, options: Options, host: str, port: int, addresses: list[str]) -> str:
    """What the health service says, noted."""
    samples = net.samples
    samples |= {("probe_grpc_healthcheck_response", status): 0.0 for status in _STATUSES}
    samples["probe_grpc_status_code"] = float(Code.DEADLINE_EXCEEDED)  # what it is if the time ends here
    try:
        async with await net.dial(host, port, addresses) as stream:
            message = await _ask(net, stream, options, host, port)
        serving = _serving(message)
    except CallError as error:
        samples["probe_grpc_status_code"] = float(error.code)
        raise
    except ProbeError:
        samples["probe_grpc_status_code"] = float(Code.UNAVAILABLE)
        raise
    samples["probe_grpc_status_code"] = float(Code.OK)
    samples["probe_grpc_ssl"] = float(options.tls)
    samples["probe_grpc_healthcheck_response", serving] = 1.0
    return serving


async def _ask(net: Attempt, stream: Stream, options: Options, host: str, port: int) -> bytes:
    try:
        if options.tls:
            await _secure(net, stream, options, host)
        return await call(stream, net, _request(net, options, host, port))
    finally:
        net.note_stream(stream)


async def _secure(net: Attempt, stream: Stream, options: Options, host: str) -> None:
    try:
        await net.secure(stream, options.tls_config, host, ("h2",))
    finally:
        for key in [key for key in net.samples if key in _NOT_SHOWN or key[0] in _NOT_SHOWN]:
            del net.samples[key]
    if stream.tls is None or stream.tls.selected_alpn_protocol() != "h2":
        raise ProbeError(Reason.TLS, f"{stream.peer} does not agree on h2 by ALPN, without which there is no gRPC")


def _request(net: Attempt, options: Options, host: str, port: int) -> Request:
    bare = f"[{host}]" if ":" in host else host
    # With TLS the server is named as its certificate is, as grpc-go does.
    authority = (options.tls_config.server_name or bare) if options.tls else f"{bare}:{port}"
    left = max(1, int((net.deadline - net.clock.monotonic()) * 1000))
    headers = (
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", USER_AGENT),
        ("grpc-timeout", f"{min(left, _LONGEST_TIMEOUT)}m"),
        *_metadata(options.metadata),
    )
    body = framed(health.request(options.service))
    return Request("POST", "https" if options.tls else "http", authority, _PATH, headers, body)


def _metadata(metadata: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for key, values in metadata.items():
        if key.startswith("grpc-") or key in ("content-type", "te", "user-agent"):
            continue
        for value in values:
            binary = key.endswith("-bin")
            yield key, base64.b64encode(value.encode()).decode().rstrip("=") if binary else value


def _serving(message: bytes) -> str:
    try:
        number = health.serving_status(message)
    except ValueError as error:
        text = f"the answer is no HealthCheckResponse: {error}"
        raise CallError(Reason.PROTOCOL, Code.INTERNAL, text) from error
    return _STATUSES[number] if 0 <= number < len(_STATUSES) else str(number)
