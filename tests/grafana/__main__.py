"""`python -m tests.grafana` writes grafana/results.md and grafana/pictures; it takes some minutes.

The answer is drawn amid the replayed outage, the history behind two of them, endpoints and those who watch over a live
stack that breaks and mends.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from grafana import frame, preview
from grafana.asking import boards
from tests.grafana import table
from tests.grafana.scene import LATER, OUTAGE, Scene, scene

TURNS, PAUSE = 2, 60.0
"""Live outages, and seconds of calm after each."""

PICTURES = table.COMMITTED.parent / "pictures"


async def main() -> None:
    """Make the scene, write what came of it."""
    with tempfile.TemporaryDirectory(prefix="grafana-") as folder:
        async with scene(Path(folder), (OUTAGE, LATER), TURNS, PAUSE) as made:
            await asyncio.to_thread(_write, made)


def _write(made: Scene) -> None:
    table.COMMITTED.write_text(table.markdown(table.rows(made)), encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    windows = {frame.SERVICE: made.replayed, frame.HISTORY: made.history}
    for board in boards():
        window = windows.get(board.uid, made.watched)
        opened = made.opened(board, window)
        preview.picture(opened, window, PICTURES / f"{board.uid}.png")


if __name__ == "__main__":
    asyncio.run(main())
