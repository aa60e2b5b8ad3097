"""Ports for programs that want to be told one: nobody listens there, and nobody else is given it."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Above what services are given, below what the kernel gives to connections: none of those comes first.
_FROM, _PAST = 20_000, 32_768


def free_port() -> int:
    """A port on 127.0.0.1 where nobody listens by TCP or UDP; no other test gets it while this process lives."""
    while True:
        port = random.randrange(_FROM, _PAST)
        with suppress(OSError):
            _claim(port)
            _try_to_listen(port)
            return port


def _claim(port: int) -> None:
    """Tests of all processes agree by a name in the kernel, which is free again when the process ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0outage-exporter-test-port-{port}")
    except OSError:
        claim.close()
        raise
    claim.detach()  # stays open


def _try_to_listen(port: int) -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            probe.bind(("127.0.0.1", port))
