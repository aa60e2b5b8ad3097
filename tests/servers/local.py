"""The whole stack as a process: `deploy.local.stack` on free ports, with its data in a folder.

async with LocalStack(folder / "data", files=(config,)) as stack:
    await stack.until_ready()
    await stack.get("prometheus", "/api/v1/rules")
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import psutil

from deploy.local.programs import PROGRAMS, ROOT
from tests.servers.ports import free_port
from tests.servers.program import until

ENDS_WITHIN = 12.0
"""Seconds from the signal to the end; honcho kills what has not ended five seconds after the first that has."""

READY = "Everything answers"
_READY_WITHIN = 60.0
_ANSWERS_WITHIN = 5.0


def free_ports() -> dict[str, int]:
    """A port for each program, by its name."""
    return {program.name: free_port() for program in PROGRAMS}


class LocalStack:
    """Leaving sends SIGTERM. What it says goes to `log`, or to where this process's words go when that is None."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        files: tuple[Path, ...] = (),
        ports: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.ports = dict(ports or free_ports())
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._command = [sys.executable, "-m", "deploy.local.stack", f"--data={data}", *arguments]
        self._command += [f"--port={name}={port}" for name, port in self.ports.items()]
        self._command += [f"--config.file={file}" for file in files]

    async def __aenter__(self) -> Self:
        output = self._log.open("wb") if self._log else None
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output and asyncio.subprocess.STDOUT,
            )
        finally:
            if output:
                output.close()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWERS_WITHIN))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        with suppress(ProcessLookupError):
            self.process.terminate()
        await self.ended()

    async def ended(self, within: float = ENDS_WITHIN) -> int:
        """Its exit status; TimeoutError, and it is killed, when it has none after `within` seconds."""
        try:
            return await asyncio.wait_for(self.process.wait(), within)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log else ""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    async def until_ready(self) -> None:
        """Return once it says that everything answers."""
        await self.until_said(READY, _READY_WITHIN)

    async def until_said(self, words: str, within: float) -> None:
        async def said() -> str:
            assert words in self.log or self.process.returncode is None, f"it ended: {self.log}"
            return self.log

        await until(said, lambda log: words in log, within)

    async def until_children(self, count: int) -> None:
        """Return once it has begun to start its programs: `count` processes of it wait for one each."""

        async def children() -> int:
            return len(psutil.Process(self.process.pid).children())

        await until(children, lambda found: found >= count, _READY_WITHIN)

    async def get(self, name: str, path: str) -> Any:
        """The JSON that a program answers; aiohttp.ClientConnectionError or TimeoutError when it does not."""
        async with self._session.get(self.url(name) + path) as response:
            response.raise_for_status()
            return await response.json()

    async def post(self, name: str, path: str, content: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self.url(name) + path, data=json.dumps(content), headers=headers) as response:
            response.raise_for_status()
            return await response.json()
