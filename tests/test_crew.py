"""The main process's side of real workers: they share the pairs, are replaced when they die, and end with us."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil

from exporter import kinds, wire
from exporter.crew import Crew
from exporter.model import Endpoint, Module, NetworkOptions, Pair, PairKey, Region, Result
from exporter.net import Reach
from exporter.schedule import SOON_APART
from tests.servers.listener import Listener

HERE = Region("here", "local", kinds.module("regions", "local").Options())
LOG = ("info", "logfmt")
WITHIN = 20.0


class Gathered:
    """The results that came, counted by pair, and a way to wait for them."""

    def __init__(self) -> None:
        self.attempts: Counter[PairKey] = Counter()
        self._came = asyncio.Event()

    def take(self, batch: wire.Batch) -> None:
        self.attempts.update(arrival.key for arrival in wire.load(batch.results))
        self._came.set()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN):
            while not holds():
                self._came.clear()
                await self._came.wait()


def pairs(count: int, port: int, interval: float = 1.0) -> list[Pair]:
    options = kinds.module("probes", "tcp").Options()
    target = f"127.0.0.1:{port}"
    return [
        Pair(Endpoint("shop", "buy", f"item{i}", "tcp", target, options, interval, 0.9), HERE) for i in range(count)
    ]


async def hang_up(connection: socket.socket) -> None:
    connection.close()


@asynccontextmanager
async def server() -> AsyncIterator[Listener]:
    listener = Listener(hang_up)
    listener.open()
    yield listener
    await listener.aclose()


@asynccontextmanager
async def crew_of(count: int, take: Callable[[wire.Batch], None], asked: int = 0) -> AsyncIterator[Crew]:
    crew = Crew(count, take, LOG, asked)
    crew.start()
    try:
        yield crew
    finally:
        await crew.stop()


def workers() -> list[psutil.Process]:
    """The worker processes of this test that live."""
    children = psutil.Process().children()
    return [c for c in children if c.status() != psutil.STATUS_ZOMBIE and "exporter.worker" in c.cmdline()]


async def test_workers_share_all_pairs_and_run_each_alone() -> None:
    gathered = Gathered()
    async with server() as target, crew_of(3, gathered.take) as crew:
        mine = pairs(60, target.port, interval=60.0)
        crew.assign(NetworkOptions(), mine)
        await gathered.until(lambda: len(gathered.attempts) == 60)
        assert set(gathered.attempts) == {pair.key for pair in mine}
        assert set(gathered.attempts.values()) == {1}
        assert target.connections == 60
        assert len(workers()) == 3


async def test_those_who_are_asked_and_those_who_keep_the_schedule_never_wait_for_each_other() -> None:
    gathered = Gathered()
    module = Module("tcp", "tcp", kinds.module("probes", "tcp").Options())
    async with server() as target, crew_of(1, gathered.take, asked=1) as crew:
        mine = pairs(5, target.port)
        crew.assign(NetworkOptions(), mine, {"tcp": module}, Reach(("127.0.0.0/8",)))

        async def ask() -> Result:
            told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            crew.asking.ask("tcp", f"127.0.0.1:{target.port}", "", 5.0, told.set_result)
            return await told

        assert (await ask()).ok
        await gathered.until(lambda: len(gathered.attempts) == 5)
        keeper, asked = sorted(workers(), key=lambda worker: worker.pid)
        asked.suspend()
        before = gathered.attempts.copy()
        await gathered.until(lambda: all(gathered.attempts[key] >= count + 2 for key, count in before.items()))
        asked.resume()
        keeper.suspend()
        assert (await ask()).ok
        keeper.resume()


async def test_a_worker_that_dies_is_replaced_counted_and_given_its_pairs_again() -> None:
    gathered = Gathered()
    async with server() as target, crew_of(2, gathered.take) as crew:
        crew.assign(NetworkOptions(), pairs(20, target.port))
        await gathered.until(lambda: len(gathered.attempts) == 20)
        os.kill(workers()[0].pid, signal.SIGKILL)
        before = gathered.attempts.copy()
        await gathered.until(lambda: crew.restarts == 1)
        await gathered.until(lambda: all(gathered.attempts[key] >= count + 2 for key, count in before.items()))
        assert len(workers()) == 2


async def test_a_worker_that_is_stopped_gives_up_what_is_in_flight() -> None:
    gathered = Gathered()

    async def hold(connection: socket.socket) -> None:
        held.append(connection)

    held: list[socket.socket] = []
    listener = Listener(hold)
    listener.open()
    try:
        async with crew_of(1, gathered.take) as crew:
            options = kinds.module("probes", "tcp").Options(tls=True)
            endpoint = Endpoint("shop", "buy", "item", "tcp", f"127.0.0.1:{listener.port}", options, 60.0, 50.0)
            crew.assign(NetworkOptions(), [Pair(endpoint, HERE)])
            await gathered.until(lambda: crew.in_flight == 1)
            (worker,) = workers()
        assert not worker.is_running()
        assert crew.in_flight == 0
    finally:
        for connection in held:
            connection.close()
        await listener.aclose()


async def test_pairs_assigned_anew_replace_those_before() -> None:
    gathered = Gathered()
    async with server() as target, crew_of(2, gathered.take) as crew:
        crew.assign(NetworkOptions(), pairs(10, target.port))
        await gathered.until(lambda: len(gathered.attempts) == 10)
        kept = pairs(5, target.port)
        crew.assign(NetworkOptions(), kept)
        last = kept[-1].key
        # Whatever was in flight at the change has come back when a pair that stayed has run twice more.
        await gathered.until(lambda: gathered.attempts[last] >= 3)
        before = gathered.attempts.copy()
        await gathered.until(lambda: all(gathered.attempts[pair.key] >= before[pair.key] + 2 for pair in kept))
        dropped = set(before) - {pair.key for pair in kept}
        assert {key: gathered.attempts[key] for key in dropped} == {key: before[key] for key in dropped}


async def test_soon_runs_a_pair_beside_its_schedule() -> None:
    gathered = Gathered()
    async with server() as target, crew_of(2, gathered.take) as crew:
        mine = pairs(4, target.port, interval=3600.0)
        crew.assign(NetworkOptions(), mine)
        await gathered.until(lambda: len(gathered.attempts) == 4)
        key = mine[0].key

        async def ask() -> None:
            while gathered.attempts[key] < 2:
                crew.soon([key])
                await asyncio.sleep(0.1)

        # Not within ten seconds of the run before.
        await asyncio.wait_for(ask(), SOON_APART + WITHIN)
        assert sum(gathered.attempts.values()) == 5


async def test_a_worker_ends_when_the_main_process_goes_away() -> None:
    ours, theirs = socket.socketpair()
    arguments = ("-m", "exporter.worker", str(theirs.fileno()), *LOG)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, pass_fds=(theirs.fileno(),), stderr=asyncio.subprocess.PIPE
    )
    theirs.close()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    ours.sendall(wire.frame(wire.Assignment(NetworkOptions(), tuple(pairs(3, 1)), 100)))
    assert await asyncio.wait_for(loop.sock_recv(ours, 1), WITHIN)
    ours.close()
    _, errors = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 0
    assert errors == b""
