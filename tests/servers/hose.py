"""A peer that sends as fast as it can, from a process of its own: on one loop with the prober it would wait for it.

async with hosing(b"x" * 65536) as port:
    ...  # 127.0.0.1:{port}, which sends this without end to whoever connects
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

LASTS = 5.0
"""Seconds after which it closes, so that a prober that cannot stop by itself is found out and not waited for."""

_BATCH = 1 << 18

Sending = Callable[[socket.socket, bytes, bytes], None]


def _stream(listening: socket.socket, first: bytes, piece: bytes) -> None:
    connection, _ = listening.accept()
    batch, until = piece * max(1, _BATCH // len(piece)), time.monotonic() + LASTS
    if first:
        connection.recv(65536)
    with suppress(OSError):
        connection.sendall(first)
        while time.monotonic() < until:
            connection.sendall(batch)
    connection.close()


def _datagrams(listening: socket.socket, first: bytes, piece: bytes) -> None:
    _, client = listening.recvfrom(65536)
    until = time.monotonic() + LASTS
    while time.monotonic() < until:
        with suppress(OSError):
            listening.sendto(piece, client)


@asynccontextmanager
async def hosing(piece: bytes, first: bytes = b"", datagrams: bool = False) -> AsyncIterator[int]:
    """The port where one client is sent `first`, after it has spoken, and then `piece` over and over."""
    sending: Sending = _datagrams if datagrams else _stream
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        if not datagrams:
            listening.listen()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=sending, args=(listening, first, piece), daemon=True)
        process.start()
        try:
            yield listening.getsockname()[1]
        finally:
            process.kill()
            process.join()
            process.close()
