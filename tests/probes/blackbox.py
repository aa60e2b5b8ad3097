"""Debian's blackbox_exporter beside ours: the same module and target must give the same samples and verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporter import kinds
from exporter.model import Result
from tests.probing import needs
from tests.servers.ports import free_port

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
NEWER_LABELS = {"serialnumber"}  # than the one that Debian has
TIMINGS = ("_duration_seconds", "_time_seconds")


@asynccontextmanager
async def blackbox(folder: Path, modules: dict[str, Any]) -> AsyncIterator[Callable[[str, str], Awaitable[Samples]]]:
    """Runs it with `modules`; the callable probes (module, target)."""
    program, port = needs("prometheus-blackbox-exporter"), free_port()
    file = folder / "blackbox.yml"
    file.write_text(json.dumps({"modules": modules}))
    address = f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        program, f"--config.file={file}", f"--web.listen-address={address}", "--log.level=error"
    )
    try:
        async with aiohttp.ClientSession(f"http://{address}") as session:
            await _listens(session, process)

            async def probe(module: str, target: str) -> Samples:
                async with session.get("/probe", params={"module": module, "target": target}) as response:
                    return _parsed(await response.text())

            yield probe
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _listens(session: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(10):
        while True:
            assert process.returncode is None, "blackbox_exporter did not start"
            with suppress(aiohttp.ClientConnectionError):
                async with session.get("/-/healthy"):
                    return
            await asyncio.sleep(0.01)


def _parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(TIMINGS)
    }


def ours(kind: str, result: Result, options: Any) -> Samples:
    """The samples that our page would show for `result`, timings aside."""
    module = kinds.module("probes", kind)
    families = module.families(options) if hasattr(module, "families") else module.FAMILIES
    labels = {family.name: family.labels for family in families}
    samples: Samples = {("probe_success", frozenset()): float(result.ok)}
    for key, value in result.samples.items():
        name, *values = (key,) if isinstance(key, str) else key
        if not name.endswith(TIMINGS):
            named = zip(labels[name], values, strict=True)
            samples[name, frozenset(pair for pair in named if pair[0] not in NEWER_LABELS)] = value
    return samples


def assert_same(kind: str, theirs: Samples, result: Result, options: Any) -> None:
    """Every sample of theirs is ours, and ours has no other of the same names."""
    mine = ours(kind, result, options)
    names = {name for name, _ in theirs}
    mine = {key: value for key, value in mine.items() if key[0] in names}
    assert sorted(map(str, mine.items() - theirs.items())) == sorted(map(str, theirs.items() - mine.items())), mine
