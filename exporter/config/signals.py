"""Which other evidence is read, what it is about, and which of it a service runs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter import kinds, model
from exporter.config import sentences, shapes
from exporter.config.reader import Reader
from exporter.config.tree import Block, Route


def signals(reader: Reader, services: Sequence[model.Service]) -> Iterator[model.Signal]:
    """Those of the section that are right; it may be left out."""
    section = reader.root.get("signals")
    if section is None:
        return
    known = {service.name: service for service in services}
    alone: dict[str, str] = {}
    for name, block, route in reader.children(section, ("signals",), "no signal; add one or remove the key"):
        kind = reader.kind(block.get("kind"), (*route, "kind"), "signal", kinds.names("signals"))
        found = reader.read(shapes.signal(kind), block, route) if kind else None
        if kind is None or found is None:
            continue
        if getattr(kinds.module("signals", kind), "ONLY_ONE", False) and alone.setdefault(kind, name) != name:
            reader.wrong((*route, "kind"), f"signals.{alone[kind]} is of this kind already, and there can be only one")
        _check_services(reader, route, kind, found.services, known)
        options = shapes.own_options("signals", kind, found)
        yield model.Signal(name, kind, options, found.interval, found.services, found.title)


def _check_services(
    reader: Reader, route: Route, kind: str, named: Sequence[str], known: dict[str, model.Service]
) -> None:
    """Tell of strangers, of none where the kind needs one, and of one without complaints where it looks for them."""
    module = kinds.module("signals", kind)
    if not named and getattr(module, "NEEDS_SERVICES", False):
        reader.wrong(route, "missing key services: the names of those it is about")
    # Those that are wrong themselves count as well: what is misspelt in their blocks is told there.
    names = list(reader.root.get("services") or ())
    for index, name in enumerate(named):
        at = (*route, "services", index)
        if name not in names:
            reader.wrong(at, sentences.not_one(name, "a service", names))
        elif name in known and getattr(module, "NEEDS_COMPLAINTS", False) and not known[name].complaints:
            reader.wrong(at, f"{name} has no complaints to look for; add patterns under services.{name}.complaints")


def check_upstreams(reader: Reader, services: Sequence[model.Service]) -> None:
    """Tell of upstreams that no signal watches."""
    section = reader.root.get("signals")
    names = list(section) if isinstance(section, Block) else []
    for service in services:
        for index, upstream in enumerate(service.upstreams):
            signal = upstream.partition(":")[0]
            if signal not in names:
                route = ("services", service.name, "upstreams", index)
                reader.wrong(
                    route, sentences.not_one(signal, "a signal", names) if names else "no signal is configured"
                )
