"""One endpoint: its kind, target, options, times and regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter import kinds, model
from exporter.config import sentences, shapes
from exporter.config.addresses import check_url
from exporter.config.metered import is_metered
from exporter.config.reader import Reader
from exporter.config.tree import Block, Route


@dataclass(frozen=True, slots=True)
class Scope:
    """The blocks around an endpoint and its own, nearest last, each with its route; None for one that is wrong."""

    blocks: tuple[tuple[Route, Any], ...]

    def within(self, route: Route, block: Any) -> Scope:
        return Scope((*self.blocks, (route, block)))

    def find(self, key: str) -> tuple[Route, Any]:
        """The nearest value of `key` and its route; None as value when nobody sets it or it cannot be known."""
        for route, block in reversed(self.blocks):
            value = getattr(block, key, None)
            if value is not None or block is None:
                return (*route, key), value
        return (), None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Reads endpoints; `regions` are all by name, None for one that is wrong itself."""

    reader: Reader
    regions: Mapping[str, model.Region | None]

    def read(
        self, names: tuple[str, str, str], block: Block, route: Route, scope: Scope
    ) -> tuple[model.Endpoint, list[model.Region]] | None:
        """The endpoint called (service, feature, name) and where it runs, or None."""
        keys = self.reader.read(shapes.endpoint(), block, route)
        scope = scope.within(route, keys)
        interval, timeout = self._times(scope)
        regions = self._where(scope, bool(keys and keys.globalping))
        kind = self._kind(block, route)
        if kind is None:
            return None
        target = self._target(kind, block, route)
        options = self.reader.read(shapes.options("probes", kind), block.get(kind), (*route, kind))
        self._labels(kind, options, route)
        self._carried(kind, regions, route)
        if not (keys and target and options and interval and timeout):
            return None
        degraded_above = scope.find("degraded_above")[1]
        return model.Endpoint(*names, kind, target, options, interval, timeout, degraded_above), regions

    def _times(self, scope: Scope) -> tuple[float | None, float | None]:
        """Interval and timeout; together wrong at the nearest block that sets one of them."""
        (at, interval), (also_at, timeout) = scope.find("interval"), scope.find("timeout")
        if interval and timeout and timeout >= interval:
            message = f"a timeout of {timeout:g}s must be less than the interval of {interval:g}s"
            self.reader.wrong(max(also_at, at, key=lambda route: (len(route), self.reader.place(route))), message)
        return interval, timeout

    def _where(self, scope: Scope, metered: bool) -> list[model.Region]:
        """The regions that the nearest `regions` names, else all that are not metered; those too, when it says so."""
        route, chosen = scope.find("regions")
        if route and chosen is None:
            return []
        if chosen == ():
            self.reader.wrong(route, "names no region; leave the key out for all of them")
        for index, name in enumerate(chosen or ()):
            if name not in self.regions:
                self.reader.wrong((*route, index), sentences.not_one(name, "a region", self.regions))
        counted = [name for name, region in self.regions.items() if is_metered(region)]
        names = [name for name in self.regions if name not in counted] if chosen is None else chosen
        names = dict.fromkeys((*names, *counted) if metered else names)
        return [region for name in names if (region := self.regions.get(name))]

    def _kind(self, block: Block, route: Route) -> str | None:
        allowed = kinds.names("probes")
        found: Any = block.get("kind", "http" if "url" in block else None)
        if found is None and "target" not in block:
            self.reader.wrong((*route, "url"), "missing key; write a url, or a kind and a target")
            return None
        kind = self.reader.kind(found, (*route, "kind"), "probe", allowed)
        for other in allowed:
            if kind and other != kind and block.get(other) is not None:
                self.reader.wrong((*route, other), f"a block of {other}, but this endpoint is {kind}")
        return kind

    def _target(self, kind: str, block: Block, route: Route) -> str | None:
        key, other = ("url", "target") if kind == "http" else ("target", "url")
        if other in block:
            self.reader.wrong((*route, other), f"{kind} takes {key}, not {other}")
        elif block.get(key) is None:
            self.reader.wrong((*route, key), "missing key")
        target = block.get(key)
        if not isinstance(target, str):
            return None
        try:
            if key == "url":
                check_url(target)
            getattr(kinds.module("probes", kind), "check_target", check_text)(target)
        except ValueError as error:
            self.reader.wrong((*route, key), str(error))
        return target

    def _labels(self, kind: str, options: Any, route: Route) -> None:
        # A block of a blackbox.yml may name its labels as it likes: on /probe none of ours stand beside them.
        check = getattr(kinds.module("probes", kind), "check_labels", None)
        for below, message in check(options) if check and options else ():
            self.reader.wrong((*route, kind, *below), message)

    def _carried(self, kind: str, regions: list[model.Region], route: Route) -> None:
        for region in regions:
            able = getattr(kinds.module("regions", region.kind), "SUPPORTS", None)
            if able is not None and kind not in able:
                only = f"region {region.name} ({region.kind}) carries {', '.join(sorted(able))}, not {kind}"
                self.reader.wrong(route, f"{only}; name the regions that do under `regions`")


def check_text(target: str) -> None:
    """ValueError for nothing but space."""
    if not target.strip():
        raise ValueError("must not be empty")
