"""A flood of reports over some connections, paced, as through a proxy that names the visitor; a process of its own.

`python -m bench.flood PORT SECONDS VISITORS ATTACKS` prints a line when half of it has been answered, and what came of
it as JSON at the end. The attacker forges the header as far as one can: what the proxy appends is the last.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields

from bench.report import percentile

FEATURES = ("feed", "video", "upload", "live", "login", "api", "ads")
ATTACKED = "upload"

_CONNECTIONS = 64
_ATTACKER = "203.0.113.9"


@dataclass(slots=True)
class Came:
    """What came of a flood: answers by status, reports that were counted by feature, the slowest of a hundred, in s."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0
    p99: float = 0.0


def visitors(count: int) -> list[tuple[str, str]]:
    """(address, feature) of each, the features in turn."""
    return [(f"100.{64 + n // 62500}.{n // 250 % 250}.{n % 250}", FEATURES[n % len(FEATURES)]) for n in range(count)]


def _posts(count: int, attacks: int) -> list[tuple[str, str]]:
    chance = random.Random(4)
    forged = [f"192.0.2.{chance.randrange(256)}, {_ATTACKER}" for _ in range(attacks)]
    posts = [*visitors(count), *((address, ATTACKED) for address in forged)]
    chance.shuffle(posts)
    return posts


def _request(address: str, feature: str) -> bytes:
    body = json.dumps({"service": "bench", "feature": feature, "words": "it does not work"})
    return (
        f"POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {address}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def flood(port: int, seconds: float, count: int, attacks: int) -> Came:
    """Send them evenly over the seconds, each as soon as a connection is free."""
    posts, came, took = _posts(count, attacks), Came(), []
    began = time.monotonic()
    due = iter(enumerate(posts))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for index, (address, feature) in due:
            await asyncio.sleep(began + seconds * index / len(posts) - time.monotonic())
            came.sent += 1
            sent = time.monotonic()
            try:
                writer.write(_request(address, feature))
                status, body = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError):
                came.lost += 1
                return
            took.append(time.monotonic() - sent)
            if len(took) == len(posts) // 2:
                print("half", flush=True)
            came.statuses[status] += 1
            came.counted[feature] += status == 202 and json.loads(body)["counted"]
        writer.close()

    found = await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)), return_exceptions=True)
    for error in found:
        if error is not None and not isinstance(error, OSError):
            raise error
    came.seconds, came.p99 = time.monotonic() - began, percentile(took, 99)
    return came


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
    return int(lines[0].split(" ")[1]), await reader.readexactly(length)


def main() -> None:
    port, seconds, count, attacks = sys.argv[1:]
    came = asyncio.run(flood(int(port), float(seconds), int(count), int(attacks)))
    # asdict() makes Counters of pairs, which counts the pairs.
    print(json.dumps({each.name: getattr(came, each.name) for each in fields(came)}))


if __name__ == "__main__":
    main()
