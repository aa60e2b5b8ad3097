"""What passes between the main process and its workers, both of this very program, over a socket pair.

A frame is a length (four bytes, big endian) and a pickle. Main to worker: `Assignment`, `Soon`, `Ask`, `GiveUp`.
Worker to main: `Batch` and `Told`, whose results are marshalled tuples, because one is made for every probe.
"""

from __future__ import annotations

import asyncio
import marshal
import pickle
import struct
from collections.abc import Callable, Mapping
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


class Frames(asyncio.Protocol):
    """One end of the pair: `take` is called with each message. `gone` is done when the other end is, or `take` fails.

    What is sent in one turn of the loop goes out together, because the calls of the system cost more than all else.
    `heard_at` is when something came last, on the loop's clock.
    """

    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._heard = b""
        self._said: list[bytes] = []
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.heard_at = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        heard = self._heard + data if self._heard else data
        start, size = 0, _LENGTH.size
        try:
            while len(heard) - start >= size:
                (length,) = _LENGTH.unpack_from(heard, start)
                end = start + size + length
                if len(heard) < end:
                    break
                self._take(pickle.loads(heard[start + size : end]))  # noqa: S301 - from our own process
                start = end
        except Exception as error:
            self._end(error)
        self._heard = heard[start:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None)

    def send(self, message: object) -> None:
        """Send it, in this turn of the loop."""
        if not self._said:
            self._loop.call_soon(self._flush)
        self._said.append(frame(message))

    def close(self) -> None:
        """Go away, with nothing more to say."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        said, self._said = self._said, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(said))

    def _end(self, error: Exception | None) -> None:
        if not self.gone.done():
            if error is None:
                self.gone.set_result(None)
            else:
                self.gone.set_exception(error)
