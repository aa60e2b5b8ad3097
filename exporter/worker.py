"""The process that probes: it runs its pairs' schedule, and what it is asked beside, and sends every result to the main
process.

Started by `crew` as `python -m exporter.worker FD LEVEL FORMAT`. It ends when the main process
closes the socket, so none outlives it. A busy worker cannot distort a first byte (the kernel
stamps it), but it can start late: so collector pauses are kept out of the way, and the schedule's
results go out in batches.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from exporter import attempt, kinds, logs, wire
from exporter.model import Module, NetworkOptions, Reason, Result
from exporter.net import Network, Reach
from exporter.schedule import Run, Schedule

BATCH_EVERY = 0.2
"""Seconds that a result may wait for company."""

HEARTBEAT = 1.0
"""Seconds after which a batch goes out even if it is empty, so that a stalled worker is noticed."""

_GONE = "the module file was read again before this could be probed, and the module is no longer in it"


class Worker:
    """One shard of the pairs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.frames = wire.Frames(self._obey)
        self._options = NetworkOptions()
        self._network = Network(self._options)
        self._modules: Mapping[str, Module] = {}
        self._reach = Reach()
        self._outside = Network(self._options, reach=self._reach)
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._schedule: Schedule | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._packed: list[tuple[Any, ...]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.TimerHandle | None = None

    async def work(self) -> None:
        """Until the main process goes away."""
        self._flushing = self._loop.call_later(HEARTBEAT, self._flush)
        await self.frames.gone

    def _obey(self, message: object) -> None:
        if isinstance(message, wire.Ask):
            self._ask(message)
            return
        if isinstance(message, wire.GiveUp):
            if message.number in self._asked:
                self._asked[message.number].cancel()
            return
        if isinstance(message, wire.Soon) and self._schedule is not None:
            self._schedule.soon(message.keys, self._loop.time())
        elif isinstance(message, wire.Assignment):
            self._assign(message)
        self._tick()

    def _assign(self, message: wire.Assignment) -> None:
        clock = self._network.clock
        if (message.network, message.reach) != (self._options, self._reach):
            # Probes in flight go on with the network that they began with.
            self._options, self._reach = message.network, message.reach
            self._network = Network(message.network)
            self._outside = Network(message.network, reach=message.reach)
        self._modules = message.modules
        for module in message.modules.values():
            kinds.module("probes", module.kind)  # now, and not in the time of the first who asks
        if self._schedule is None:
            self._schedule = Schedule(clock.time(), self._loop.time(), message.capacity)
            self._loop.call_soon(self._flush)
        self._schedule.replace(message.pairs, self._loop.time())
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        schedule = self._schedule
        if schedule is None:
            return
        for run in schedule.due(self._loop.time()):
            task = self._loop.create_task(self._probe(run, schedule))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        next_at = schedule.next_at()
        self._timer = self._loop.call_at(next_at, self._tick) if next_at is not None else None

    async def _probe(self, run: Run, schedule: Schedule) -> None:
        result = await attempt.run(run.pair, self._network, run.number)
        schedule.done(run, result, self._loop.time())
        if not self._packed and self._flushing is not None:
            self._flushing.cancel()
            self._flushing = self._loop.call_later(BATCH_EVERY, self._flush)
        self._packed.append(wire.pack(run.pair.key, result, run.lag))
        if not result.ok:
            # A confirmation may be due before what the timer waits for.
            self._tick()

    def _ask(self, ask: wire.Ask) -> None:
        # Found now: an assignment that has come in the same turn may be without it.
        module = self._modules.get(ask.module)
        if module is None:
            gone = Result(False, Reason.INTERNAL, _GONE, self._network.clock.time(), 0.0)
            self.frames.send(wire.Told(ask.number, wire.dump_one(gone)))
            return
        task = self._asked[ask.number] = self._loop.create_task(self._answer(ask, module))
        # Not in the task: one that is given up before its first step does nothing at all.
        task.add_done_callback(lambda _: self._asked.pop(ask.number))

    async def _answer(self, ask: wire.Ask, module: Module) -> None:
        result = await attempt.run_asked(module, ask.target, ask.hostname, ask.timeout, self._outside)
        self.frames.send(wire.Told(ask.number, wire.dump_one(result)))

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
        schedule = self._schedule
        skipped = dict(schedule.skipped) if schedule else {}
        running = len(self._asked) + (schedule.running if schedule else 0)
        batch = wire.Batch(wire.dump(self._packed), skipped, running)
        self.frames.send(batch)
        self._packed = []
        if schedule:
            schedule.skipped.clear()
        self._flushing = self._loop.call_later(HEARTBEAT, self._flush)


async def _main(descriptor: int) -> None:
    worker = Worker()
    await asyncio.get_running_loop().create_connection(lambda: worker.frames, sock=socket.socket(fileno=descriptor))
    await worker.work()


def main() -> None:
    """Entry of the child process."""
    # Ctrl-C reaches the whole foreground group: the main process decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure(*sys.argv[2:4])
    # Collections of the youngest generation at every 700 allocations cost milliseconds at the wrong time.
    gc.set_threshold(50_000, 50, 50)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_main(int(sys.argv[1])))
    # Probes in flight have nobody to report to any more.
    os._exit(0)


if __name__ == "__main__":
    main()
