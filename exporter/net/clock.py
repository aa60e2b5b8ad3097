"""Clocks: the process's own, and the kernel's stamp of when bytes arrived.

The kernel stamps a segment when it arrives (SO_TIMESTAMPNS, socket(7)), so a prober that was busy
does not report its own queue as the service's latency. The stamp is wall time; it is moved onto
the monotonic clock at once, so that a step of the wall clock cannot bend a phase.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python's socket module does not name it."""

CONTROL_SPACE = 64
"""Bytes of ancillary data that hold a timespec and, for datagrams, a hop limit."""

_TIMESPEC = struct.Struct("@ll")


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` in seconds from anywhere, `time` in unix seconds."""

    monotonic: Callable[[], float] = time.monotonic
    time: Callable[[], float] = time.time


def ask_for_stamps(sock: socket.socket) -> bool:
    """Whether the kernel will stamp what this socket receives."""
    if sys.platform != "linux":
        return False
    _keep_stamping()
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return True


@cache
def _keep_stamping() -> None:
    # The kernel patches its own code when the first socket asks for stamps and when the last one goes, which costs
    # a millisecond in the middle of a measurement; one that never goes prevents it.
    keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    keeper.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    keeper.detach()


def arrival(control: list[tuple[int, int, bytes]], clock: Clock) -> float | None:
    """When the received bytes reached this machine, on the monotonic clock; None without a stamp."""
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            age: float = clock.time() - (seconds + nanoseconds * 1e-9)
            return clock.monotonic() - max(0.0, age)
    return None
