"""The real Alertmanager as a process, alone on a free loopback port, its data and log in a folder."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.servers.ports import free_port
from tests.servers.program import until

PROGRAMS = ("prometheus-alertmanager", "alertmanager")
"""Debian's name, and everybody else's."""

_STARTS_WITHIN = 30.0
_ENDS_WITHIN = 5.0


class MissingAlertmanagerError(RuntimeError):
    """Alertmanager is not installed."""


def find_program() -> str:
    """Its path; MissingAlertmanagerError when there is none."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise MissingAlertmanagerError("Alertmanager is not installed; apt-get install prometheus-alertmanager")


class Alertmanager:
    """Runs `config`, with `environment` beside this process's own. Leaving sends SIGTERM."""

    def __init__(
        self, folder: Path, config: Path, environment: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, **(environment or {})}
        self._log = folder / "alertmanager.log"
        self._arguments = (
            f"--config.file={config}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.external-url={self.url}",
            "--cluster.listen-address=",  # alone: no gossip, and no wait for peers before the first notification
        )

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                find_program(), *self._arguments, stdout=log, stderr=log, env=self._environment
            )
        self._session = aiohttp.ClientSession(self.url)
        try:
            await until(self._ready, bool, _STARTS_WITHIN)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _ENDS_WITHIN)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def complaints(self) -> list[str]:
        """The lines of its log that are not merely information, on either line of versions."""
        levels = ("level=error", "level=warn", "level=ERROR", "level=WARN")
        return [line for line in self.log.splitlines() if any(level in line for level in levels)]

    async def post(self, *alerts: Mapping[str, Any]) -> None:
        """Alerts in the form of API v2 (`labels`, `annotations`, `startsAt`, `endsAt`); ValueError if refused."""
        async with self._session.post("/api/v2/alerts", json=list(alerts)) as response:
            if response.status != 200:
                raise ValueError(f"Alertmanager refuses the alerts: {await response.text()}")

    async def alerts(self) -> Sequence[Any]:
        """What it holds, with `status.state` and `status.inhibitedBy`."""
        async with self._session.get("/api/v2/alerts") as response:
            found: Sequence[Any] = await response.json()
            return found

    async def _ready(self) -> bool:
        if self._process.returncode is not None:
            raise ChildProcessError(f"Alertmanager ended with status {self._process.returncode}: {self.log}")
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False
