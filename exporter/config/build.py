"""From the merged tree to `model.Config`, collecting every mistake on the way.

What is wrong becomes None and is left out of the checks that would need it, so that a mistake is
reported once and not again as its consequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from exporter import kinds, model
from exporter.config import alternatives, metered, shapes, signals
from exporter.config.addresses import PAGES
from exporter.config.endpoint import Endpoints, Scope
from exporter.config.reader import Reader
from exporter.config.tree import Block, Place, Route


def build(reader: Reader) -> model.Config:
    """The configuration without `shown`; worth something only when the reader then has no mistakes."""
    defaults = reader.read(shapes.Defaults, reader.root.get("defaults"), ("defaults",))
    quota = metered.read_quota(reader)
    regions = dict(_regions(reader))
    builder = _Builder(reader, Endpoints(reader, regions))
    scope = Scope(((("defaults",), defaults),))
    services = tuple(builder.services(scope))
    controls = tuple(builder.controls(scope))
    pairs = _pairs(builder.pairs, controls, quota)
    alternatives.check(reader, services)
    listened = tuple(signals.signals(reader, services))
    signals.check_upstreams(reader, services)
    if not reader.mistakes:
        # Of an endpoint that is wrong nobody knows what a region would make of it.
        _check_regions(reader, regions.values(), pairs)
        _check_metered(reader, regions.values(), pairs, quota)
    return model.Config(
        services=services,
        controls=controls,
        regions=tuple(region for region in regions.values() if region and _stays(region, pairs)),
        pairs=pairs,
        network=_network(reader, quota if any(metered.is_metered(pair.region) for pair in pairs) else None),
        signals=listened,
        histograms=defaults.histograms if defaults else True,
        browser_controls=_browser_controls(reader),
    )


def _pairs(
    found: Sequence[model.Pair], controls: Sequence[model.Endpoint], quota: model.Quota | None
) -> tuple[model.Pair, ...]:
    """What runs: without what is metered when that is off, else with its controls and as often as it may."""
    if quota is None:
        return tuple(pair for pair in found if not metered.is_metered(pair.region))
    return tuple(metered.paced([*found, *metered.watched(found, controls)], quota))


def _stays(region: model.Region, pairs: Sequence[model.Pair]) -> bool:
    """Of those that are metered only where something runs: nothing else would ever tell whether they see."""
    return not metered.is_metered(region) or any(pair.region is region for pair in pairs)


def _check_metered(
    reader: Reader,
    regions: Iterable[model.Region | None],
    pairs: Sequence[model.Pair],
    quota: model.Quota | None,
) -> None:
    if quota is None and all(map(metered.is_metered, regions)):
        reader.wrong(("globalping",), "off, and then no region is left")
    seeing = {pair.region.name for pair in pairs if pair.endpoint.service == model.CONTROLS}
    for region in dict.fromkeys(pair.region for pair in pairs if pair.region.name not in seeing):
        reader.wrong(("controls",), f"none that region {region.name} ({region.kind}) carries; add one with a url")


def _browser_controls(reader: Reader) -> tuple[str, ...]:
    alone = Block(reader.root.place)
    if "browser_controls" in reader.root:
        alone.take(reader.root, "browser_controls")
    found = reader.read(shapes.Browsers, alone, ())
    return found.browser_controls if found else ()


def _network(reader: Reader, quota: model.Quota | None) -> model.NetworkOptions:
    block = reader.root.get("network")
    # Several files may each hold a part of this section: its one path starts at the file that names it.
    file = block.places.get("ca_file", block.place)[0] if isinstance(block, Block) else None
    network = reader.read(shapes.Network, block, ("network",), file) or shapes.Network()
    options = model.NetworkOptions(network.nameservers, network.ca_file, network.allow, network.deny)
    return replace(options, quota=quota) if quota else options


def _regions(reader: Reader) -> Iterator[tuple[str, model.Region | None]]:
    missing = "no region; add one, such as `here: {kind: local}`"
    for name, block, route in reader.children(reader.root.get("regions"), ("regions",), missing):
        yield name, _region(reader, name, block, route)


def _region(reader: Reader, name: str, block: Block, route: Route) -> model.Region | None:
    kind = reader.kind(block.get("kind"), (*route, "kind"), "region", kinds.names("regions"))
    found = reader.read(shapes.region(kind), block, route) if kind else None
    if kind is None or found is None:
        return None
    place = found.location
    location = model.Location(place.lat, place.lon) if place else None
    return model.Region(name, kind, shapes.own_options("regions", kind, found), location, found.country)


def _check_regions(reader: Reader, regions: Iterable[model.Region | None], pairs: Sequence[model.Pair]) -> None:
    """Tell of what a kind of region finds wrong with the endpoints that run there."""
    for region in regions:
        faults = getattr(kinds.module("regions", region.kind), "faults", None) if region else None
        if region and faults:
            for route, sentence in faults(region.options, [pair.endpoint for pair in pairs if pair.region is region]):
                reader.wrong(("regions", region.name, *route), sentence)


@dataclass
class _Builder:
    """Walks down to the endpoints, whose pairs it gathers."""

    reader: Reader
    endpoints: Endpoints
    pairs: list[model.Pair] = field(default_factory=list)

    def controls(self, scope: Scope) -> Iterator[model.Endpoint]:
        missing = "no control; add an endpoint of somebody else: without one a region cannot be told blind"
        section = self.reader.root.get("controls")
        for name, block, route in self.reader.children(section, ("controls",), missing):
            if "regions" in block:
                self.reader.wrong((*route, "regions"), "a control runs in every region; remove the key")
            yield from self._endpoint((model.CONTROLS, "internet", name), block, route, scope)

    def services(self, scope: Scope) -> Iterator[model.Service]:
        missing = "no service; add one, or leave out --config.file to use the configuration that ships"
        section = self.reader.root.get("services")
        for name, block, route in self.reader.children(section, ("services",), missing):
            if name == model.CONTROLS:
                self.reader.wrong(route, "this name is reserved for the endpoints under `controls`")
            elif name in PAGES:
                self.reader.wrong(route, f"this name is taken: /{name} is a page of this program")
            keys = self.reader.read(shapes.Service, block, route)
            features = tuple(self._features(name, block, route, scope.within(route, keys)))
            if keys is None:
                yield model.Service(name, name, features)
            else:
                yield model.Service(
                    name=name,
                    title=keys.title or name,
                    features=features,
                    alternatives=keys.alternatives,
                    objective=keys.objective,
                    upstreams=keys.upstreams,
                    expected_blocked=keys.expected_blocked,
                    complaints=keys.complaints,
                    support=keys.support,
                    browser_checks=keys.browser_checks,
                )

    def _features(self, service: str, block: Block, route: Route, scope: Scope) -> Iterator[model.Feature]:
        if "features" not in block:
            return  # said already: the key is missing
        perhaps_core, seen = False, dict[str, Place]()
        inside, route = block["features"], (*route, "features")
        for name, child, at in self.reader.children(inside, route, "no feature; add one"):
            keys = self.reader.read(shapes.Feature, child, at)
            perhaps_core |= keys is None or keys.core
            endpoints = tuple(self._inside((service, name), child, at, scope.within(at, keys), seen))
            yield model.Feature(name, bool(keys and keys.core), endpoints)
        if inside and isinstance(inside, Block) and not perhaps_core:
            self.reader.wrong(route, f"none is core; add `core: true` to those without which {service} is down")

    def _inside(
        self, names: tuple[str, str], block: Block, route: Route, scope: Scope, seen: dict[str, Place]
    ) -> Iterator[model.Endpoint]:
        if "endpoints" not in block:
            return  # said already: the key is missing
        inside, route = block["endpoints"], (*route, "endpoints")
        for name, child, at in self.reader.children(inside, route, "no endpoint; add one"):
            if name in seen:
                first = f"{seen[name][0]}:{seen[name][1]}"
                self.reader.wrong(at, f"defined twice in {names[0]}; first at {first}")
            seen.setdefault(name, self.reader.place(at))
            yield from self._endpoint((*names, name), child, at, scope)

    def _endpoint(
        self, names: tuple[str, str, str], block: Block, route: Route, scope: Scope
    ) -> Iterator[model.Endpoint]:
        found = self.endpoints.read(names, block, route, scope)
        if found:
            endpoint, regions = found
            self.pairs += [model.Pair(endpoint, region) for region in regions]
            yield endpoint
