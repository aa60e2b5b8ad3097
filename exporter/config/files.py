"""Which files a configuration stands in, and the quick reading of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import Mistake


def found_in(paths: Sequence[Path], mistakes: list[Mistake]) -> Iterator[Path]:
    """The files among `paths`, and the `*.yaml` and `*.yml` of the folders."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(file for pattern in ("*.yaml", "*.yml") for file in path.glob(pattern) if file.name[0] != ".")
        if not inside:
            mistakes.append(Mistake(str(path), 0, "", "a folder without a *.yaml or *.yml file"))
        yield from inside


@contextmanager
def collector_paused() -> Iterator[None]:
    """A tree that only grows holds no garbage, and walking it over and over takes as long as reading it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
