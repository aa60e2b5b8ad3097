"""What passes between the main process and its workers, both of this very program, over a socket pair.

A frame is a length (four bytes, big endian) and a pickle. Main to worker: `Assignment`, `Soon`.
Worker to main: `Batch`, whose results are marshalled tuples, because one is made for every probe.
"""

from __future__ import annotations

import asyncio
import marshal
import pickle
import struct
from typing import Any, NamedTuple

from exporter.model import NetworkOptions, Pair, PairKey, Reason, Result

_LENGTH = struct.Struct(">I")


class Assignment(NamedTuple):
    """All that a worker shall run from now on."""

    network: NetworkOptions
    pairs: tuple[Pair, ...]
    capacity: int


class Soon(NamedTuple):
    """Pairs to run now, beside their schedule."""

    keys: tuple[PairKey, ...]


class Arrival(NamedTuple):
    """A result with its pair's key and how late its run started, in seconds."""

    key: PairKey
    result: Result
    lag: float


class Batch(NamedTuple):
    """Results since the last batch, marshalled; skipped runs by reason since then; probes in flight now."""

    results: bytes
    skipped: dict[str, int]
    in_flight: int


def pack(key: PairKey, result: Result, lag: float) -> tuple[Any, ...]:
    """A result as what `marshal` can carry."""
    return (
        key,
        lag,
        result.ok,
        result.reason.value if result.reason else None,
        result.message,
        result.started,
        result.duration,
        result.phases,
        result.samples,
        result.facts,
        result.attempt,
    )


def dump(packed: list[tuple[Any, ...]]) -> bytes:
    """The `results` of a batch."""
    return marshal.dumps(packed)


def load(results: bytes) -> list[Arrival]:
    """The arrivals of a batch's `results`."""
    return [_arrival(*packed) for packed in marshal.loads(results)]  # noqa: S302 - written by our own worker


def _arrival(key: PairKey, lag: float, ok: bool, reason: str | None, *rest: Any) -> Arrival:
    return Arrival(key, Result(ok, Reason(reason) if reason else None, *rest), lag)


def frame(message: object) -> bytes:
    """A message ready to be sent."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next message; asyncio.IncompleteReadError when the other side is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301 - from our own process, over our own socket
