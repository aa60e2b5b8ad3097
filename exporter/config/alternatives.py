"""Which services stand in for which: names that exist, once each, and no chain.

Nobody is paged for an alternative. Services that named each other, or one that an alternative names, would be
alternatives all round and never page anybody; so an alternative has none of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from exporter import model
from exporter.config import sentences
from exporter.config.reader import Reader


def check(reader: Reader, services: Sequence[model.Service]) -> None:
    """Tell the reader what is wrong with the `alternatives` of services."""
    # Those that are wrong themselves count as well: what is misspelt in their blocks is told there.
    names = list(reader.root.get("services") or ())
    for service in services:
        others = [name for name in names if name != service.name]
        for index, name in enumerate(service.alternatives):
            route = ("services", service.name, "alternatives", index)
            if name == service.name:
                reader.wrong(route, f"{name} is no alternative to itself")
            elif name not in others:
                reader.wrong(route, _unknown(name, others))
            elif name in service.alternatives[:index]:
                reader.wrong(route, f"{name} is named twice")
        _check_no_chain(reader, service, services)


def _unknown(name: str, others: Sequence[str]) -> str:
    if not others:
        return f"{name!r} is not a service; no other is configured"
    return sentences.not_one(name, "another service", others)


def _check_no_chain(reader: Reader, service: model.Service, services: Sequence[model.Service]) -> None:
    naming = [other.name for other in services if other is not service and service.name in other.alternatives]
    if naming and service.alternatives:
        found = f"{service.name} is itself an alternative to {naming[0]}"
        message = f"{found}, and nobody is paged for an alternative; it cannot have any of its own"
        reader.wrong(("services", service.name, "alternatives"), message)
