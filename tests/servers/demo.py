"""TikTok in a box and the exporter, breaking and mending by turns: `make demo`, or `python -m tests.servers.demo`.

Nothing leaves this machine. The configuration is the one that ships, with shorter intervals, so that a turn shows
within a minute; the box adds where names are resolved, whom to trust, and two regions behind real proxies when those
are installed. Needs root for ports 53, 80 and 443 on loopback addresses. Ctrl-C ends it and all that it started.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.servers.box import Box
from tests.servers.faults import CONTROLS
from tests.servers.program import Exporter, hastened
from tests.servers.proxies import Microsocks, MissingProgramError, Tinyproxy

PORT = 19720
INTERVALS_PER_TURN = 12
BROKEN_FOR = 2 / 3
"""Of a turn; the rest is for healing."""

EU, US = "eu-west", "us-east"
_ASK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """What is broken, as arguments of `Box.break_`, and what the exporter should then say."""

    did: str
    faults: tuple[dict[str, Any], ...]
    headline: str
    sentence: str

    @property
    def region(self) -> str | None:
        """The region it is about."""
        return self.faults[0].get("region")


UP = "TikTok is up."
TURNS = (
    Turn("uploads are cut off", ({"feature": "upload", "mode": "reset"},), "TikTok is partly down.", "upload is down"),
    Turn(
        f"the controls of {US} do not answer",
        ({"feature": CONTROLS, "region": US, "mode": "reset"},),
        UP,
        f"{US} is blind",
    ),
    Turn(
        f"live is cut off, seen from {EU} alone",
        ({"feature": "live", "region": EU, "mode": "reset"},),
        "TikTok is partly down.",
        "live is down in 1 of",
    ),
    Turn(
        "short links answer 503",
        ({"host": "vm.tiktok.com", "mode": "status 503"},),
        "TikTok is up, but degraded.",
        "feed is degraded",
    ),
    Turn("the API shows a bot wall", ({"feature": "api", "mode": "blocked"},), UP, "api turns our probes away"),
    Turn("every certificate of TikTok has expired", ({"mode": "bad certificate"},), "TikTok is down.", "feed is down"),
    Turn(
        "nothing answers at all, nor do the controls",
        ({"mode": "refuse"}, {"feature": CONTROLS, "mode": "refuse"}),
        "We can't tell whether TikTok is down.",
        "the problem is on your end",
    ),
)


class Demo:
    """One box with its exporter; `stop` ends it."""

    def __init__(self, box: Box, exporter: Exporter, regions: set[str], every: float) -> None:
        self._box = box
        self._exporter = exporter
        self._regions = regions
        self._every = every
        self._all_well = f"ads are fine in {1 + len(regions)} region"
        self.stop = asyncio.Event()

    async def play(self) -> None:
        """Turn after turn, until `stop` or until the exporter ends."""
        await self._listen(UP, self._all_well, time.monotonic() + self._every)
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
        say(f'broke: {turn.did}. The exporter should soon say "{turn.headline}" and "... {turn.sentence} ..."')
        await self._listen(turn.headline, turn.sentence, began + self._every * BROKEN_FOR)
        await self._pause_until(began + self._every * BROKEN_FOR)
        self._box.mend()
        say(f'mended. The exporter should soon say "{UP}"')
        await self._listen(UP, self._all_well, began + self._every)
        await self._pause_until(began + self._every)

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
        verdict = await self._exporter.verdict("tiktok")
        sentences = verdict["sentences"] if verdict["headline"] == headline else []
        return next((sentence for sentence in sentences if part in sentence), None)

    async def _pause_until(self, at: float) -> None:
        stopped, ended = asyncio.create_task(self.stop.wait()), asyncio.create_task(self._exporter.process.wait())
        try:
            await asyncio.wait(
                {stopped, ended}, timeout=max(0.0, at - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done() and not self.stop.is_set():
                raise ChildProcessError(f"the exporter ended with status {ended.result()}: {self._exporter.log}")
        finally:
            stopped.cancel()
            ended.cancel()


async def run(port: int, every: float) -> None:
    """Play until SIGINT or SIGTERM; OSError says why it cannot."""
    _require_free(port)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        box = await stack.enter_async_context(Box())
        proxies = await _proxies(box, stack)
        interval = every / INTERVALS_PER_TURN
        files = (hastened(folder, interval), box.write_config(folder, proxies))
        exporter = await stack.enter_async_context(Exporter(folder, *files, port=port))
        demo = Demo(box, exporter, {proxy.region for proxy in proxies}, every)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, demo.stop.set)
        _greet(exporter.url, interval, every)
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


def _require_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise OSError(f"port {port} is taken; choose another with --port") from error


def _greet(url: str, interval: float, every: float) -> None:
    print(
        f"TikTok in a box is up, and the exporter probes it every {interval:.3g} s. No packet leaves this machine.\n"
        f"  {url}/               the verdict\n"
        f"  {url}/probes         every endpoint in every region, with reasons\n"
        f"  {url}/api/v1/status  the same as JSON\n"
        f"  {url}/metrics        for Prometheus\n"
        f"Something else breaks and heals every {every:g} s. Ctrl-C ends it all.",
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
    parser = argparse.ArgumentParser(prog="demo", description="TikTok in a box and the exporter; no internet needed.")
    parser.add_argument("--port", type=int, default=PORT, help="where the exporter serves (default: %(default)s)")
    parser.add_argument("--every", type=_seconds, default=60.0, help="seconds of a turn (default: %(default)g)")
    options = parser.parse_args()
    try:
        asyncio.run(run(options.port, options.every))
    except (OSError, RuntimeError, aiohttp.ClientConnectionError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
