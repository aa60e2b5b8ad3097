"""Who asks `/probe` at the same time as others: one probe for all, no more than allowed, and none for nobody."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.blackbox.asked import LOOPBACK, SCRAPE, Answer, Asked
from tests.blackbox.held import Held
from tests.servers.program import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODULES = {"http_2xx": {"prober": "http"}, "other": {"prober": "http"}, "tcp": {"prober": "tcp"}}
LIMIT = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    arguments = (*LOOPBACK, "--blackbox.concurrency", str(LIMIT), "--workers", "2")
    async with Asked(tmp_path_factory.mktemp("asked"), MODULES, arguments) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def held() -> AsyncIterator[Held]:
    async with Held() as running:
        yield running


def ask(asked: Asked, held: Held, module: str = "http_2xx", seconds: str = "", **more: str) -> asyncio.Task[Answer]:
    headers = {SCRAPE: seconds} if seconds else None
    return asyncio.ensure_future(asked.probe(held.url, module, headers, **more))


async def until_waiting(asked: Asked, count: int, under_way: int) -> None:
    """Until so many requests wait for so many probes."""
    said = f"Under way: {under_way} of at most {LIMIT}; {count} wait for them."
    await until(asked.history, lambda page: said in page)


async def give_up(task: asyncio.Task[Answer]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_those_who_ask_the_same_at_the_same_time_share_one_probe(asked: Asked, held: Held) -> None:
    tasks = [ask(asked, held) for _ in range(6)]
    await until_waiting(asked, 6, under_way=1)
    held.release()
    assert {(await task).value("probe_success") for task in tasks} == {1}
    assert held.came == 1


async def test_who_asks_later_gets_a_probe_anew(asked: Asked, held: Held) -> None:
    held.release()
    for _ in range(2):
        assert (await ask(asked, held)).value("probe_success") == 1
    assert held.came == 2


@pytest.mark.parametrize("other", [{"module": "other"}, {"hostname": "shop.example"}])
async def test_another_module_or_hostname_is_another_probe(asked: Asked, held: Held, other: dict[str, str]) -> None:
    tasks = [ask(asked, held), ask(asked, held, **other)]
    await held.until(came=2)
    held.release()
    assert {(await task).value("probe_success") for task in tasks} == {1}


async def test_who_must_know_before_a_running_probe_ends_gets_one_of_their_own(asked: Asked, held: Held) -> None:
    patient = ask(asked, held)
    await held.until(came=1)
    hurried = ask(asked, held, seconds="30")
    await held.until(came=2)
    joining = ask(asked, held, seconds="30")
    await until_waiting(asked, 3, under_way=2)
    held.release()
    told = [(await task).value("probe_timeout_seconds") for task in (patient, hurried, joining)]
    assert told == [119.5, 29.5, 29.5]
    assert held.came == 2


async def test_who_gives_more_time_gets_it(asked: Asked, held: Held) -> None:
    hurried = ask(asked, held, seconds="0.5")
    patient = ask(asked, held, seconds="30")
    await held.until(came=1)
    held.release()
    assert (await hurried).value("probe_success") == 0
    assert (await patient).value("probe_success") == 1


async def test_one_of_two_who_goes_away_leaves_the_probe_to_the_other(asked: Asked, held: Held) -> None:
    leaving, staying = ask(asked, held), ask(asked, held)
    await until_waiting(asked, 2, under_way=1)
    await give_up(leaving)
    await until_waiting(asked, 1, under_way=1)
    assert held.left == 0
    held.release()
    assert (await staying).value("probe_success") == 1


async def test_a_probe_for_nobody_is_given_up(asked: Asked, held: Held) -> None:
    leaving = [ask(asked, held), ask(asked, held)]
    await held.until(came=1)
    await until_waiting(asked, 2, under_way=1)
    for task in leaving:
        await give_up(task)
    await held.until(left=1)
    await until_waiting(asked, 0, under_way=0)
    assert held.url not in await asked.history()


async def test_more_than_may_run_are_refused_and_told_when_to_come_back(asked: Asked) -> None:
    servers = [Held() for _ in range(LIMIT + 1)]
    async with servers[0], servers[1], servers[2], servers[3]:
        tasks = [ask(asked, server) for server in servers[:LIMIT]]
        for server in servers[:LIMIT]:
            await server.until(came=1)
        refused = await ask(asked, servers[LIMIT])
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        assert "--blackbox.concurrency" in refused.text
        tasks.append(ask(asked, servers[0]))
        await until_waiting(asked, LIMIT + 1, under_way=LIMIT)
        for server in servers:
            server.release()
        assert {(await task).status for task in tasks} == {200}
        assert (await ask(asked, servers[LIMIT])).value("probe_success") == 1


async def test_those_who_wait_for_one_probe_leave_connections_to_others(tmp_path: Path, held: Held) -> None:
    # 264 of these may be connections, and half of those may wait.
    async with Asked(tmp_path, MODULES, prefix=("prlimit", "--nofile=520:520")) as asked:
        waiting, no_more = 132, 4
        async with aiohttp.ClientSession(asked.url, connector=aiohttp.TCPConnector(limit=0)) as crowd:

            async def wait() -> int:
                async with crowd.get("/probe", params={"target": held.url}) as answer:
                    return answer.status

            tasks = [asyncio.ensure_future(wait()) for _ in range(waiting + no_more)]
            await until(asked.history, lambda page: f"; {waiting} wait for them." in page)
            refused = await ask(asked, held)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
            assert "132 requests wait for probes" in refused.text
            held.release()
            answered = [await task for task in tasks]
        assert (answered.count(200), answered.count(429), held.came) == (waiting, no_more, 1)


async def test_probes_are_spread_over_the_workers_that_are_asked(asked: Asked, held: Held) -> None:
    tasks = [ask(asked, held), ask(asked, held, "other")]
    await held.until(came=2)
    connected = [len([c for c in worker.net_connections("tcp4") if c.raddr]) for worker in asked.workers()]
    assert sorted(connected) == [0, 0, 1, 1]  # two keep the schedule
    held.release()
    await asyncio.gather(*tasks)


async def test_a_worker_that_dies_fails_what_it_probed_as_internal_and_another_goes_on(
    asked: Asked, held: Held
) -> None:
    tasks = [ask(asked, held), ask(asked, held, "other")]
    await held.until(came=2)
    for worker in asked.workers():
        os.kill(worker.pid, signal.SIGKILL)
    for task in tasks:
        answer = await task
        assert (answer.status, answer.value("probe_success"), answer.reason) == (200, 0, "internal")
    # No worker is there: this one waits until one is, and its own second begins then.
    held.release()
    assert (await ask(asked, held, seconds="1.5")).value("probe_success") == 1
    assert "the process that probed it ended" in await asked.history()


async def test_a_worker_that_hangs_keeps_nobody_waiting_beyond_the_deadline(asked: Asked, held: Held) -> None:
    await until(lambda: asyncio.sleep(0, asked.workers()), lambda workers: len(workers) == 4)
    held.release()
    stopped = asked.workers()
    for worker in stopped:
        worker.suspend()
    try:
        answer = await asyncio.wait_for(ask(asked, held, seconds="1"), 5)
    finally:
        for worker in stopped:
            worker.resume()
    assert (answer.value("probe_success"), answer.reason) == (0, "internal")
    assert (await ask(asked, held)).value("probe_success") == 1


async def test_the_newest_are_shown_with_what_came_of_them(asked: Asked, held: Held) -> None:
    held.release()
    await ask(asked, held)
    page = await asked.history()
    number, shown = re.findall(r'probe/history\?id=(\d+)">.*?<code>(.*?)</code>', page, re.DOTALL)[0]
    assert shown == held.url
    assert "probe_http_status_code 200" in await asked.history(int(number))
    assert (await asked.get("/probe/history?id=999999"))[0] == 404
    assert (await asked.get("/probe/history?id=x"))[0] == 404
