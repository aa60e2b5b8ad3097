"""A dialogue of expect and send, as blackbox_exporter's `query_response` has it, for the kinds that hold one.

Templates are Go's `Regexp.Expand`. On a stream of bytes a step waits for a line that matches, passing over those that
do not; an expectation that is not met in time, or before the peer closes, is ProbeError `body`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exporter import net as network
from exporter.errors import ProbeError
from exporter.model import Family, Reason
from exporter.net import Attempt, Stream
from exporter.options import Pattern, TLSConfig, searched

LINE_LIMIT = 65536
"""Bytes without a line's end after which the peer is not listened to any more."""

FAMILIES = (
    Family("probe_failed_due_to_regex", "Whether an expected pattern did not come."),
    Family("probe_failed_due_to_bytes", "Whether expected bytes did not come."),
)

TLS_FAMILIES = tuple(family for family in network.TLS_FAMILIES if family.name != "probe_tls_cipher_info")
"""What is told of TLS under a dialogue: blackbox_exporter leaves the cipher out."""

_TAKEN = frozenset({"service", "feature", "endpoint", "region"})
_HEARD_AT_ONCE = 512
"""Bytes: as many lines as these can hold are looked through before anything else has its turn."""

_REFERENCE = re.compile(rb"\$(?:(\w+)|\{(\w+)\}|(\$))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label of `probe_expect_info`; `value` may name the groups of the pattern as `${1}`."""

    name: str
    value: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", self.name):
            raise ValueError(f"{self.name!r} is not a label's name")
        if self.name.startswith("__"):
            raise ValueError(f"{self.name!r} is taken; names with __ in front are Prometheus' own")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the dialogue: what is expected comes first, then what is sent, then TLS."""

    expect: Pattern | None = None
    expect_bytes: str | None = None
    labels: tuple[Label, ...] = ()
    send: str | None = None
    starttls: bool = False

    def __post_init__(self) -> None:
        if self.expect is not None and self.expect_bytes:
            raise ValueError("set expect or expect_bytes, not both; a step each can have them one after the other")


def check_labels(steps: Sequence[Step]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with labels where ours stand beside them: each mistake's route below `query_response`, and a
    sentence."""
    for place, step in enumerate(steps):
        for number, label in enumerate(step.labels):
            if label.name in _TAKEN:
                ours = "service, feature, endpoint and region mean something else"
                yield (place, "labels", number, "name"), f"{label.name!r} is taken; {ours}"


def families(steps: Sequence[Step]) -> tuple[Family, ...]:
    """`probe_expect_info` with the labels that these steps give it, when they give it any."""
    names = tuple(dict.fromkeys(label.name for step in steps for label in step.labels))
    return (Family("probe_expect_info", "What the expected patterns matched.", names),) if names else ()


async def secure(net: Attempt, stream: Stream, config: TLSConfig, host: str) -> None:
    """TLS over `stream`, of which TLS_FAMILIES tell."""
    try:
        await net.secure(stream, config, host)
    finally:
        for key in [key for key in net.samples if key[0] == "probe_tls_cipher_info"]:
            del net.samples[key]


async def hold(net: Attempt, stream: Stream, steps: Sequence[Step], protect: Callable[[], Awaitable[None]]) -> None:
    """The whole dialogue over `stream`, line by line; `protect` puts TLS over it where a step says `starttls`."""
    dialogue = _Dialogue(net, stream, steps, protect)
    for step in steps:
        await dialogue.take(step)


class _Dialogue:
    """The conversation on one stream, and what it has heard but not used."""

    def __init__(
        self, net: Attempt, stream: Stream, steps: Sequence[Step], protect: Callable[[], Awaitable[None]]
    ) -> None:
        self._net = net
        self._stream = stream
        self._steps = steps
        self._protect = protect
        self._heard = bytearray()
        self._at = 0  # what stands before has been used

    async def take(self, step: Step) -> None:
        send = (step.send or "").encode()
        if step.expect is not None:
            match = await self._expect(step.expect)
            note_labels(self._net, self._steps, step, match)
            send = expanded(send, match)
        if step.expect_bytes:
            await self._expect_bytes(step.expect_bytes.encode())
        if send:
            self._net.enter("dialogue", f"sending to {self._stream.peer}")
            await self._stream.send(send + b"\n")
        if step.starttls:
            # What came in the clear must not be taken for what comes protected.
            self._at = len(self._heard)
            await self._protect()

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
        start = self._at
        while (end := self._heard.find(b"\n", start)) < 0:
            start = len(self._heard) - self._at  # where what comes next will stand
            if start > LINE_LIMIT:
                break
            if not await self._hear():
                return self._use(start).removesuffix(b"\r") if start else None
        if end < 0 or end - self._at > LINE_LIMIT:
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent a line of more than {LINE_LIMIT} bytes")
        return self._use(end + 1 - self._at)[:-1].removesuffix(b"\r")

    async def _expect_bytes(self, wanted: bytes) -> None:
        self._net.enter("dialogue", f"waiting for {wanted[:60]!r}", Reason.BODY)
        while len(self._heard) - self._at < len(wanted):
            if not await self._hear():
                raise ProbeError(Reason.BODY, f"{self._stream.peer} closed before {wanted[:60]!r} came")
        found = self._use(len(wanted))
        if found != wanted:
            self._net.samples["probe_failed_due_to_bytes"] = 1.0
            raise ProbeError(Reason.BODY, f"{self._stream.peer} sent {found[:60]!r} instead of {wanted[:60]!r}")

    async def _hear(self) -> bool:
        data = await self._stream.receive(_HEARD_AT_ONCE)
        del self._heard[: self._at]
        self._at = 0
        self._heard += data
        return bool(data)

    def _use(self, count: int) -> bytes:
        used = bytes(self._heard[self._at : self._at + count])
        self._at += count
        return used


def note_labels(net: Attempt, steps: Sequence[Step], step: Step, match: Any) -> None:
    """The sample of `probe_expect_info` for what `step`, one of `steps`, has matched."""
    if step.labels:
        told = {label.name: expanded(label.value.encode(), match).decode("utf-8", "replace") for label in step.labels}
        net.samples["probe_expect_info", *(told.get(name, "") for name in families(steps)[0].labels)] = 1.0


def expanded(template: bytes, match: Any) -> bytes:
    """`template` with `$1`, `${1}`, `$name` and `$$` replaced; a group that does not exist is empty."""

    def group(reference: re.Match[bytes]) -> bytes:
        if reference[3]:
            return b"$"
        name = (reference[1] or reference[2]).decode()
        number = int(name) if name.isdigit() else match.re.groupindex.get(name, -1)
        return (match.group(number) or b"") if 0 <= number <= match.re.groups else b""

    return _REFERENCE.sub(group, template)
