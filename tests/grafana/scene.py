"""What the dashboards are shown over: a Prometheus, and the moments in which it has something to show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from grafana.asking import Asked, Board, Source, Window
from tests.grafana import live, replayed

OUTAGE = "2026-03-03"
"""Uploads fail in the US, people report it, and the upstream's page says so."""

LATER = "2020-07-gcp"
"""What people watch fails everywhere: what comes next, where a history is wanted."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`replayed` ends amid the outage, `live` now; `history` and `watched` are all of both times.

    With the URLs of Prometheus and of the exporter.
    """

    url: str
    exporter: str
    replayed: Window
    history: Window
    live: Window
    watched: Window

    def asked(self, board: Board) -> dict[str, Asked]:
        """The dashboard, open at each moment by its name."""
        return {"replayed": self.opened(board, self.replayed), "live": self.opened(board, self.live)}

    def opened(self, board: Board, window: Window, chosen: Mapping[str, str] | None = None) -> Asked:
        """With values of variables by name, where they are chosen."""
        return Asked(board, Source(self.url), window, chosen)


@asynccontextmanager
async def scene(
    folder: Path, outages: Sequence[str] = (OUTAGE,), turns: int = 1, pause: float = 0.0
) -> AsyncIterator[Scene]:
    """Replay, break and mend so many times with seconds of calm behind each, and wait until all has been scraped."""
    async with live.watched(folder) as (box, exporter):
        past = await asyncio.to_thread(_store, outages, folder)
        async with live.live(folder, box, exporter) as stack:
            started = time.time()
            await asyncio.gather(_play(stack, turns, pause), live.until_everything_is_there(stack))
            # Bars are of a minute, and the last of them ends with the window.
            end = time.time()
            whole = Window(end - 60.0 * ceil((end - started) / 60.0), end, live.SCRAPED_EVERY)
            windows = (past.window, past.whole, _lately(whole), whole)
            yield Scene(stack.prometheus.url, exporter.url, *windows)


async def _play(stack: live.Live, turns: int, pause: float) -> None:
    for _ in range(turns):
        await stack.break_and_mend()
        await stack.report()
        await asyncio.sleep(pause)


def _lately(whole: Window) -> Window:
    """Long enough for three bars of a minute."""
    return Window(whole.end - 180.0, whole.end, whole.interval)


def _store(outages: Sequence[str], folder: Path) -> replayed.Replayed:
    made = replayed.replayed(outages, folder)
    replayed.blocks(made.text, folder / "prometheus")
    return made
