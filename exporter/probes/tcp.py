"""TCP: connect, optionally TLS, then a dialogue of expect and send.

Options, labels and metrics are those of blackbox_exporter's tcp prober. A refused or unanswered
connection is `connect`; an expectation that is not met in time, or before the peer closes, is
`body`. Phases: resolve, connect, tls, dialogue.
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

LINE_LIMIT = 65536
"""Bytes without a line's end, or without the expected bytes, after which the peer is not listened to any more."""

_GROUP = re.compile(r"\$(?:(\d+)|\{(\d+)\}|(\$))")

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
        self._match: Any = None

    async def take(self, step: Step) -> None:
        if step.expect is not None:
            await self._expect(step.expect)
            self._note_labels(step)
        if step.expect_bytes is not None:
            await self._expect_bytes(step.expect_bytes.encode())
        if step.send is not None:
            self._net.enter("dialogue", f"sending to {self._stream.peer}")
            await self._stream.send(self._expanded(step.send).encode() + b"\n")
        if step.starttls:
            await _secure(self._net, self._stream, self._options, self._host)

    async def _expect(self, pattern: str) -> None:
        self._net.samples["probe_failed_due_to_regex"] = 1.0
        self._net.enter("dialogue", f"waiting for a line that matches {pattern!r}", Reason.BODY)
        while True:
            line = await self._line()
            self._match = compiled(pattern).search(line)
            if self._match is not None:
                self._net.samples["probe_failed_due_to_regex"] = 0.0
                return
            self._net.facts["last_line"] = line[:200].decode("utf-8", "replace")

    async def _line(self) -> bytes:
        while b"\n" not in self._heard:
            if not await self._hear() or len(self._heard) > LINE_LIMIT:
                break
        line, newline, rest = self._heard.partition(b"\n")
        if not line and not newline:
            raise ProbeError(Reason.BODY, f"{self._stream.peer} closed before the expected line came")
        if len(line) > LINE_LIMIT:
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent a line of more than {LINE_LIMIT} bytes")
        self._heard = rest
        return line.removesuffix(b"\r")

    async def _expect_bytes(self, wanted: bytes) -> None:
        self._net.samples["probe_failed_due_to_bytes"] = 1.0
        self._net.enter("dialogue", f"waiting for {wanted[:60]!r}", Reason.BODY)
        while (at := self._heard.find(wanted)) < 0:
            if len(self._heard) > LINE_LIMIT or not await self._hear():
                raise ProbeError(Reason.BODY, f"{self._stream.peer} did not send {wanted[:60]!r}")
        self._heard = self._heard[at + len(wanted) :]
        self._net.samples["probe_failed_due_to_bytes"] = 0.0

    async def _hear(self) -> bool:
        data = await self._stream.receive()
        self._heard += data
        return bool(data)

    def _note_labels(self, step: Step) -> None:
        if step.labels:
            told = {label.name: self._expanded(label.value) for label in step.labels}
            names = families(self._options)[-1].labels
            self._net.samples["probe_expect_info", *(told.get(name, "") for name in names)] = 1.0

    def _expanded(self, template: str) -> str:
        return _GROUP.sub(self._group, template) if self._match is not None else template

    def _group(self, reference: re.Match[str]) -> str:
        if reference[3]:
            return "$"
        number = int(reference[1] or reference[2])
        found = self._match.group(number) if number <= len(self._match.groups()) else b""
        return (found or b"").decode("utf-8", "replace")
