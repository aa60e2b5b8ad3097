"""A kind that is polled, asked once of a local server at a known time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporter import kinds
from exporter.fetch import Fetch
from exporter.model import NetworkOptions, Service, Signal
from exporter.readings import Reading
from tests.servers.origin import Origin, Reply, Request

TIKTOK = Service("tiktok", "TikTok", (), complaints=("(?i)tiktok.{0,9}(down|not working)",))
SHOP = Service("shop", "Shop", (), complaints=("(?i)shop.{0,9}(down|not working)",))


class Asking:
    """Reads a signal of `kind` again and again, each time from the bookmark of the last; `now` is unix seconds."""

    def __init__(self, kind: str, now: float, *services: Service) -> None:
        self.kind = kind
        self.now = now
        self.bookmark = ""
        self.requests: list[Request] = []
        self._services = services or (TIKTOK,)

    async def read(self, answer: Callable[[Request], Reply], options: Callable[[str], Any]) -> Reading:
        """What is read of a server that answers so; `options(url)` are the kind's own."""
        fetch = Fetch(NetworkOptions(), lambda: self.now, backoff=0.001)
        async with Origin(answer) as origin:
            signal = Signal(self.kind, self.kind, options(origin.url), 60.0, ())
            try:
                module = kinds.module("signals", self.kind)
                reading: Reading = await module.read(signal, self._services, fetch, self.bookmark)
            finally:
                await fetch.close()
                self.requests = origin.requests
        self.bookmark = reading.bookmark
        return reading
