"""The main process's side of its workers: start, assign, listen, restart, stop.

A worker that dies is started again and counted; one that says nothing for `SILENT_AFTER` seconds
is killed for it. Its pairs keep their phases, and their last results stand until they are stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from exporter import wire
from exporter.asking import Asking
from exporter.model import Module, NetworkOptions, Pair, PairKey
from exporter.net import Reach
from exporter.schedule import worker_of

log = logging.getLogger(__name__)

SILENT_AFTER = 30.0
"""Seconds: thirty heartbeats."""

ENDING = 1.0
"""Seconds that a worker gets to end when its socket is closed."""

RESTART_AFTER = 0.5
"""Seconds, so that a worker that cannot start does not eat the machine."""

_DESCRIPTORS_KEPT = 64


def default_count() -> int:
    """One worker per core less one, at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 2) - 1)


def capacity() -> int:
    """How many probes one worker may have in flight: what its descriptors allow, two for each probe."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(16, min(2000, (limit - _DESCRIPTORS_KEPT) // 2))


_NO_MODULES: Mapping[str, Module] = MappingProxyType({})
_PUBLIC = Reach()


class Crew:
    """`count` workers for the pairs, and `asked` others for what is asked beside them; `on_batch` is called with each
    batch as it comes.

    Whoever asks much, or for what takes long to judge, must not make a scheduled probe late: that would blind us.
    """

    def __init__(
        self, count: int, on_batch: Callable[[wire.Batch], None], log_options: tuple[str, str], asked: int = 0
    ) -> None:
        everybody = count + asked
        self.restarts = 0
        self.asking = Asking(self._send)
        self._scheduled = count
        self._in_flight = [0] * everybody
        self._on_batch = on_batch
        self._log_options = log_options
        self._assignments = [wire.Assignment(NetworkOptions(), (), capacity())] * everybody
        self._frames: list[wire.Frames | None] = [None] * everybody
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def count(self) -> int:
        return len(self._frames)

    @property
    def asked(self) -> int:
        """Those of them that are asked."""
        return self.count - self._scheduled

    @property
    def in_flight(self) -> int:
        """Probes under way in all workers, as of their last word."""
        return sum(self._in_flight)

    def start(self) -> list[asyncio.Task[None]]:
        """Start the workers; the tasks that keep them end only by a fault, or when they are stopped."""
        self._keepers = [asyncio.create_task(self._keep(index)) for index in range(self.count)]
        return self._keepers

    def assign(
        self,
        network: NetworkOptions,
        pairs: Iterable[Pair],
        modules: Mapping[str, Module] = _NO_MODULES,
        reach: Reach = _PUBLIC,
    ) -> None:
        """Share out the pairs anew; the modules, and what their targets may be, are for those who are asked."""
        shares: list[list[Pair]] = [[] for _ in range(self._scheduled)]
        for pair in pairs:
            shares[worker_of(pair, self._scheduled)].append(pair)
        asked = wire.Assignment(network, (), capacity(), dict(modules), reach)
        self._assignments = [wire.Assignment(network, tuple(share), capacity()) for share in shares]
        self._assignments += [asked] * self.asked
        for index, assignment in enumerate(self._assignments):
            self._send(index, assignment)

    def soon(self, keys: Iterable[PairKey]) -> None:
        """Have these pairs run now; each worker knows which are its own."""
        message = wire.Soon(tuple(keys))
        for index in range(self._scheduled):
            self._send(index, message)

    async def stop(self) -> None:
        """End all workers; the probes in flight are given up."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def _send(self, index: int, message: object) -> None:
        frames = self._frames[index]
        if frames is not None:
            frames.send(message)

    async def _keep(self, index: int) -> None:
        while True:
            began = time.monotonic()
            code = await self._run(index)
            self.restarts += 1
            log.warning("worker ended, starting another", extra={"worker": index, "exit_code": code})
            await asyncio.sleep(max(0.0, RESTART_AFTER - (time.monotonic() - began)))

    async def _run(self, index: int) -> int | None:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "exporter.worker", str(theirs.fileno()), *self._log_options),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            log.error("cannot start a worker", extra={"worker": index, "reason": error.strerror})
            return None
        finally:
            theirs.close()
        loop = asyncio.get_running_loop()
        _, frames = await loop.create_connection(
            lambda: wire.Frames(lambda message: self._take(index, message)), sock=ours
        )
        try:
            self._frames[index] = frames
            self._send(index, self._assignments[index])
            await _until_gone(frames)
        finally:
            self._frames[index] = None
            self.asking.lost(index)
            self._in_flight[index] = 0
            frames.close()
            await _end(process)
        return process.returncode

    def _take(self, index: int, message: wire.Told | wire.Batch) -> None:
        if isinstance(message, wire.Told):
            self.asking.told(message)
            return
        if index >= self._scheduled:
            # Its first word is that it has its assignment.
            self.asking.came(index)
        self._in_flight[index] = message.in_flight
        self._on_batch(message)


async def _until_gone(frames: wire.Frames) -> None:
    """Until the worker is gone, or has said nothing for too long."""
    loop = asyncio.get_running_loop()
    while not frames.gone.done() and (left := frames.heard_at + SILENT_AFTER - loop.time()) > 0:
        await asyncio.wait((frames.gone,), timeout=left)
    if frames.gone.done():
        frames.gone.result()


async def _end(process: asyncio.subprocess.Process) -> None:
    # Shielded: a worker is reaped even while the whole program is being stopped.
    ended = asyncio.ensure_future(process.wait())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(ended), ENDING)
        return
    # Not process.kill(): that looks for the exit status itself, and asyncio then never learns it.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    await asyncio.shield(ended)
