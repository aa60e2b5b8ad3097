"""The product itself as a process, and what is needed to watch it from outside.

async with Exporter(folder, SHIPPED, box_yaml) as exporter:
    await exporter.until_answer("tiktok", "up")
"""

from __future__ import annotations

import asyncio
import copy
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.box import SHIPPED
from tests.servers.faults import read
from tests.servers.ports import free_port

COMMAND = Path(sys.executable).with_name("outage-exporter")
ENDS_WITHIN = 5.0
"""Seconds from SIGTERM to the end, whatever is under way."""

_ASK_EVERY = 0.05
_STARTS_WITHIN = 60.0
"""Seconds on a machine that has other things to do; whoever ends instead is seen at once."""

T = TypeVar("T")


def _of(status: Any, service: str) -> Any:
    (found,) = (each for each in status["services"] if each["service"] == service)
    return found


async def until(
    ask: Callable[[], Awaitable[T]], holds: Callable[[T], object], within: float = 30.0, every: float = _ASK_EVERY
) -> T:
    """The first answer for which `holds` is true; AssertionError with the last answer after `within` seconds."""
    ends = time.monotonic() + within
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        assert time.monotonic() < ends, f"not within {within:g} s; the last answer was {answer}"
        await asyncio.sleep(every)


def hastened(folder: Path, interval: float) -> Path:
    """A copy of the shipped configuration that runs every `interval` seconds; nothing else but the timeout changes.

    A timeout must be shorter than its interval. Signals are asked as often, but no more than once a second.
    """
    content = copy.deepcopy(read(SHIPPED))
    content["defaults"] |= {"interval": _milliseconds(interval), "timeout": _milliseconds(0.8 * interval)}
    changed = list(_with_interval({"controls": content["controls"], "services": content["services"]}))
    for block in changed:
        block["interval"] = _milliseconds(interval)
    assert changed
    for signal in content["signals"].values():
        signal["interval"] = _milliseconds(max(1.0, interval))
    file = folder / "tiktok.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file


def _with_interval(block: Any) -> Iterator[dict[str, Any]]:
    if isinstance(block, dict):
        if "interval" in block:
            yield block
        for inner in block.values():
            yield from _with_interval(inner)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    status: int
    output: str
    errors: str


async def run_command(*arguments: str | Path, prefix: tuple[str, ...] = (), within: float = 60.0) -> Finished:
    """Run `outage-exporter ARGUMENTS` to its end while this process goes on serving."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        COMMAND,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Finished(process.returncode or 0, output.decode(), errors.decode())


class Page:
    """A metrics page that was scraped."""

    # Only what is asked for is parsed: pages are large, and the servers of a test share its loop.

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)

    def series(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The values of all series of that name that have these labels, by their labels."""
        lines = "".join(line for line in self._lines if line.startswith((f"{name}{{", f"{name} ")))
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(lines)
            for sample in family.samples
            if labels.items() <= sample.labels.items()
        }

    def total(self, name: str, **labels: str) -> float:
        """The sum of those series; KeyError when there is none."""
        found = self.series(name, **labels)
        if not found:
            raise KeyError(f"{name}{labels}")
        return sum(found.values())


class Exporter:
    """`outage-exporter run ARGUMENTS` on a free loopback port, its log in `folder`. Leaving sends SIGTERM.

    `prefix` is a command that execs the rest of the line, such as prlimit.
    """

    def __init__(
        self,
        folder: Path,
        *files: Path,
        arguments: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "exporter.log"
        self._command: list[str | Path] = [*prefix, COMMAND, "run", "--data.dir", folder / "data"]
        self._command += [f"--web.listen-address=127.0.0.1:{self.port}", *arguments]
        for file in files:
            self._command += ["--config.file", file]

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(*self._command, stderr=log, stdout=log)
        self._session = aiohttp.ClientSession(self.url)
        try:
            await until(self._answers, bool, _STARTS_WITHIN)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), ENDS_WITHIN)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that live now."""
        return [
            child for child in psutil.Process(self.process.pid).children() if child.status() != psutil.STATUS_ZOMBIE
        ]

    @staticmethod
    def allow_descriptors(process: psutil.Process, limit: int | None) -> None:
        """Let a process open no descriptor from number `limit` on; None for all that it may have."""
        hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (hard if limit is None else limit, hard))

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(path) as response:
            return response.status, await response.text()

    async def post(self, path: str) -> tuple[int, str]:
        async with self._session.post(path) as response:
            return response.status, await response.text()

    async def metrics(self) -> Page:
        return Page((await self.get("/metrics"))[1])

    async def status(self) -> Any:
        async with self._session.get("/api/v1/status") as response:
            return await response.json()

    async def verdict(self, service: str) -> Any:
        """The service's part of a status that was made after this was called: pages are copies, up to a second old."""
        called = datetime.now(UTC)
        status = await until(self.status, lambda found: datetime.fromisoformat(found["generated_at"]) >= called)
        return _of(status, service)

    async def until_answer(self, service: str, answer: str, within: float = 30.0) -> Any:
        """Its verdict as soon as it is `answer`."""
        status = await until(self.status, lambda found: _of(found, service)["answer"] == answer, within)
        return _of(status, service)

    async def until_value(
        self, name: str, holds: Callable[[float], object], within: float = 30.0, **labels: str
    ) -> float:
        """The sum of these series as soon as it holds."""

        async def ask() -> float:
            return (await self.metrics()).total(name, **labels)

        return await until(ask, holds, within)

    async def _answers(self) -> bool:
        if self.process.returncode is not None:
            raise ChildProcessError(f"the exporter ended with status {self.process.returncode}: {self.log}")
        try:
            return (await self.get("/-/healthy"))[0] == 200
        except aiohttp.ClientConnectionError:
            return False
