"""The demonstration: turns seen by the exporter as announced, a page on the phone, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers.local import ENDS_WITHIN, free_ports
from tests.servers.program import until
from tests.servers.turns import TURNS

LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
SHORT_TURN = "36"  # seconds


async def demo(
    *arguments: str, ports: dict[str, int] | None = None, prefix: tuple[str, ...] = ()
) -> asyncio.subprocess.Process:
    flags = [f"--port={name}={port}" for name, port in (ports or free_ports()).items()]
    return await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-m", "tests.servers.demo", *flags, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def read_until(process: asyncio.subprocess.Process, part: str, within: float = 60.0) -> list[str]:
    """The lines that it prints up to the first with `part`."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(within):
        while not lines or part not in lines[-1]:
            line = await process.stdout.readline()
            assert line, f"it ended without {part!r}: {lines}"
            lines.append(line.decode())
    return lines


async def test_each_turn_is_seen_as_announced_and_ctrl_c_ends_everything() -> None:
    ports = free_ports()
    process = await demo("--every", SHORT_TURN, ports=ports)
    try:
        greeting = "".join(await read_until(process, "it says: TikTok is up."))
        for name in ("exporter", "prometheus", "alertmanager"):
            assert f"http://localhost:{ports[name]}/" in greeting
        assert "taken back five minutes after" in greeting
        assert f"http://localhost:{ports['exporter']}/tiktok\n" in greeting
        for turn in TURNS[:2]:
            announced = (await read_until(process, "broke: "))[-1]
            assert turn.did in announced
            assert turn.headline in announced
            said = (await read_until(process, "later it says: "))[-1]
            assert turn.headline in said
            assert turn.sentence in said
            await read_until(process, "mended.")
            assert "TikTok is up." in (await read_until(process, "later it says: "))[-1]
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 7
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 2 * ENDS_WITHIN)
        assert process.returncode == 0
        assert errors == b""
        assert output.decode().rstrip().endswith("All stopped.")

        async def alive() -> list[int]:
            return [child.pid for child in started if child.is_running()]

        await until(alive, lambda left: not left, 5)
    finally:
        await end(process)


async def test_a_stack_that_dies_ends_the_demonstration() -> None:
    process = await demo("--every", SHORT_TURN)
    try:
        await read_until(process, "it says: TikTok is up.")
        (victim,) = (
            child for child in psutil.Process(process.pid).children(recursive=True) if child.name() == "prometheus"
        )
        victim.kill()
        _, errors = await asyncio.wait_for(process.communicate(), 2 * ENDS_WITHIN)
        assert process.returncode == 1
        assert errors.decode() == (
            "stack: Prometheus was killed by SIGKILL, so all was stopped. What it said is above.\n"
        )
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.communicate()


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await demo(ports=free_ports() | {"exporter": port})
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode() == (
        f"stack: port {port} (exporter) is taken; choose another with --port exporter=PORT"
        ' (with make: ARGS="--port exporter=PORT")\n'
    )


@pytest.mark.skipif(int(LOWEST_PORT.read_text()) <= 53, reason="on this machine anybody may serve low ports")
async def test_without_the_right_to_low_ports_it_says_that_it_needs_root() -> None:
    process = await demo(prefix=("setpriv", "--bounding-set=-net_bind_service"))
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "which needs root" in errors.decode()
    assert errors.count(b"\n") == 1
