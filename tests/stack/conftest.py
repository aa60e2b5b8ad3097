"""The whole product for the tests in this folder: TikTok in a box, two real proxies, the exporter, Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.servers.box import Box
from tests.servers.program import Exporter, hastened
from tests.servers.proxies import Microsocks, Tinyproxy
from tests.stack.prometheus import Prometheus

SOCKS, CONNECT = "eu-west", "us-east"
REGIONS = ("here", SOCKS, CONNECT)


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything, running."""

    box: Box
    socks: Microsocks
    connect: Tinyproxy
    exporter: Exporter
    prometheus: Prometheus
    files: tuple[Path, Path]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The shipped configuration with shorter times, watched by Prometheus, all well."""
    folder = tmp_path_factory.mktemp("stack")
    async with AsyncExitStack() as running:
        box = await running.enter_async_context(Box())
        socks = await running.enter_async_context(Microsocks(box, SOCKS, user="box", password="open sesame"))
        connect = await running.enter_async_context(Tinyproxy(box, CONNECT))
        files = (hastened(folder, 2.0), box.write_config(folder, [socks, connect]))
        exporter = await running.enter_async_context(Exporter(folder, *files))
        prometheus = await running.enter_async_context(Prometheus(folder, f"127.0.0.1:{exporter.port}"))
        yield Stack(box, socks, connect, exporter, prometheus, files)
