"""TikTok in a box and the whole stack, breaking and mending by turns: `make demo`, or `python -m tests.servers.demo`.

Nothing leaves this machine. Rules and Alertmanager's configuration are those that ship, but that pages go to a receiver
here, which prints what a phone would show. The exporter's configuration is the one that ships, with shorter intervals;
the box adds where names are resolved, whom to trust, and two regions behind real proxies when those are installed.
Needs root for ports 53, 80 and 443 on loopback addresses. Ctrl-C ends it and all that it started.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp

from deploy.local.programs import PROGRAMS
from deploy.local.stack import parse_port
from tests.servers.box import Box
from tests.servers.local import LocalStack
from tests.servers.pages import DEADMAN, PAGER, Notice, Pages
from tests.servers.program import hastened
from tests.servers.proxies import Microsocks, MissingProgramError, Tinyproxy
from tests.servers.turns import EU, TURNS, UP, US, Turn

EVERY = 300.0
"""Seconds of a turn: time for a page, which comes within two minutes of an outage."""

INTERVALS_PER_TURN = 12
BROKEN_FOR = 2 / 3
"""Of a turn; the rest is for healing."""

STARTS_WITHIN = 60.0
_ASK_EVERY = 0.25


class Demo:
    """One box with its stack; `stop` ends it."""

    def __init__(self, box: Box, local: LocalStack, regions: set[str], every: float) -> None:
        self._box = box
        self._local = local
        self._regions = regions
        self._every = every
        self._all_well = f"ads are fine in {1 + len(regions)} region"
        self.stop = asyncio.Event()

    async def play(self) -> None:
        """Turn after turn, until `stop`; ChildProcessError when the stack ends by itself."""
        await self._listen(UP, self._all_well, time.monotonic() + STARTS_WITHIN)
        turns = [turn for turn in TURNS if turn.region is None or turn.region in self._regions]
        while not self.stop.is_set():
            for turn in turns:
                await self._take(turn)

    async def _take(self, turn: Turn) -> None:
        if self.stop.is_set():
            return
        began = time.monotonic()
        for fault in turn.faults:
            self._box.break_(**fault)
        for name in turn.published:
            self._box.publish(name)
        await self._report(turn)
        say(f'broke: {turn.did}. The exporter should soon say "{turn.headline}" and "... {turn.sentence} ..."')
        await self._listen(turn.headline, turn.sentence, began + self._every * BROKEN_FOR)
        await self._pause_until(began + self._every * BROKEN_FOR)
        self._box.mend()
        say(f'mended. The exporter should soon say "{UP}"')
        await self._listen(UP, self._all_well, began + self._every)
        await self._pause_until(began + self._every)

    async def _report(self, turn: Turn) -> None:
        """As many people as the turn says, each from an address of their own, tell the page what does not work."""
        for number in range(turn.reports):
            connector = aiohttp.TCPConnector(local_addr=(f"127.40.0.{1 + number}", 0))
            report = {"service": "tiktok", "feature": turn.faults[0]["feature"]}
            async with aiohttp.ClientSession(self._local.url("exporter"), connector=connector) as person:
                with suppress(aiohttp.ClientConnectionError):
                    await person.post("/api/v1/reports", data=report)

    async def _listen(self, headline: str, sentence: str, until: float) -> None:
        """Print what the exporter says as soon as it is this, or give up at `until`."""
        began = time.monotonic()
        while time.monotonic() < until and not self.stop.is_set():
            if found := await self._sentence(headline, sentence):
                say(f"  {time.monotonic() - began:.0f} s later it says: {headline} {found}")
                return
            await self._pause_until(time.monotonic() + _ASK_EVERY)

    async def _sentence(self, headline: str, part: str) -> str | None:
        """The exporter's sentence that holds `part`, when `headline` is what it says."""
        with suppress(aiohttp.ClientConnectionError, TimeoutError):  # it starts, or it ends
            services = (await self._local.get("exporter", "/api/v1/status"))["services"]
            (verdict,) = (each for each in services if each["service"] == "tiktok")
            sentences = verdict["sentences"] if verdict["headline"] == headline else []
            return next((sentence for sentence in sentences if part in sentence), None)
        return None

    async def _pause_until(self, at: float) -> None:
        stopped, ended = asyncio.create_task(self.stop.wait()), asyncio.create_task(self._local.process.wait())
        try:
            await asyncio.wait(
                {stopped, ended}, timeout=max(0.0, at - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done() and not self.stop.is_set():
                if status := ended.result():
                    raise ChildProcessError(f"the stack ended with status {status}")
                self.stop.set()
        finally:
            stopped.cancel()
            ended.cancel()


async def run(ports: Mapping[str, int], every: float) -> None:
    """Play until SIGINT or SIGTERM; OSError says why it cannot."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        box = await stack.enter_async_context(Box())
        proxies = await _proxies(box, stack)
        pages = await stack.enter_async_context(Pages(Phone().show))
        interval = every / INTERVALS_PER_TURN
        _greet(interval, every, ports["exporter"])
        local = LocalStack(
            folder / "data",
            f"--alertmanager.file={pages.write_config(folder)}",
            "--log.level=warn",
            files=(hastened(folder, interval), box.write_config(folder, proxies)),
            ports=ports,
            environment=pages.environment,
        )
        await stack.enter_async_context(local)
        demo = Demo(box, local, {proxy.region for proxy in proxies}, every)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, demo.stop.set)
        await demo.play()
        say("ending.")


async def _proxies(box: Box, stack: AsyncExitStack) -> Sequence[Microsocks | Tinyproxy]:
    started: list[Microsocks | Tinyproxy] = []
    for proxy in (Microsocks(box, EU, user="box", password="box"), Tinyproxy(box, US)):
        try:
            started.append(await stack.enter_async_context(proxy))
        except MissingProgramError as error:
            say(f"without the region {proxy.region}: {error}")
    return started


class Phone:
    """Prints what its owner is told: a page in full, of the rest the title, of the dead man's switch the first beat."""

    def __init__(self) -> None:
        self._beating = False

    def show(self, notice: Notice) -> None:
        if notice.channel == PAGER:
            say(f"the phone {'is told' if notice.resolved else 'rings'}: {notice.title}")
            first, *rest = notice.body.splitlines() or [""]
            for line in rest if first in notice.title else (first, *rest):
                print(f"         | {line}", flush=True)
        elif notice.channel != DEADMAN:
            say(f"{notice.channel}: {notice.title}")
        elif not self._beating:
            self._beating = True
            say(f"the dead man's switch hears its first beat ({notice.title}).")


def _greet(interval: float, every: float, port: int) -> None:
    print(
        f"TikTok in a box, and the whole stack, probed every {interval:.3g} s. No packet leaves this machine.\n"
        f"Every {every:g} s something else breaks and heals. A page comes within two minutes of an outage that lasts,\n"
        "and is taken back five minutes after all is well again: expect it in the turn after. Ctrl-C ends it all.\n"
        f"What people see of it: http://localhost:{port}/tiktok",
        flush=True,
    )


def say(line: str) -> None:
    """One line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds < INTERVALS_PER_TURN:
        raise argparse.ArgumentTypeError(f"{text} s is too short for a turn; {INTERVALS_PER_TURN} s is the least")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description="TikTok in a box and the whole stack, without internet.")
    parser.add_argument(
        "--port", metavar="NAME=PORT", type=parse_port, action="append", default=[], help="another port for a program"
    )
    parser.add_argument("--every", type=_seconds, default=EVERY, help="seconds of a turn (default: %(default)g)")
    options = parser.parse_args()
    try:
        asyncio.run(run({program.name: program.port for program in PROGRAMS} | dict(options.port), options.every))
    except ChildProcessError:
        return 1  # the stack has said why
    except (OSError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
