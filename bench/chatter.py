"""A busy Bluesky: what its stream of posts costs the main process, how late posts are heard, and if they count right.

`python -m bench.chatter` takes five minutes at 500 posts a second, with a cut in the middle, during which the server
goes on; `python -m bench.chatter 60 1000` takes a minute at a thousand. The server is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.report import percentile
from exporter import config
from exporter.fetch import Fetch, Socket
from exporter.listening import Listening
from exporter.model import Config, NetworkOptions, Service, Signal
from exporter.readings import Reading
from exporter.signals import jetstream
from tests.servers.jetstream import Jetstream

SECONDS = 300.0
RATE = 500.0
"""Posts a second."""

CUT = 5.0
"""Seconds without a connection."""

COMPLAINT = 50
"""Every so many posts one complains."""

KEPT = 60
"""Seconds that the server can replay."""

_ON_TIME = 0.1
"""Seconds of lag under which a stream that was resumed has caught up."""

COMPLAINTS = (
    "is tiktok down for anyone else or is it just me",
    "TikTok is down again 😭",
    "¿Se cayó tiktok otra vez?",
    "tiktok isn't working",
    "TikTok ne marche plus",
    "tiktok geht nicht",
)
OTHERS = (
    "good morning everyone ☀️ hope you all have a lovely day, I am having coffee and watching the birds in the garden",
    "今日は本当に寒いですね。みなさん風邪をひかないように気をつけてください。猫はこたつから出てきません。",
    "Just finished the second season and I have so many questions. No spoilers, please, but what was that ending?",
    "saw this on tiktok and now I need to know whether it works, has anybody tried to cook rice like that",
    "Bom dia! Hoje tem jogo, quem vai assistir? Acho que vamos ganhar de três a zero, mas não conto com isso.",
    "My train is late, the next one too, and nothing is working today. Should have stayed in bed.",
    "New blog post: why your cache is slower than your database, with measurements and a little rant at the end",
    "they should shut TikTok down, said the senator, who then posted about it on three other platforms",
)


@dataclass(slots=True)
class Outcome:
    """What was said and what was counted; lags are seconds from the server's clock to this process, by event."""

    posts: int = 0
    complaints: int = 0
    posts_counted: int = 0
    complaints_counted: int = 0
    cpu: float = 0.0
    seconds: float = 0.0
    connections: int = 0
    lags: list[float] = field(default_factory=list)
    replayed: list[float] = field(default_factory=list)
    covered: float = 0.0

    @property
    def is_right(self) -> bool:
        return (self.posts, self.complaints) == (self.posts_counted, self.complaints_counted)


class Timing(Fetch):
    """Notes how old each event is when it arrives."""

    def __init__(self, network: NetworkOptions, now: Callable[[], float], outcome: Outcome) -> None:
        super().__init__(network, now)
        self._outcome = outcome

    def socket(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return self._timed(super().socket(url, **options))

    @asynccontextmanager
    async def _timed(self, opened: AbstractAsyncContextManager[Socket]) -> AsyncIterator[Any]:
        async with opened as socket:
            self._outcome.connections += 1
            yield _Timed(socket, self._outcome)


class _Timed:
    def __init__(self, socket: Socket, outcome: Outcome) -> None:
        self._socket = socket
        self._outcome = outcome
        self._behind = outcome.connections > 1

    async def receive(self) -> bytes | str:
        message = await self._socket.receive()
        # Where the server writes it; parsing the whole would count as the exporter's work.
        at = message.index('"time_us":') + 10 if isinstance(message, str) else 0
        lag = time.time() - int(message[at : at + 16]) / 1e6
        self._behind = self._behind and lag > _ON_TIME
        (self._outcome.replayed if self._behind else self._outcome.lags).append(lag)
        return message


async def run(
    seconds: float, rate: float, cut: float, service: Service, interval: float = jetstream.INTERVAL
) -> Outcome:
    """Follow a server for so long, with a cut of `cut` seconds in the middle, as the exporter does."""
    outcome = Outcome()
    readings: list[Reading] = []
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.chatter", "serve", str(rate),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin
    assert server.stdout
    url = (await server.stdout.readline()).decode().strip()
    signal = Signal("bluesky", "jetstream", jetstream.Options(urls=(url,)), interval, (service.name,))
    listening = Listening(
        lambda _, reading: readings.append(reading),
        lambda _: readings[-1].bookmark if readings else "",
        fetch=lambda network, now: Timing(network, now, outcome),
    )
    began, spent = time.monotonic(), time.process_time()
    listening.apply(Config((service,), (), (), (), signals=(signal,)))
    try:
        await asyncio.sleep(seconds / 2)
        server.stdin.write(f"{cut}\n".encode())
        await asyncio.sleep(seconds / 2)
        server.stdin.write(b"0\n")  # no more posts
        said = json.loads(await server.stdout.readline())
        outcome.seconds, outcome.cpu = time.monotonic() - began, time.process_time() - spent
        while not readings or int(readings[-1].bookmark.split()[0]) < said["last"]:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    finally:
        await listening.close()
        server.stdin.close()
        await server.wait()
    outcome.posts, outcome.complaints = said["posts"], said["complaints"]
    tallies = [tally for reading in readings for tally in reading.tallies]
    outcome.posts_counted = sum(tally.out_of or 0 for tally in tallies)
    outcome.complaints_counted = sum(tally.count for tally in tallies)
    outcome.covered = sum(reading.at - (reading.since or reading.at) for reading in readings)
    return outcome


class Busy:
    """The server: posts at a rate, from the first listener on, until told to stop."""

    def __init__(self, server: Jetstream, rate: float) -> None:
        self._server = server
        self._rate = rate
        self._posts = self._complaints = self._last = 0
        self.speaks = True

    async def talk(self) -> None:
        await self._server.listener()
        began = time.monotonic()
        while True:
            self._server.account()
            while self.speaks and self._posts < (time.monotonic() - began) * self._rate:
                self._post()
            kept = int(KEPT * self._rate)
            if len(self._server.events) > 2 * kept:
                del self._server.events[:-kept]
            await asyncio.sleep(0.01)

    def stop(self) -> str:
        """Say no more; what was said."""
        self.speaks = False
        return json.dumps({"posts": self._posts, "complaints": self._complaints, "last": self._last})

    def _post(self) -> None:
        number = self._posts
        self._posts += 1
        complains = number % COMPLAINT == 0
        self._complaints += complains
        text = COMPLAINTS[number // COMPLAINT % len(COMPLAINTS)] if complains else OTHERS[number % len(OTHERS)]
        self._last = self._server.post(text, key=f"3lk{number:010d}")


async def serve(rate: float) -> None:
    """Each line on standard input is for how many seconds to cut everybody off; 0 ends the posts."""
    loop = asyncio.get_running_loop()
    async with Jetstream() as server:
        print(server.url, flush=True)
        busy = Busy(server, rate)
        talking = loop.create_task(busy.talk())
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if not float(line):
                print(busy.stop(), flush=True)
                continue
            server.status = 503
            await server.cut()
            await asyncio.sleep(float(line))
            server.status = 101
        talking.cancel()


def print_outcome(outcome: Outcome) -> None:
    """A Markdown table."""
    rows = {
        "posts said, counted": f"{outcome.posts}, {outcome.posts_counted}",
        "complaints said, counted": f"{outcome.complaints}, {outcome.complaints_counted}",
        "CPU of the main process": f"{100 * outcome.cpu / outcome.seconds:.1f}% of a core, "
        f"{1e6 * outcome.cpu / max(1, outcome.posts):.0f} us a post",
        "lag of an event, p50, p99, worst": ", ".join(
            f"{1000 * percentile(outcome.lags, percent):.1f} ms" for percent in (50, 99, 100)
        ),
        "events replayed after the cut": f"{len(outcome.replayed)}, the oldest "
        f"{max(outcome.replayed, default=0.0):.1f} s old",
        "connections": str(outcome.connections),
        "seconds, covered": f"{outcome.seconds:.0f}, {outcome.covered:.0f}",
    }
    print("| what | measured |\n|---|---|")
    for what, measured in rows.items():
        print(f"| {what} | {measured} |")


def main(seconds: float = SECONDS, rate: float = RATE) -> None:
    (service,) = (one for one in config.load([config.shipped()], {}).services if one.name == "tiktok")
    outcome = asyncio.run(run(seconds, rate, CUT, service))
    print_outcome(outcome)
    if not outcome.is_right:
        raise SystemExit("counted wrongly")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(float(sys.argv[2])))
    else:
        main(*map(float, sys.argv[1:]))
