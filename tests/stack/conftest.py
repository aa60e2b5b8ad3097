"""The whole product for the tests in this folder: TikTok in a box, two real proxies, the exporter, Prometheus."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.servers.box import SHIPPED, Box
from tests.servers.program import Exporter
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
        files = (hastened(folder), box.write_config(folder, [socks, connect]))
        exporter = await running.enter_async_context(Exporter(folder, *files))
        prometheus = await running.enter_async_context(Prometheus(folder, f"127.0.0.1:{exporter.port}"))
        yield Stack(box, socks, connect, exporter, prometheus, files)


def hastened(folder: Path) -> Path:
    """The shipped configuration with an interval of 2 s everywhere, and nothing else changed but the timeout.

    A timeout must be shorter than its interval.
    """
    text, changes = re.subn(r"\binterval: \d+[sm]", "interval: 2s", SHIPPED.read_text(encoding="utf-8"))
    text, also = re.subn(r"\btimeout: \d+s", "timeout: 1500ms", text)
    assert changes > 1
    assert also == 1
    file = folder / "tiktok.yaml"
    file.write_text(text, encoding="utf-8")
    return file
