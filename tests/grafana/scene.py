"""What the dashboards are shown over: a Prometheus, and the two moments in which it has something to show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from grafana.asking import Asked, Board, Source, Window
from tests.grafana import live, replayed

OUTAGE = "2026-03-03"
"""Uploads fail in the US, people report it, and the upstream's page says so."""

TURNS = 2
"""Live outages: between two is the first time between failures."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`replayed` ends amid the outage, `live` now."""

    url: str
    replayed: Window
    live: Window

    def asked(self, board: Board) -> dict[str, Asked]:
        """The dashboard, open at each moment by its name."""
        source = Source(self.url)
        return {"replayed": Asked(board, source, self.replayed), "live": Asked(board, source, self.live)}


@asynccontextmanager
async def scene(folder: Path, turns: int = TURNS) -> AsyncIterator[Scene]:
    """Replay, break and mend, and wait until all of it has been scraped."""
    async with live.watched(folder) as (box, exporter):
        past = await asyncio.to_thread(_store, folder)
        async with live.live(folder, box, exporter) as stack:
            for _ in range(turns):
                await stack.break_and_mend()
            await live.until_everything_is_there(stack)
            yield Scene(stack.prometheus.url, past, _lately())


def _lately() -> Window:
    """Long enough for three bars of a minute; it ends now."""
    now = time.time()
    return Window(now - 180.0, now, live.SCRAPED_EVERY)


def _store(folder: Path) -> Window:
    made = replayed.replayed(OUTAGE, folder)
    replayed.blocks(made.text, folder / "prometheus")
    return made.window
