"""The whole matrix: every module in one file, every cell, and what both programs answer to each."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.blackbox import cells_dns, cells_grpc, cells_http, cells_page, cells_tcp, cells_tls
from tests.blackbox.cell import WAITED_FOR, Cell, Module
from tests.blackbox.differences import LISTED, Listed, listed
from tests.blackbox.pages import Difference, Page, compare
from tests.blackbox.programs import DEBIAN, Both, both
from tests.blackbox.targets import Targets, opened

Choice = Callable[[Iterable[Cell]], list[Cell]]
_AREAS = (cells_http, cells_tls, cells_dns, cells_tcp, cells_grpc, cells_page)
_AT_ONCE, _WAITING = 6, 32
"""Cells: more would make each other late, but for those that wait for what does not come."""

_FEW = 200
"""Cells: when more differ, a second look would not help."""

_AGAIN = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell, and in what the two pages differ, each with why it may, or None when it may not."""

    cell: Cell
    theirs: Page
    ours: Page
    differences: Sequence[tuple[Difference, Listed | None]]

    @property
    def names(self) -> set[str]:
        """Of the listed differences that this page shows."""
        return {why.name for _, why in self.differences if why is not None}

    @property
    def unlisted(self) -> list[Difference]:
        """What must not be."""
        return [difference for difference, why in self.differences if why is None]


def all_modules(targets: Targets) -> dict[str, Module]:
    """By name."""
    modules: dict[str, Module] = {}
    for area in _AREAS:
        found = area.modules(targets)
        assert not found.keys() & modules.keys(), found.keys() & modules.keys()
        modules |= found
    return modules


def write_modules(targets: Targets) -> Path:
    """The module file that both read. JSON is YAML."""
    file = targets.folder / "blackbox.yml"
    file.write_text(json.dumps({"modules": all_modules(targets)}), encoding="utf-8")
    return file


def cells(targets: Targets) -> Iterator[Cell]:
    """All of them."""
    for area in _AREAS:
        yield from area.cells(targets)


def drawn(every: Iterable[Cell]) -> list[Cell]:
    """A part in which each module and each target is at least once, and one status of ten; always the same."""
    order, seen, chosen = list(every), set(), []
    random.Random(0).shuffle(order)
    for cell in order:
        place = cell.place[:-1] if cell.area == "statuses" else cell.place
        marks = {cell.module, (cell.area, place)}
        if not marks <= seen:
            chosen.append(cell)
            seen |= marks
    return chosen


async def walked(folder: Path, program: str = DEBIAN, choose: Choice = list) -> list[Compared]:
    """Start everything, and ask for the cells that `choose` takes."""
    async with opened(folder) as targets, both(folder, write_modules(targets), program) as pair:
        quick = {name for name, block in all_modules(targets).items() if block.get("timeout") not in WAITED_FOR}
        wanted = choose(cells(targets))
        lanes = (
            asked(pair, [cell for cell in wanted if cell.module in quick], _AT_ONCE),
            asked(pair, [cell for cell in wanted if cell.module not in quick], _WAITING),
        )
        found = [each for lane in await asyncio.gather(*lanes) for each in lane]
        # A busy machine makes answers late: what differs is asked again, alone, if it is little.
        few = sum(bool(each.unlisted) for each in found) <= _FEW
        for _ in range(_AGAIN if few else 0):
            found = [(await asked(pair, [each.cell], 1))[0] if each.unlisted else each for each in found]
        return found


async def asked(pair: Both, wanted: Iterable[Cell], at_once: int) -> list[Compared]:
    """Ask both for each cell."""
    room = asyncio.Semaphore(at_once)

    async def ask(cell: Cell) -> Compared:
        async with room:
            theirs, ours = await pair.probe(cell.parameters, cell.headers)
        differences = [(found, listed(cell, found)) for found in compare(theirs, ours)]
        return Compared(cell, theirs, ours, differences)

    return await asyncio.gather(*map(ask, wanted))


def unused(compared: Iterable[Compared]) -> list[str]:
    """The names of listed differences that are none any more."""
    found = {name for each in compared for name in each.names}
    return [each.name for each in LISTED if each.name not in found]


def complaints(compared: Iterable[Compared]) -> list[str]:
    """A line for each difference that must not be."""
    return [f"{each.cell}: {found}" for each in compared for found in each.unlisted]
