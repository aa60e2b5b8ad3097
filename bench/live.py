"""A thousand open pages through a change of the verdict: how soon each hears of it, and what they cost meanwhile.

The program is a process of its own that probes a shop every second; the pages are streams of another. The verdict
changes because the shop does not answer any more. `python -m bench.live [STREAMS [SECONDS]]`; the second is how long
nothing happens: before they come, while they listen, and when they have gone.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import psutil

from bench.programs import await_port, ended, exporter, start
from bench.report import percentile
from tests.servers.ports import free_port

STREAMS = 1000
SECONDS = 60.0

_AFTERWARDS = 3.0  # seconds in which what a change costs is counted
_SHOP = """
import socketserver
socketserver.ThreadingTCPServer(("127.0.0.1", {port}), socketserver.BaseRequestHandler).serve_forever()
"""

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """Of the main process: CPU seconds since its start, resident bytes, and when that was, in monotonic seconds."""

    cpu: float
    memory: int
    at: float

    @classmethod
    def of(cls, program: psutil.Process) -> Use:
        return cls(sum(program.cpu_times()[:2]), program.memory_info().rss, time.monotonic())

    def until(self, later: Use) -> str:
        """What it used in a minute between the two, and what it had at the end."""
        return f"{(later.cpu - self.cpu) / (later.at - self.at) * 60:.2f} s, {later.memory / 1e6:.1f} MB"


def write_config(folder: Path, shop: int, control: int) -> Path:
    """A service and a control behind these ports, probed every second."""
    endpoints = {"till": {"kind": "tcp", "target": f"127.0.0.1:{shop}"}}
    config = {
        "defaults": {"interval": "1s", "timeout": "900ms"},
        "regions": {"here": {"kind": "local"}},
        "controls": {"control": {"kind": "tcp", "target": f"127.0.0.1:{control}"}},
        "services": {"shop": {"title": "Shop", "features": {"buy": {"core": True, "endpoints": endpoints}}}},
    }
    file = folder / "outage.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def accepting(stack: ExitStack) -> tuple[int, Popen[bytes]]:
    """A port at which a process accepts, until it is killed."""
    port = free_port()
    process = start(sys.executable, "-c", _SHOP.format(port=port))
    stack.enter_context(ended(process))
    await_port(port, process)
    return port, process


def ask(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def shop(base: str) -> Any:
    """The verdict of the shop, as JSON."""
    return json.loads(ask(f"{base}/api/v1/status"))["services"][0]


def shown(base: str) -> str:
    """The version that the page shows when it says for the first time that the shop is up."""
    while True:
        page = ask(f"{base}/shop")
        found = re.search(r'data-answer="(\w+)" data-version="(\w+)"', page)
        assert found
        if found[1] == "up":
            return found[2]
        time.sleep(0.1)


def measure(streams: int, seconds: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        port, till = accepting(stack)
        file = write_config(Path(name), port, accepting(stack)[0])
        process, url = stack.enter_context(exporter(Path(name), file))
        program, base = psutil.Process(process.pid), url.removesuffix("/metrics")
        version = shown(base)
        yield "nobody listens: CPU in a minute, memory", _idle(program, seconds)
        began = Use.of(program)
        command = (sys.executable, "-m", "bench.audience", base.split(":")[2], "/shop", f"{streams}", version)
        audience = start(*command, stdin=PIPE, stdout=PIPE)
        with ended(audience):
            _line(audience)
            joined = Use.of(program)
            yield f"{streams} come: CPU, seconds", f"{joined.cpu - began.cpu:.2f} s, {joined.at - began.at:.1f} s"
            yield f"{streams} listen: CPU in a minute, memory", _idle(program, seconds)
            yield from _change(program, base, audience, till)
            yield f"{streams} listen on: CPU in a minute, memory", _idle(program, seconds)
        time.sleep(20)  # at the next sign of life it is seen that they have gone
        yield "all have gone: CPU in a minute, memory", _idle(program, seconds)


def _change(program: psutil.Process, base: str, audience: Popen[bytes], till: Popen[bytes]) -> Iterator[Row]:
    before = Use.of(program)
    till.kill()
    heard = json.loads(_line(audience))
    time.sleep(_AFTERWARDS)
    after = Use.of(program)
    since = shop(base)["since"]
    took = [(at - since) * 1e3 for at in heard["at"]]
    yield "heard of the change, lost, bytes to each", f"{len(took)}, {heard['lost']}, {heard['size'] / len(took):.0f}"
    p50, p99 = percentile(took, 50), percentile(took, 99)
    yield "from the judgement to the page: p50, p99, max", f"{p50:.0f}, {p99:.0f}, {max(took):.0f} ms"
    found = f"{after.cpu - before.cpu:.2f} s, {after.memory / 1e6:.1f} MB"
    yield f"the change: CPU in {after.at - before.at:.0f} s, memory", found


def _idle(program: psutil.Process, seconds: float) -> str:
    before = Use.of(program)
    time.sleep(seconds)
    return before.until(Use.of(program))


def _line(audience: Popen[bytes]) -> bytes:
    assert audience.stdout
    line: bytes = audience.stdout.readline()
    if not line:
        raise RuntimeError("the audience has ended")
    return line


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    print("| what | found |\n|---|---|", flush=True)
    for what, found in measure(streams, seconds):
        print(f"| {what} | {found} |", flush=True)


if __name__ == "__main__":
    main()
