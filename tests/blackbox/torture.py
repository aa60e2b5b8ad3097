"""Who says what of which peer: `python -m tests.blackbox.torture` prints the table, for all probers or those named."""

from __future__ import annotations

import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from exporter.model import Result
from tests.blackbox.tormented import ANYBODY, PROBERS, Prober
from tests.probing import probe
from tests.servers.certificates import Authority
from tests.servers.torture import Behaviour, Torture

DEADLINE = 1.0


class Tormentor:
    """Lets one prober meet peers."""

    def __init__(self, prober: Prober, folder: Path) -> None:
        self._prober = prober
        self._folder = folder
        self._tls: ssl.SSLContext | None = None
        folder.mkdir()
        if prober.tls:
            self._tls = Authority(folder / "ca").leaf("127.0.0.1").server_context(alpn=prober.alpn)

    async def meet(self, peer: Behaviour, place: int) -> tuple[Result, float]:
        """What came of it, and how many seconds it took."""
        prober = self._prober
        address = str(self._folder / str(place)) if prober.kind == "unix" else "127.0.0.1"
        async with Torture(peer, tls=self._tls, address=address) as server:
            target, through = prober.target(server), None
            if prober.through:
                target = target.replace(f"127.0.0.1:{server.port}", "192.0.2.1:25")
                through = f"{prober.through}://127.0.0.1:{server.port}"
            began = time.monotonic()
            result = await probe(prober.kind, target, within=DEADLINE, through=through, **prober.options)
            return result, time.monotonic() - began


async def table(names: Iterable[str], folder: Path) -> None:
    """Print how each of these probers fares with each of its peers."""
    for number, name in enumerate(names):
        peers = {**ANYBODY, **PROBERS[name].meets}
        tormentor = Tormentor(PROBERS[name], folder / str(number))
        met = await asyncio.gather(*(tormentor.meet(peer, place) for place, peer in enumerate(peers.values())))
        print(f"{name}")
        for peer, (result, took) in zip(peers, met, strict=True):
            print(f"  {peer:30} {took:5.2f} s  {result.reason or 'fine':9} {result.message}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        asyncio.run(table(sys.argv[1:] or PROBERS, Path(where)))
