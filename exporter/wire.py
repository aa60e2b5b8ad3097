"""What passes between the main process and its workers, both of this very program, over a socket pair.

A frame is a length (four bytes, big endian) and a pickle. Main to worker: `Assignment`, `Soon`, `Ask`, `GiveUp`.
Worker to main: `Batch` and `Told`, whose results are marshalled tuples, because one is made for every probe.
"""

from __future__ import annotations

import asyncio
import marshal
import pickle
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.model import Module, NetworkOptions, Pair, PairKey, Reason, Result
from exporter.net import Reach

_LENGTH = struct.Struct(">I")


class Assignment(NamedTuple):
    """All that a worker shall run from now on, and the modules by which it may be asked."""

    network: NetworkOptions
    pairs: tuple[Pair, ...]
    capacity: int
    modules: Mapping[str, Module] = {}
    reach: Reach = Reach()


class Soon(NamedTuple):
    """Pairs to run now, beside their schedule."""

    keys: tuple[PairKey, ...]


class Ask(NamedTuple):
    """A probe that somebody waits for: of `target`, by a module of the assignment, within `timeout` seconds."""

    number: int
    module: str
    target: str
    hostname: str
    timeout: float


class GiveUp(NamedTuple):
    """Nobody waits for this one any more."""

    number: int


class Told(NamedTuple):
    """What came of an `Ask`, marshalled."""

    number: int
    result: bytes


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
    """An arrival as what `marshal` can carry."""
    return (key, lag, *_plain(result))


def dump(packed: list[tuple[Any, ...]]) -> bytes:
    """The `results` of a batch."""
    return marshal.dumps(packed)


def load(results: bytes) -> list[Arrival]:
    """The arrivals of a batch's `results`."""
    packed = marshal.loads(results)  # noqa: S302 - written by our own worker
    return [Arrival(key, _result(*rest), lag) for key, lag, *rest in packed]


def dump_one(result: Result) -> bytes:
    """The `result` of a `Told`."""
    return marshal.dumps(_plain(result))


def load_one(result: bytes) -> Result:
    """The result that is in a `Told`."""
    return _result(*marshal.loads(result))  # noqa: S302 - written by our own worker


def _plain(result: Result) -> tuple[Any, ...]:
    return (
        result.ok,
        result.reason.value if result.reason else None,
        result.message,
        result.started,
        result.duration,
        result.phases,
        result.samples,
        result.facts,
        result.attempt,
        result.witnesses,
    )


def _result(ok: bool, reason: str | None, *rest: Any) -> Result:
    return Result(ok, Reason(reason) if reason else None, *rest)


def frame(message: object) -> bytes:
    """A message ready to be sent."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next message; asyncio.IncompleteReadError when the other side is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301 - from our own process, over our own socket
