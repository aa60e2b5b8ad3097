"""A web server that answers a known time after the request arrived: `python -m bench.delayed PORT`.

Threads with blocking sockets sleep until an absolute moment: the kernel's stamp of the request's arrival plus `DELAY`.
The process runs with real-time priority where it may, so that the programs under measurement do not delay it. For each
line on its standard input it prints, as JSON, how late it has answered since the line before: seconds, one per request.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from bench.programs import await_port, ended, free_port, start
from exporter.net.clock import CONTROL_SPACE, Clock, arrival, ask_for_stamps

DELAY = 0.05
"""Seconds."""

THREADS = 160
BODY = b"x" * 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s" % (len(BODY), BODY)
_PR_SET_TIMERSLACK = 29


class Delayed:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self._process = process

    def take_lateness(self) -> list[float]:
        """How late each answer since the last call was, in seconds: what no client can measure better than."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        lateness: list[float] = json.loads(self._process.stdout.readline())
        return lateness


@contextlib.contextmanager
def delayed() -> Iterator[Delayed]:
    port = free_port()
    process = start(
        sys.executable, "-m", "bench.delayed", str(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    with ended(process):
        await_port(port, process)
        yield Delayed(process, port)


def _serve(listener: socket.socket, lateness: list[float]) -> None:
    clock = Clock()
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            request, control, _, _ = connection.recvmsg(65536, CONTROL_SPACE)
            arrived = arrival(control, clock)
            if not request or arrived is None:
                continue
            time.sleep(max(0.0, arrived + DELAY - time.monotonic()))
            late = time.monotonic() - arrived - DELAY
            connection.sendall(ANSWER)
            lateness.append(late)


def _main(port: int) -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    # One nanosecond instead of 50 us; threads inherit it.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    ask_for_stamps(listener)  # accepted sockets inherit it, so not even a request in the backlog goes without
    lateness: list[float] = []
    for _ in range(THREADS):
        threading.Thread(target=_serve, args=(listener, lateness), daemon=True).start()
    for _ in sys.stdin:
        taken = lateness[:]
        del lateness[: len(taken)]
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
