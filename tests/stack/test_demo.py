"""The demonstration: two short turns, each seen by the exporter as announced, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers.demo import TURNS
from tests.servers.program import free_port, until

LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
SHORT_TURN = "12"


async def demo(*arguments: str, prefix: tuple[str, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-m", "tests.servers.demo", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def read_until(process: asyncio.subprocess.Process, part: str) -> list[str]:
    """The lines that it prints up to the first with `part`."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not lines or part not in lines[-1]:
            line = await process.stdout.readline()
            assert line, f"it ended without {part!r}: {lines}"
            lines.append(line.decode())
    return lines


async def test_each_turn_is_seen_as_announced_and_ctrl_c_ends_everything() -> None:
    port = free_port()
    process = await demo("--every", SHORT_TURN, "--port", str(port))
    try:
        greeting = "".join(await read_until(process, "it says: TikTok is up."))
        assert f"http://127.0.0.1:{port}/metrics" in greeting
        for turn in TURNS[:2]:
            announced = (await read_until(process, "broke: "))[-1]
            assert turn.did in announced
            assert turn.headline in announced
            said = await read_until(process, "later it says: ")
            assert len(said) == 1, said
            assert turn.headline in said[0]
            assert turn.sentence in said[0]
            await read_until(process, "mended.")
            assert "TikTok is up." in (await read_until(process, "later it says: "))[-1]
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 4
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0
        assert errors == b""
        assert output.decode().rstrip().endswith("ending.")

        async def alive() -> list[int]:
            return [child.pid for child in started if child.is_running()]

        await until(alive, lambda left: not left, 5)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await demo("--port", str(port))
        _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (1, f"demo: port {port} is taken; choose another with --port\n")


@pytest.mark.skipif(int(LOWEST_PORT.read_text()) <= 53, reason="on this machine anybody may serve low ports")
async def test_without_the_right_to_low_ports_it_says_that_it_needs_root() -> None:
    process = await demo("--port", str(free_port()), prefix=("setpriv", "--bounding-set=-net_bind_service"))
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "which needs root" in errors.decode()
    assert errors.count(b"\n") == 1
