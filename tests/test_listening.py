"""Signals are read and followed by themselves; what they say is kept, then known; what fails is counted and waits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from exporter.listening import Listening, back_off, phase
from exporter.model import Config, NetworkOptions, Service, Signal
from exporter.options import Secret
from exporter.readings import Fault, Heard, Reading
from exporter.signals import downdetector, jetstream, reports
from tests.probing import open_descriptors
from tests.servers.jetstream import Jetstream
from tests.servers.origin import Origin, Reply, Request, as_json

INTERVAL = 0.02
"""Seconds: the program allows none so short."""

WITHIN = 20.0
EARLY = "now"
"""The name of a signal that is read at once, whatever its interval."""

TIKTOK = Service("tiktok", "TikTok", (), complaints=("(?i)tiktok is down",))
COMPANY = as_json({"id": 17, "stats_24": [3, 84], "baseline": [4, 5]})


class World:
    """The clock, and what was kept."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.kept: list[Reading] = []
        self.refused: Exception | None = None
        self.when_kept: Callable[[], object] = list

    def now(self) -> float:
        return time.time() + self.ahead

    def keep(self, signal: Signal, reading: Reading) -> None:
        self.when_kept()
        if self.refused:
            raise self.refused
        self.kept.append(reading)

    def bookmark(self, name: str) -> str:
        return self.kept[-1].bookmark if self.kept else ""


def polled(origin: Origin, name: str = "dd", interval: float = INTERVAL) -> Signal:
    options = downdetector.Options(token=Secret("t0ken"), companies={"tiktok": (17,)}, url=origin.url)
    return Signal(name, "downdetector", options, interval, ("tiktok",))


def followed(server: Jetstream) -> Signal:
    return Signal("bluesky", "jetstream", jetstream.Options(urls=(server.url,)), INTERVAL, ("tiktok",))


def configured(*signals: Signal, network: NetworkOptions | None = None) -> Config:
    return Config((TIKTOK,), (), (), (), network or NetworkOptions(), signals)


@asynccontextmanager
async def listening(world: World, *signals: Signal) -> AsyncIterator[Listening]:
    listens = Listening(world.keep, world.bookmark, world.now)
    listens.apply(configured(*signals))
    try:
        yield listens
    finally:
        await listens.close()


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for what a task in the background is about to do."""
    ends = time.monotonic() + WITHIN
    while not is_so():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(INTERVAL / 4)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "exporter.listening"]


async def test_a_signal_is_read_again_and_again_and_what_it_says_is_known() -> None:
    world = World()
    async with Origin(lambda request: COMPANY) as origin, listening(world, polled(origin)) as listens:
        assert listens.heard["dd"] == Heard("dd", "downdetector")
        await until(lambda: len(world.kept) > 2)
        heard = listens.heard["dd"]
    assert heard.reading in world.kept
    assert heard.fresh
    assert (heard.failure, heard.errors) == ("", {})
    assert heard.reading is not None
    assert heard.reading.levels[0].count == 84


async def test_a_reading_is_kept_before_it_counts() -> None:
    world = World()
    async with Origin(lambda request: COMPANY) as origin, listening(world, polled(origin)) as listens:
        known: list[Reading | None] = []
        world.when_kept = lambda: known.append(listens.heard["dd"].reading)
        await until(lambda: len(known) > 1)
    assert known[0] is None
    assert known[1] == world.kept[0]


async def test_a_reading_that_cannot_be_kept_does_not_count() -> None:
    world = World()
    world.refused = OSError(28, "No space left on device", "/data/outage.db")
    async with Origin(lambda request: COMPANY) as origin, listening(world, polled(origin)) as listens:
        await until(lambda: listens.heard["dd"].errors)
        heard = listens.heard["dd"]
        world.refused = None
        await until(lambda: listens.heard["dd"].fresh)
        assert listens.heard["dd"].failure == ""
    assert (heard.reading, heard.fresh, set(heard.errors)) == (None, False, {Fault.INTERNAL})
    assert heard.failure == "its reading cannot be kept: [Errno 28] No space left on device: '/data/outage.db'"


@pytest.mark.parametrize(("interval", "lasts"), [(INTERVAL, 60.0), (600.0, 1800.0)])
async def test_what_was_heard_counts_for_three_intervals_but_a_minute_at_least(interval: float, lasts: float) -> None:
    world = World()
    assert phase(EARLY) < 0.02  # of ten seconds
    async with Origin(lambda request: COMPANY) as origin, listening(world, polled(origin, EARLY, interval)) as listens:
        await until(lambda: listens.heard[EARLY].fresh)
        origin.refuse()
        world.ahead = lasts - 5
        assert listens.heard[EARLY].fresh
        world.ahead = lasts + 5
        assert not listens.heard[EARLY].fresh
        assert listens.heard[EARLY].reading is not None


async def test_a_signal_that_falls_silent_and_one_that_speaks_again_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    async with Origin(lambda request: Reply(status=403)) as origin, listening(world, polled(origin)) as listens:
        await until(lambda: listens.heard["dd"].errors.get(Fault.REFUSED, 0) > 2)
        heard = listens.heard["dd"]
        origin.answer = lambda request: COMPANY
        await until(lambda: len(world.kept) > 2)
    assert messages(caplog) == ["signal is silent", "signal speaks again"]
    assert heard.failure == f"{origin.url[7:]} refuses to answer us (status 403)"
    assert abs(heard.failed_at - time.time()) < WITHIN


async def test_a_fault_of_ours_is_told_with_its_trace_once_and_silences_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()

    def keep(signal: Signal, reading: Reading) -> None:
        if signal.name == "dd":
            raise ZeroDivisionError("oops")
        world.keep(signal, reading)

    async with Origin(lambda request: COMPANY) as origin:
        listens = Listening(keep, world.bookmark, world.now)
        listens.apply(configured(polled(origin), polled(origin, "other")))
        await until(lambda: listens.heard["dd"].errors.get(Fault.INTERNAL, 0) > 1)
        await until(lambda: len(world.kept) > 2)
        heard = listens.heard["dd"]
        await listens.close()
    assert heard.failure == "a fault of this program: ZeroDivisionError"
    traced = [record for record in caplog.records if record.exc_info]
    assert len(traced) == 1
    assert "oops" in (traced[0].exc_text or "")


async def test_a_bookmark_that_cannot_be_read_is_told_and_nothing_is_asked() -> None:
    def bookmark(name: str) -> str:
        raise OSError(5, "Input/output error", "/data/outage.db")

    async with Origin(lambda request: COMPANY) as origin:
        listens = Listening(World().keep, bookmark, time.time)
        listens.apply(configured(polled(origin)))
        await until(lambda: listens.heard["dd"].errors)
        failure = listens.heard["dd"].failure
        await listens.close()
    assert failure == "its bookmark cannot be read: [Errno 5] Input/output error: '/data/outage.db'"
    assert origin.connections == 0


@pytest.mark.parametrize(
    ("moves", "said"), [(4 * 3600.0, "what it says is 240 minutes old"), (-3600.0, "what it says is of the future")]
)
async def test_a_reading_of_another_time_does_not_count(moves: float, said: str) -> None:
    world = World()

    def answer(request: Request) -> Reply:
        world.ahead += moves
        return COMPANY

    async with Origin(answer) as origin, listening(world, polled(origin)) as listens:
        await until(lambda: listens.heard["dd"].errors)
        heard = listens.heard["dd"]
    assert (set(heard.errors), heard.failure, heard.reading) == ({Fault.LATE}, said, None)
    assert world.kept == []


@pytest.mark.parametrize(
    ("failures", "interval", "pause"),
    [
        (0, 60, 60),
        (1, 60, 60),
        (2, 60, 120),
        (3, 60, 240),
        (5, 60, 600),
        (1000, 60, 600),
        (5, 600, 1800),
        (5, 3600, 3600),
    ],
)
def test_a_signal_that_goes_on_failing_is_asked_less_often(failures: int, interval: float, pause: float) -> None:
    assert back_off(failures, interval, interval) == pause


def test_a_stream_that_goes_on_failing_is_opened_less_often() -> None:
    assert [back_off(failures, 1.0, 5.0) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 50, 50]


def test_signals_begin_at_phases_that_their_names_spread() -> None:
    phases = sorted(phase(f"signal-{number}") for number in range(100))
    assert phases == sorted(phase(f"signal-{number}") for number in range(100))
    assert all(high <= 0.15 + low for low, high in pairwise(phases))
    assert 0 <= phases[0] < 0.15
    assert 0.85 < phases[-1] < 1


async def test_a_server_that_wants_to_be_left_alone_is_left_alone() -> None:
    world = World()
    async with (
        Origin(lambda request: Reply(status=429, headers={"Retry-After": "60"})) as tired,
        Origin(lambda request: COMPANY) as other,
        listening(world, polled(tired), polled(other, "other")) as listens,
    ):
        await until(lambda: listens.heard["dd"].errors)
        after = len(world.kept)
        await until(lambda: len(world.kept) > after + 5)
        assert listens.heard["dd"].errors == {Fault.LIMITED: 1}
    assert tired.connections == 1


async def test_one_that_hangs_holds_up_no_other() -> None:
    world = World()
    async with (
        Origin(lambda request: None) as hanging,
        Origin(lambda request: COMPANY) as origin,
        listening(world, polled(hanging), polled(origin, "other")) as listens,
    ):
        await until(lambda: hanging.requests)
        await until(lambda: len(world.kept) > 2)
        assert listens.heard["dd"] == Heard("dd", "downdetector")


async def test_people_come_to_the_reports_by_themselves_and_nobody_asks_for_them() -> None:
    async with listening(World(), Signal("reports", "reports", reports.Options(), 60.0)) as listens:
        assert listens.heard == {}


async def test_a_stream_is_followed_and_what_it_says_is_known() -> None:
    world = World()
    async with Jetstream() as server, listening(world, followed(server)) as listens:
        await _complain(server, world, 1)
        assert listens.heard["bluesky"].fresh
    assert _counted(world.kept) == 1


async def test_a_stream_whose_reading_is_not_kept_goes_on_from_the_last_bookmark() -> None:
    world = World()
    async with Jetstream() as server, listening(world, followed(server)) as listens:
        await _complain(server, world, 1)
        world.refused = OSError(28, "No space left on device")
        server.post("tiktok is down")
        await _ticks(server, lambda: listens.heard["bluesky"].errors)
        world.refused = None
        await _ticks(server, lambda: _counted(world.kept) == 2)
        assert set(listens.heard["bluesky"].errors) == {Fault.INTERNAL}
    cursors = [query.get("cursor", "0") for query in server.asked]
    assert len(cursors) > 1
    assert int(cursors[-1]) > 0


async def test_a_stream_that_is_cut_is_opened_again() -> None:
    world = World()
    async with Jetstream() as server, listening(world, followed(server)) as listens:
        await _complain(server, world, 1)
        await server.cut()
        await until(lambda: listens.heard["bluesky"].errors)
        await _complain(server, world, 2)
        assert set(listens.heard["bluesky"].errors) == {Fault.UNREACHABLE}


async def test_what_did_not_change_goes_on_over_a_reload() -> None:
    world = World()
    async with (
        Jetstream() as server,
        Origin(lambda request: COMPANY) as origin,
        listening(world, followed(server)) as listens,
    ):
        await _complain(server, world, 1)
        before = listens.heard["bluesky"].reading
        listens.apply(configured(followed(server), polled(origin)))
        assert listens.heard["bluesky"].reading == before
        await until(lambda: listens.heard["dd"].fresh)
    assert len(server.asked) == 1


async def test_what_a_reload_takes_away_is_asked_no_more() -> None:
    world = World()
    async with (
        Origin(lambda request: COMPANY) as gone,
        Origin(lambda request: COMPANY) as other,
        listening(world, polled(gone, "gone"), polled(other)) as listens,
    ):
        await until(lambda: all(heard.fresh for heard in listens.heard.values()))
        listens.apply(configured(polled(other)))
        asked, after = gone.connections, other.connections
        await until(lambda: other.connections > after + 5)
        assert set(listens.heard) == {"dd"}
    assert gone.connections == asked


async def test_a_signal_that_a_reload_changes_forgets_what_it_said_but_not_its_errors() -> None:
    world = World()
    async with Origin(lambda request: Reply(status=403)) as origin, listening(world, polled(origin)) as listens:
        await until(lambda: listens.heard["dd"].errors)
        origin.answer = lambda request: COMPANY
        await until(lambda: listens.heard["dd"].fresh)
        errors = listens.heard["dd"].errors
        listens.apply(configured(polled(origin, interval=2 * INTERVAL)))
        assert listens.heard["dd"] == Heard("dd", "downdetector", errors=errors)
        await until(lambda: listens.heard["dd"].fresh)


async def test_a_network_that_a_reload_changes_is_used_at_once_and_nothing_is_forgotten() -> None:
    world = World()
    async with Origin(lambda request: COMPANY) as origin, listening(world, polled(origin)) as listens:
        await until(lambda: listens.heard["dd"].fresh)
        listens.apply(configured(polled(origin), network=NetworkOptions(deny=("127.0.0.0/8",))))
        assert listens.heard["dd"].fresh
        await until(lambda: listens.heard["dd"].errors)
        assert "is in network.deny" in listens.heard["dd"].failure


async def test_nothing_stays_open_behind_it() -> None:
    world = World()
    async with Jetstream() as server, Origin(lambda request: None) as hanging:
        before = open_descriptors()
        async with listening(world, followed(server), polled(hanging)):
            await _complain(server, world, 1)
            await until(lambda: hanging.requests)
        await until(lambda: not server.listening)
        await until(lambda: open_descriptors() <= before)


async def _complain(server: Jetstream, world: World, count: int) -> None:
    """Somebody complains, and it is counted."""
    await server.listener()
    server.post("tiktok is down")
    await _ticks(server, lambda: _counted(world.kept) >= count)


async def _ticks(server: Jetstream, is_so: Callable[[], Any]) -> None:
    """Until then, time goes on in the stream."""

    def tick() -> Any:
        server.account()
        return is_so()

    await until(tick)


def _counted(readings: Sequence[Reading]) -> int:
    return sum(tally.count for reading in readings for tally in reading.tallies)
