"""A load generator for `/probe`, theirs or ours: `python -m bench.load PORT TARGET RATE CONNECTIONS`.

It asks over kept-alive connections, RATE times a second spread evenly, or as fast as the answers come when RATE is 0.
Each request is for another path below TARGET, because who is asked for the same twice at once may probe it once. It
ends when its standard input does and prints JSON: probes, failures, the `seconds` in which it asked, and of each
success the seconds of `processing` and those that the answer `took`.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from bench.pages import HEADERS
from bench.programs import ended, start

_PROCESSING = re.compile(rb'probe_http_duration_seconds\{phase="processing"\} (\S+)')


class Load:
    """A running generator; `stop` ends it and gives its report."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self._process.communicate(timeout=30)[0])
        return report


@contextmanager
def load(port: int, target: str, rate: float, connections: int) -> Iterator[Load]:
    """Put the `/probe` on `port` under load."""
    words = (sys.executable, "-m", "bench.load", str(port), target, str(rate), str(connections))
    process = start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with ended(process):
        yield Load(process)


class _Generator:
    def __init__(self, port: int, target: str, rate: float, connections: int) -> None:
        self.processing: list[float] = []
        self.took: list[float] = []
        self.failures = 0
        self._port, self._connections = port, connections
        self._pause = connections / rate if rate else 0.0
        headers = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self._before = f"GET /probe?module=http&target={quote(target, safe='')}"
        self._behind = f" HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"
        self._numbers = itertools.count()

    async def run(self) -> None:
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for place in range(self._connections):
                group.create_task(self._ask_forever(began + self._pause * place / self._connections))

    async def _ask_forever(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + self._pause, loop.time())
            began = loop.time()
            writer.write(f"{self._before}{next(self._numbers)}{self._behind}".encode())
            body = await _body(reader)
            self._note(body, loop.time() - began)

    def _note(self, body: bytes, took: float) -> None:
        found = _PROCESSING.search(body)
        if b"\nprobe_success 1\n" not in body or found is None:
            self.failures += 1
        else:
            self.processing.append(float(found[1]))
            self.took.append(took)


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else await _chunks(reader)
    return gzip.decompress(body) if b"content-encoding: gzip" in head else body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


async def _main(port: str, target: str, rate: str, connections: str) -> None:
    generator = _Generator(int(port), target, float(rate), int(connections))
    running = asyncio.create_task(generator.run())
    until_told = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    began = time.monotonic()
    await asyncio.wait((running, until_told), return_when=asyncio.FIRST_COMPLETED)
    seconds = time.monotonic() - began
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    probes = len(generator.processing) + generator.failures
    measured = {"seconds": seconds, "processing": generator.processing, "took": generator.took}
    print(json.dumps({"probes": probes, "failures": generator.failures, **measured}))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
