"""A peer that sends as fast as it can, from a process of its own: on one loop with the prober it would wait for it.

async with hosing(b"x" * 65536) as port:
    ...  # 127.0.0.1:{port}, which sends this without end to whoever connects
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

LASTS = 5.0
"""Seconds after which it closes, so that a prober that cannot stop by itself is found out and not waited for."""

_BATCH = 1 << 18


@asynccontextmanager
async def hosing(piece: bytes, first: bytes = b"", datagrams: bool = False) -> AsyncIterator[int]:
    """The port where one client is sent `first`, after it has spoken, and then `piece` over and over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        if not datagrams:
            listening.listen()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.servers.hose", str(listening.fileno()), first.hex(), piece.hex()),
            pass_fds=(listening.fileno(),),
            cwd=Path(__file__).parents[2],
        )
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def main(descriptor: int, first: bytes, piece: bytes) -> None:
    """Serve one client of the listening socket that has been inherited."""
    with socket.socket(fileno=descriptor) as listening, suppress(OSError):
        if listening.type == socket.SOCK_STREAM:
            _stream(listening, first, piece)
        else:
            _datagrams(listening, piece)


def _stream(listening: socket.socket, first: bytes, piece: bytes) -> None:
    connection, _ = listening.accept()
    batch, until = piece * max(1, _BATCH // len(piece)), time.monotonic() + LASTS
    with connection:
        if first:
            connection.recv(65536)
        connection.sendall(first)
        while time.monotonic() < until:
            connection.sendall(batch)


def _datagrams(listening: socket.socket, piece: bytes) -> None:
    _, client = listening.recvfrom(65536)
    until = time.monotonic() + LASTS
    while time.monotonic() < until:
        with suppress(OSError):
            listening.sendto(piece, client)


if __name__ == "__main__":
    main(int(sys.argv[1]), bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3]))
