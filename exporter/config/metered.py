"""Regions whose tests are counted: an endpoint runs there only when it says so, as often as the quota allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import ModuleType

from exporter import budget, kinds, model
from exporter.config import shapes
from exporter.config.reader import Reader


def is_metered(region: model.Region | None) -> bool:
    """Whether what runs there is counted; a region that is wrong is not."""
    return region is not None and kinds.is_metered(region.kind)


def read_quota(reader: Reader) -> model.Quota | None:
    """What the section `globalping` allows; None when it is off."""
    section = reader.root.get("globalping")
    if section == shapes.OFF:
        return None
    found = reader.read(shapes.Globalping, section, ("globalping",)) or shapes.Globalping()
    usual = budget.WITH_TOKEN if found.token or found.token_file else budget.ANONYMOUS
    return model.Quota(found.tests_per_hour or usual, found.token, found.token_file, found.url)


def watched(pairs: Sequence[model.Pair], controls: Iterable[model.Endpoint]) -> list[model.Pair]:
    """The pairs that prove that the metered regions see: where anything runs, its first control that can run there."""
    regions = {pair.region.name: pair.region for pair in pairs if is_metered(pair.region)}
    able = [(region, _kind(region).SUPPORTS) for region in regions.values()]
    first = [next((one for one in controls if one.kind in carried), None) for _, carried in able]
    return [model.Pair(one, region) for (region, _), one in zip(able, first, strict=True) if one is not None]


def paced(pairs: Sequence[model.Pair], quota: model.Quota) -> list[model.Pair]:
    """The same, with the metered ones as often as the quota allows, and with their kind's own patience."""
    needs = [need for pair in pairs if (need := _need(pair)) is not None]
    seconds = budget.pace(needs, quota.tests_per_hour)
    return [
        replace(pair, endpoint=_kind(pair.region).planned(pair.endpoint, seconds)) if is_metered(pair.region) else pair
        for pair in pairs
    ]


def _need(pair: model.Pair) -> budget.Need | None:
    if not is_metered(pair.region):
        return None
    return budget.Need(_kind(pair.region).cost(pair.endpoint, pair.region.options), pair.endpoint.interval)


def _kind(region: model.Region) -> ModuleType:
    return kinds.module("regions", region.kind)
