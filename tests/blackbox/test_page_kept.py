"""What is kept of probes on demand, and what one looks like in both formats."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from exporter import kinds, wire
from exporter.dialogue import Label, Step
from exporter.metrics import once
from exporter.model import Module, NetworkOptions, Reason, Result
from exporter.web.probed import History


def module(kind: str = "tcp", **options: object) -> Module:
    return Module("m", kind, kinds.module("probes", kind).Options(**options))


def result(ok: bool = True, **more: object) -> Result:
    return Result(ok, None if ok else Reason.CONNECT, "" if ok else "refused", 1.0, 0.25, **more)  # type: ignore[arg-type]


def kept(limit: int, outcomes: str) -> list[int]:
    """The numbers that are kept of these, `.` a success and `F` a failure, the newest first."""
    history = History(limit)
    for outcome in outcomes:
        history.keep(module(), "x", "", 1.0, result(outcome == "."))
    return [probed.number for probed in history]


@pytest.mark.parametrize(
    ("limit", "outcomes", "numbers"),
    [
        (5, "....", [4, 3, 2, 1]),
        (5, "......", [6, 5, 4, 3]),
        (5, "F.....", [6, 5, 4, 3, 1]),  # a fifth is for failures
        (5, "FF.....", [7, 6, 5, 4, 2]),
        (5, "FFFFFFF", [7, 6, 5, 4, 3]),
        (10, "FFF" + "." * 10, [13, 12, 11, 10, 9, 8, 7, 6, 3, 2]),
        (1, "F.", [2]),
        (0, "F.", []),
    ],
)
def test_failures_outlive_successes(limit: int, outcomes: str, numbers: list[int]) -> None:
    assert kept(limit, outcomes) == numbers


def test_what_was_dropped_is_not_found() -> None:
    history = History(2)
    for _ in range(3):
        history.keep(module(), "x", "", 1.0, result())
    assert history.find(1) is None
    assert history.find(3) is not None


SAMPLES = {"probe_ip_protocol": 4.0, ("probe_tls_version_info", 'TLS "1.3"\\\n'): 1.0, "probe_failed_due_to_regex": 0.0}


def test_a_page_is_well_formed_in_both_formats_and_all_of_it_are_gauges() -> None:
    found = result(ok=False, samples=SAMPLES)
    plain = list(text_string_to_metric_families(once.page(module(), found, 9.5, False).decode()))
    modern = list(openmetrics_families(once.page(module(), found, 9.5, True).decode()))
    for families in (plain, modern):
        assert {family.type for family in families} == {"gauge"}
        assert all(family.documentation for family in families)
        samples = {(s.name, *s.labels.items()): s.value for family in families for s in family.samples}
        assert samples["probe_failure_info", ("reason", "connect")] == 1
        assert samples["probe_tls_version_info", ("version", 'TLS "1.3"\\\n')] == 1
        assert samples["probe_timeout_seconds",] == 9.5
    assert [family.name for family in plain] == sorted(family.name for family in plain)


def test_labels_of_the_users_own_are_those_of_the_module() -> None:
    step = Step(expect="x", labels=(Label(name="greeting", value="${1}"),))
    page = once.page(module(query_response=(step,)), result(samples={("probe_expect_info", "hi"): 1.0}), 9.5, False)
    assert b'\nprobe_expect_info{greeting="hi"} 1\n' in page


def test_a_success_has_no_reason() -> None:
    assert b"probe_failure_info" not in once.page(module(), result(), 9.5, False)


@asynccontextmanager
async def worker() -> AsyncIterator[tuple[wire.Frames, asyncio.Queue[Any]]]:
    """One that has the module `m`, and what comes from it."""
    ours, theirs = socket.socketpair()
    arguments = ("-m", "exporter.worker", str(theirs.fileno()), "info", "logfmt")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, pass_fds=(theirs.fileno(),))
    theirs.close()
    came: asyncio.Queue[Any] = asyncio.Queue()
    frames = wire.Frames(came.put_nowait)
    await asyncio.get_running_loop().create_connection(lambda: frames, sock=ours)
    frames.send(wire.Assignment(NetworkOptions(), (), 100, {"m": module()}))
    async with asyncio.timeout(20):
        yield frames, came
    frames.close()
    assert await process.wait() == 0


async def test_a_worker_forgets_what_is_given_up_before_it_began() -> None:
    async with worker() as (frames, came):
        frames.send(wire.Ask(1, "m", "127.0.0.1:1", "", 60.0))
        frames.send(wire.GiveUp(1))
        frames.send(wire.GiveUp(2))
        await came.get()  # while it may not yet have forgotten
        batch = await came.get()
        assert isinstance(batch, wire.Batch)
        assert batch.in_flight == 0


async def test_a_worker_says_so_when_a_module_has_gone_that_it_is_asked_for() -> None:
    async with worker() as (frames, came):
        frames.send(wire.Assignment(NetworkOptions(), (), 100))
        frames.send(wire.Ask(1, "m", "127.0.0.1:1", "", 60.0))
        while not isinstance(told := await came.get(), wire.Told):
            pass
        found = wire.load_one(told.result)
        assert (told.number, found.reason) == (1, Reason.INTERNAL)
        assert "no longer in it" in found.message
