"""What of a configuration a process runs: a shard's part, and what of it is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exporter import budget, kinds
from exporter.model import CONTROLS, Config, Pair, Region
from exporter.schedule import in_shard

LEDGER = "globalping.json"
"""The file in the data directory in which tests are counted."""


def of_shard(loaded: Config, shard: tuple[int, int]) -> Config:
    """Part `shard`, (index from 1, count); the controls belong to every shard, because each needs its own sight.

    What is metered belongs to the first: machines that share an address share its quota, too.
    """
    index, count = shard
    if index > 1:
        loaded = unmetered(loaded)
    mine = tuple(pair for pair in loaded.pairs if _is_everybodys(pair) or in_shard(pair, index, count))
    return replace(loaded, pairs=mine)


def _is_everybodys(pair: Pair) -> bool:
    return pair.endpoint.service == CONTROLS or _is_metered(pair.region)


def _is_metered(region: Region) -> bool:
    return kinds.is_metered(region.kind)


def unmetered(loaded: Config) -> Config:
    """The configuration without the regions whose tests are counted."""
    pairs = tuple(pair for pair in loaded.pairs if not _is_metered(pair.region))
    return replace(loaded, pairs=pairs, regions=tuple(each for each in loaded.regions if not _is_metered(each)))


def counted(loaded: Config, data: Path) -> Config:
    """The same, with the file in which tests are counted when any are."""
    if not any(map(_is_metered, loaded.regions)):
        return loaded
    quota = replace(loaded.network.quota, ledger=str(data / LEDGER))
    return replace(loaded, network=replace(loaded.network, quota=quota))


def plan(loaded: Config) -> dict[str, object] | None:
    """What is asked of Globalping by itself, for the log; None for nothing."""
    mine = [pair for pair in loaded.pairs if _is_metered(pair.region)]
    if not mine:
        return None
    hourly = sum(_cost(pair) * budget.HOUR / pair.endpoint.interval for pair in mine)
    return {
        "regions": len({pair.region.name for pair in mine}),
        "pairs": len(mine),
        "every_minutes": round(min(pair.endpoint.interval for pair in mine) / 60),
        "tests_per_hour": round(hourly),
        "of": loaded.network.quota.tests_per_hour,
        "to_end_it": "globalping: off",
    }


def _cost(pair: Pair) -> int:
    found: int = kinds.module("regions", pair.region.kind).cost(pair.endpoint, pair.region.options)
    return found
