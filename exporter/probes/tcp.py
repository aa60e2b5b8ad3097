"""TCP: connect, optionally TLS, then a dialogue of expect and send.

Options, labels and metrics are those of blackbox_exporter's tcp prober, its templates Go's
`Regexp.Expand`. A refused or unanswered connection is `connect`; an expectation that is not met in
time, or before the peer closes, is `body`; a connection that breaks is `protocol`. Phases: resolve,
connect, tls, dialogue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from exporter import net as network
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Attempt, Stream
from exporter.options import IPProtocol, Pattern, TLSConfig, compiled

_TAKEN = ("service", "feature", "endpoint", "region")
LINE_LIMIT = 65536
"""Bytes without a line's end after which the peer is not listened to any more."""

_REFERENCE = re.compile(rb"\$(?:(\w+)|\{(\w+)\}|(\$))")

FAMILIES = (
    Family("probe_failed_due_to_regex", "Whether an expected pattern did not come."),
    Family("probe_failed_due_to_bytes", "Whether expected bytes did not come."),
    *network.FAMILIES,
    *(family for family in network.TLS_FAMILIES if family.name != "probe_tls_cipher_info"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label of `probe_expect_info`; `value` may name the groups of the pattern as `${1}`."""

    name: str
    value: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", self.name):
            raise ValueError(f"{self.name!r} is not a label's name")
        if self.name in _TAKEN or self.name.startswith("__"):
            raise ValueError(
                f"{self.name!r} is taken; {', '.join(_TAKEN)} and names with __ in front mean something else"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the dialogue: what is expected comes first, then what is sent, then TLS."""

    expect: Pattern | None = None
    expect_bytes: str | None = None
    labels: tuple[Label, ...] = ()
    send: str | None = None
    starttls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys, and `addresses`: `one`, `any` (the next when one does not connect), `all` (each)."""

    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str | None = None
    tls: bool = False
    tls_config: TLSConfig = TLSConfig()
    query_response: tuple[Step, ...] = ()
    addresses: Literal["one", "any", "all"] = "one"


def check_target(target: str) -> None:
    """ValueError unless `target` is `host:port`, an IPv6 address in brackets."""
    split_target(target)


def split_target(target: str) -> tuple[str, int]:
    """Host and port."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^\[\]:/@\s]+)):(\d{1,5})", target)
    if not match or not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"{target!r} is not host:port; write example.org:443 or [2001:db8::1]:443")
    return match[1] or match[2], int(match[3])


def families(options: Options) -> tuple[Family, ...]:
    """FAMILIES, and `probe_expect_info` with the labels that these options give it."""
    names = [label.name for step in options.query_response for label in step.labels]
    if not names:
        return FAMILIES
    return (*FAMILIES, Family("probe_expect_info", "What the expected patterns matched.", tuple(dict.fromkeys(names))))


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Hold the dialogue with one address of the target, or with each."""
    host, port = split_target(endpoint.target)
    net.samples |= {"probe_failed_due_to_regex": 0.0, "probe_failed_due_to_bytes": 0.0}
    if net.route is not None:
        await _talk(net, options, host, port, ())
        return net.result()
    addresses = await net.resolve(host, options.preferred_ip_protocol, options.ip_protocol_fallback)
    if options.addresses == "all":
        for address in addresses:
            await _talk(net, options, host, port, (address,))
    else:
        await _talk(net, options, host, port, addresses if options.addresses == "any" else addresses[:1])
    return net.result()


async def _talk(net: Attempt, options: Options, host: str, port: int, addresses: Sequence[str]) -> None:
    async with await net.dial(host, port, addresses, options.source_ip_address) as stream:
        try:
            if options.tls:
                await _secure(net, stream, options, host)
            dialogue = _Dialogue(net, stream, options, host)
            for step in options.query_response:
                await dialogue.take(step)
        finally:
            net.note_stream(stream)


async def _secure(net: Attempt, stream: Stream, options: Options, host: str) -> None:
    try:
        await net.secure(stream, options.tls_config, host)
    finally:
        for key in [key for key in net.samples if key[0] == "probe_tls_cipher_info"]:
            del net.samples[key]


class _Dialogue:
    """The conversation on one stream, and what it has heard but not used."""

    def __init__(self, net: Attempt, stream: Stream, options: Options, host: str) -> None:
        self._net = net
        self._stream = stream
        self._options = options
        self._host = host
        self._heard = b""

    async def take(self, step: Step) -> None:
        send = (step.send or "").encode()
        if step.expect is not None:
            match = await self._expect(step.expect)
            self._note_labels(step.labels, match)
            send = expanded(send, match)
        if step.expect_bytes:
            await self._expect_bytes(step.expect_bytes.encode())
        if send:
            self._net.enter("dialogue", f"sending to {self._stream.peer}")
            await self._stream.send(send + b"\n")
        if step.starttls:
            self._heard = b""  # what came in the clear must not be taken for what comes protected
            await _secure(self._net, self._stream, self._options, self._host)

    async def _expect(self, pattern: str) -> Any:
        self._net.enter("dialogue", f"waiting for a line that matches {pattern!r}", Reason.BODY)
        while (line := await self._line()) is not None:
            match = searched(pattern, line)
            if match is not None:
                return match
            self._net.facts["last_line"] = line[:200].decode("utf-8", "replace")
        # As in blackbox_exporter, silence until the deadline does not set this one.
        self._net.samples["probe_failed_due_to_regex"] = 1.0
        raise ProbeError(Reason.BODY, f"{self._stream.peer} closed before a line that matches {pattern!r}")

    async def _line(self) -> bytes | None:
        while b"\n" not in self._heard and len(self._heard) <= LINE_LIMIT and await self._hear():
            pass
        line, newline, rest = self._heard.partition(b"\n")
        if len(line) > LINE_LIMIT:
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent a line of more than {LINE_LIMIT} bytes")
        self._heard = rest
        return line.removesuffix(b"\r") if line or newline else None

    async def _expect_bytes(self, wanted: bytes) -> None:
        self._net.enter("dialogue", f"waiting for {wanted[:60]!r}", Reason.BODY)
        while len(self._heard) < len(wanted):
            if not await self._hear():
                raise ProbeError(Reason.BODY, f"{self._stream.peer} closed before {wanted[:60]!r} came")
        found, self._heard = self._heard[: len(wanted)], self._heard[len(wanted) :]
        if found != wanted:
            self._net.samples["probe_failed_due_to_bytes"] = 1.0
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent {found[:60]!r} instead of {wanted[:60]!r}")

    async def _hear(self) -> bool:
        data = await self._stream.receive()
        self._heard += data
        return bool(data)

    def _note_labels(self, labels: Sequence[Label], match: Any) -> None:
        if labels:
            told = {label.name: expanded(label.value.encode(), match).decode("utf-8", "replace") for label in labels}
            names = families(self._options)[-1].labels
            self._net.samples["probe_expect_info", *(told.get(name, "") for name in names)] = 1.0


def searched(pattern: str, line: bytes) -> Any:
    """The match of `pattern` in `line`, or None."""
    match = compiled(pattern).search(line)
    if match is None and not line.isascii():
        # Go lets a dot match a byte that is no UTF-8, RE2 does not.
        match = compiled(pattern).search(line.decode("utf-8", "replace").encode())
    return match


def expanded(template: bytes, match: Any) -> bytes:
    """`template` with `$1`, `${1}`, `$name` and `$$` replaced; a group that does not exist is empty."""

    def group(reference: re.Match[bytes]) -> bytes:
        if reference[3]:
            return b"$"
        name = (reference[1] or reference[2]).decode()
        number = int(name) if name.isdigit() else match.re.groupindex.get(name, -1)
        return (match.group(number) or b"") if 0 <= number <= match.re.groups else b""

    return _REFERENCE.sub(group, template)
