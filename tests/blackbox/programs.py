"""Both programs with the same module file, side by side, and one probe asked of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.blackbox.pages import Page, parsed
from tests.servers.ports import free_port
from tests.servers.program import Exporter

DEBIAN = "prometheus-blackbox-exporter"
_STARTS_WITHIN = 10.0

CONFIGURATION = """
defaults: {interval: 1h, timeout: 5s}
regions:
  here: {kind: local}
controls:
  nobody: {url: "http://127.0.0.1:1/"}
services:
  nothing:
    features:
      all: {core: true, endpoints: {nobody: {url: "http://127.0.0.1:1/"}}}
"""
"""Nothing that is scheduled matters here."""

Query = Iterable[tuple[str, str]]


@asynccontextmanager
async def running(port: int, *command: str | Path) -> AsyncIterator[None]:
    """`command`, from when it accepts connections on `port`; a process tells nobody, so it is asked every 10 ms."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(_STARTS_WITHIN):
            while True:
                assert process.returncode is None, f"{command[0]} did not start"
                with suppress(ConnectionError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    break
                await asyncio.sleep(0.01)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def blackbox_exporter(modules: Path, program: str = DEBIAN) -> AsyncIterator[str]:
    """blackbox_exporter's URL."""
    port = free_port()
    listens = f"--web.listen-address=127.0.0.1:{port}"
    async with running(port, program, f"--config.file={modules}", listens, "--log.level=error"):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def outage_exporter(folder: Path, modules: Path) -> AsyncIterator[str]:
    """Our URL; the machine itself may be probed."""
    file = folder / "nothing.yaml"
    file.write_text(CONFIGURATION)
    allowed = [argument for network in ("127.0.0.0/8", "::1/128") for argument in ("--blackbox.allow", network)]
    async with Exporter(folder, file, arguments=("--blackbox.config", str(modules), *allowed)) as exporter:
        yield exporter.url


class Both:
    """Asks one and the other at the same time."""

    def __init__(self, session: aiohttp.ClientSession, theirs: str, ours: str) -> None:
        self._session = session
        self.theirs, self.ours = theirs, ours

    async def probe(self, query: Query, headers: Mapping[str, str]) -> tuple[Page, Page]:
        """Their page and ours."""
        one, other = await asyncio.gather(*(self._ask(url, query, headers) for url in (self.theirs, self.ours)))
        return one, other

    async def _ask(self, url: str, query: Query, headers: Mapping[str, str]) -> Page:
        async with self._session.get(f"{url}/probe", params=list(query), headers=headers) as response:
            return parsed(response.status, await response.text())


@asynccontextmanager
async def both(folder: Path, modules: Path, program: str = DEBIAN) -> AsyncIterator[Both]:
    """The two programs, started at once."""
    async with (
        blackbox_exporter(modules, program) as theirs,
        outage_exporter(folder, modules) as ours,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        yield Both(session, theirs, ours)
