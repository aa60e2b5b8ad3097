"""The module file is read again with the configuration: both are applied, or nothing of either."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.blackbox.asked import Asked, write_modules, write_quiet
from tests.blackbox.held import Held
from tests.servers.origin import Origin, Reply
from tests.servers.program import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = {"http_2xx": {"prober": "http", "http": {"valid_staus_codes": [200]}}}


def accepting(status: int) -> dict[str, object]:
    return {"http_2xx": {"prober": "http", "http": {"valid_status_codes": [status]}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    async with Asked(tmp_path_factory.mktemp("asked"), accepting(200)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def origin() -> AsyncIterator[Origin]:
    async with Origin(lambda request: Reply(status=404)) as running:
        yield running


async def reload(asked: Asked, modules: dict[str, object]) -> tuple[int, str]:
    write_modules(asked.modules, modules)
    return await asked.post("/-/reload")


async def test_new_modules_are_used_from_a_reload_on(asked: Asked, origin: Origin) -> None:
    assert (await asked.probe(origin.url)).value("probe_success") == 0
    assert await reload(asked, accepting(404)) == (200, "applied.\n")
    assert (await asked.probe(origin.url)).value("probe_success") == 1
    assert await reload(asked, {"other": {"prober": "tcp"}}) == (200, "applied.\n")
    assert (await asked.probe(origin.url)).status == 400


async def test_a_signal_reloads_too(asked: Asked, origin: Origin) -> None:
    write_modules(asked.modules, accepting(404))
    asked.process.send_signal(signal.SIGHUP)
    await until(lambda: asked.probe(origin.url), lambda answer: answer.value("probe_success") == 1)


async def test_when_one_file_is_wrong_nothing_of_both_is_applied_and_all_mistakes_are_told(
    asked: Asked, origin: Origin
) -> None:
    await reload(asked, accepting(404))
    write_quiet(asked.file, services={})
    status, told = await reload(asked, WRONG)
    assert status == 400
    assert "quiet.yaml" in told
    assert "blackbox.yml:1: modules.http_2xx.http.valid_staus_codes: unknown key" in told
    assert told.endswith(" mistakes; nothing was applied.\n")
    assert (await asked.probe(origin.url)).value("probe_success") == 1

    status, told = await reload(asked, accepting(200))
    assert (status, "quiet.yaml" in told) == (400, True)
    assert (await asked.probe(origin.url)).value("probe_success") == 1, "the module file was right, but not applied"

    write_quiet(asked.file)
    assert (await reload(asked, WRONG))[0] == 400
    shown = (await asked.get("/status"))[1]
    assert "valid_staus_codes: unknown key" in shown
    assert (await reload(asked, accepting(200)))[0] == 200
    assert (await asked.probe(origin.url)).value("probe_success") == 0


async def test_the_status_tells_of_the_modules(asked: Asked) -> None:
    await reload(asked, {"a": {"prober": "tcp"}, "b": {"prober": "icmp"}})
    shown = (await asked.get("/status"))[1]
    assert str(asked.modules) in shown
    assert "2 modules" in shown


async def test_a_probe_that_runs_ends_by_the_module_that_it_began_with_and_is_joined_by_nobody_new(
    asked: Asked,
) -> None:
    await reload(asked, accepting(200))
    async with Held() as held:
        before = asyncio.ensure_future(asked.probe(held.url))
        await held.until(came=1)
        assert await reload(asked, accepting(404)) == (200, "applied.\n")
        after = asyncio.ensure_future(asked.probe(held.url))
        await held.until(came=2)
        held.release()
        assert (await before).value("probe_success") == 1
        assert (await after).value("probe_success") == 0


async def test_what_waits_for_a_worker_while_its_module_goes_is_still_answered(asked: Asked, origin: Origin) -> None:
    await reload(asked, accepting(404))
    workers = asked.workers()
    for worker in workers:
        worker.suspend()
    try:
        asking = asyncio.ensure_future(asked.probe(origin.url))
        await until(asked.history, lambda page: "Under way: 1 " in page)
        assert await reload(asked, {"other": {"prober": "tcp"}}) == (200, "applied.\n")
    finally:
        for worker in workers:
            worker.resume()
    async with asyncio.timeout(20):
        assert (await asking).value("probe_success") == 1


async def test_a_program_that_ends_says_so_and_not_that_a_probe_failed(tmp_path: Path) -> None:
    async with Held() as held, Asked(tmp_path, accepting(200)) as asked:
        waiting = asyncio.ensure_future(asked.probe(held.url))
        await held.until(came=1)
        asked.process.terminate()
        answer = await waiting
        assert (answer.status, answer.text) == (503, "The program ends\n")
