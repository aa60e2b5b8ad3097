"""One probe in one region, through the same door as the schedule's: no configuration file, no worker."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exporter import kinds
from exporter.attempt import run
from exporter.model import Endpoint, NetworkOptions, Pair, Region, Result
from exporter.net import Network


async def probe(
    kind: str,
    target: str,
    *,
    within: float = 5.0,
    through: str | None = None,
    network: Network | NetworkOptions | None = None,
    **options: Any,
) -> Result:
    """Probe `target` once within so many seconds; `through` is a proxy's URL, `options` are the kind's own."""
    module = kinds.module("probes", kind)
    module.check_target(target)
    endpoint = Endpoint("tests", "tests", "tested", kind, target, module.Options(**options), 60.0, within)
    room = kinds.module("regions", "proxy" if through else "local")
    region = Region("here", "proxy", room.Options(url=through)) if through else Region("here", "local", room.Options())
    if not isinstance(network, Network):
        network = Network(network or NetworkOptions())
    result = await run(Pair(endpoint, region), network)
    assert sum(result.phases.values()) == pytest.approx(result.duration)
    return result


def needs(program: str) -> str:
    """The program's path; the test is skipped where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def open_descriptors() -> set[str]:
    """The sockets that this process holds open."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            where = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if where.startswith("socket:"):
            found.add(where)
    return found


@contextmanager
def full_descriptor_table() -> Iterator[None]:
    """Not one more file or socket can be opened inside."""
    gc.collect()  # what is closed later would make room
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 10, hard))
    spent = []
    try:
        while True:
            try:
                spent.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        for descriptor in spent:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def unanswering_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops every further SYN."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listening.getsockname())
            yield listening.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()
