"""Ten thousand connections that say nothing, and come again when they are let go, while a visitor asks for a page.

`python -m bench.silence [CONNECTIONS [SECONDS]]`; the visitor comes by a new connection ten times a second, before and
meanwhile. The program, the crowd and the visitor are processes of their own.
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import PIPE

import psutil

from bench.live import Use, accepting, shown, write_config
from bench.programs import ended, exporter, start
from bench.report import percentile

CONNECTIONS = 10_000
SECONDS = 30.0

_ASK_EVERY = 0.1  # seconds

Row = tuple[str, str]


def crowd(port: int, count: int) -> None:
    """Keep so many connections open that say nothing, until this process ends; a line when all are there."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    there, looking, told = dict[int, socket.socket](), select.poll(), False
    while True:
        while len(there) < count:
            one = socket.create_connection(("127.0.0.1", port))
            there[one.fileno()] = one
            looking.register(one, select.POLLIN)
        if not told:
            print("all are there", flush=True)
            told = True
        for number, _ in looking.poll(100):
            looking.unregister(number)
            there.pop(number).close()


def visit(url: str, seconds: float) -> list[float]:
    """How long each answer took, in milliseconds; a visit that fails counts as ten seconds."""
    took = []
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        failed = True
        with suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            failed = not answer.read()
        took.append(10_000.0 if failed else (time.monotonic() - began) * 1e3)
        time.sleep(max(0.0, _ASK_EVERY - (time.monotonic() - began)))
    return took


def measure(connections: int, seconds: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name, _probed(Path(name)) as (program, base):
        shown(base)
        yield "nobody else", _asked(program, base, seconds)
        gathering = start(
            sys.executable, "-m", "bench.silence", "crowd", base.split(":")[2], f"{connections}", stdout=PIPE
        )
        with ended(gathering):
            assert gathering.stdout
            began = time.monotonic()
            gathering.stdout.readline()
            yield f"{connections} come", f"{time.monotonic() - began:.1f} s"
            yield f"{connections} that say nothing", _asked(program, base, seconds)


def _asked(program: psutil.Process, base: str, seconds: float) -> str:
    before = Use.of(program)
    took = visit(f"{base}/shop", seconds)
    failed = sum(one >= 10_000.0 for one in took)
    page = f"{percentile(took, 50):.1f}, {percentile(took, 99):.1f}, {max(took):.1f} ms; {failed} of {len(took)} failed"
    return f"{page}; {before.until(Use.of(program))}"


@contextmanager
def _probed(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The program over a shop that is up: its main process and its address."""
    with ExitStack() as stack:
        file = write_config(folder, accepting(stack)[0], accepting(stack)[0])
        process, url = stack.enter_context(exporter(folder, file))
        yield psutil.Process(process.pid), url.removesuffix("/metrics")


def main() -> None:
    if sys.argv[1:2] == ["crowd"]:
        crowd(int(sys.argv[2]), int(sys.argv[3]))
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else CONNECTIONS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    print("| who is there | answers p50, p99, max; CPU in a minute, memory |\n|---|---|", flush=True)
    for what, found in measure(connections, seconds):
        print(f"| {what} | {found} |", flush=True)


if __name__ == "__main__":
    main()
