"""`python -m tests.grafana` writes grafana/results.md and grafana/pictures; it takes some minutes.

The answer and the endpoints are drawn amid the replayed outage, the history and those who watch over a live stack that
breaks and mends.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from grafana import frame, preview
from grafana.asking import boards
from tests.grafana import table
from tests.grafana.scene import Scene, scene

TURNS, PAUSE = 3, 60.0
"""Live outages, and seconds of calm after each."""

PICTURES = table.COMMITTED.parent / "pictures"


async def main() -> None:
    """Make the scene, write what came of it."""
    with tempfile.TemporaryDirectory(prefix="grafana-") as folder:
        async with scene(Path(folder), TURNS, PAUSE) as made:
            await asyncio.to_thread(_write, made)


def _write(made: Scene) -> None:
    table.COMMITTED.write_text(table.markdown(table.rows(made)), encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    for board in boards():
        moment = "replayed" if board.uid == frame.SERVICE else "live"
        window = made.replayed if moment == "replayed" else made.whole
        opened = made.opened(board, window)
        preview.picture(opened, window, PICTURES / f"{board.uid}.png")


if __name__ == "__main__":
    asyncio.run(main())
