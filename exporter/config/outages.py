"""The documented outages that ship, `services/outages.yaml`: data, read as strictly as a configuration."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from exporter import model
from exporter.config import document
from exporter.config.reader import Reader
from exporter.config.shapes import Positive
from exporter.config.tree import Block, Route
from exporter.errors import ConfigError
from exporter.options import Country, Parsed

SHIPPED = Path(__file__).parent.parent / "services" / "outages.yaml"

_NOON = 12 * 3600.0


def _parse_moment(found: Any, folder: Path) -> float:
    """Unix seconds."""
    try:
        moment = datetime.datetime.fromisoformat(str(found))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{found!r} is not a time; write it as 2026-03-03T13:24:00Z")
    return moment.timestamp()


def _parse_noon(found: Any, folder: Path) -> float:
    """Unix seconds of noon UTC."""
    try:
        day = datetime.date.fromisoformat(str(found))
    except ValueError:
        raise ValueError(f"{found!r} is not a day; write it as 2026-03-03") from None
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp() + _NOON


_TEXT = {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outage:
    start: Annotated[float, Parsed(_parse_moment, _TEXT)] | None
    end: Annotated[float, Parsed(_parse_moment, _TEXT)] | None
    day: Annotated[float, Parsed(_parse_noon, _TEXT)] | None = None
    lasts: Positive | None = None
    scope: str
    features: tuple[str, ...]
    cause: str
    probes_see_it: Literal["yes", "partly", "no", "unknown"]
    reason: model.Reason | None = None
    reports: int | None = None
    upstream: str = ""
    blocked_in: Country | None = None
    corroborated: bool
    source: str


def past_outages(path: Path = SHIPPED) -> tuple[model.PastOutage, ...]:
    """In the file's order; ConfigError names all that is wrong with it."""
    root, mistakes = document.read(path, {})
    reader = Reader(root or Block((str(path), 0, 0)))
    found = [] if root is None else list(_outages(reader))
    mistakes = [*mistakes, *reader.mistakes]
    if mistakes:
        raise ConfigError(sorted(mistakes, key=lambda mistake: mistake.line))
    return tuple(found)


def _outages(reader: Reader) -> Iterator[model.PastOutage]:
    for key in reader.root.keys() - {"outages"}:
        reader.wrong((key,), "unknown key; allowed is outages")
    for name, block, route in reader.children(reader.root.get("outages"), ("outages",), "no outage; add one"):
        found = reader.read(_Outage, block, route)
        times = _times(reader, found, route) if found else None
        if times:
            yield model.PastOutage(
                name=name,
                start=times[0],
                end=times[1],
                dated=found.start is not None,
                scope=found.scope,
                features=found.features,
                cause=found.cause,
                probes_see_it=found.probes_see_it,
                reason=found.reason,
                reports=found.reports,
                corroborated=found.corroborated,
                source=found.source,
                upstream=found.upstream,
                blocked_in=found.blocked_in or "",
            )


def _times(reader: Reader, found: _Outage, route: Route) -> tuple[float, float] | None:
    """A source's times, or those assumed."""
    if found.probes_see_it in ("yes", "partly") and found.reason is None:
        reader.wrong(route, "probes see it: add the `reason` for which they fail")
    if found.start is not None and found.end is not None:
        if found.end > found.start:
            return found.start, found.end
        reader.wrong((*route, "end"), "must be after the start")
    elif found.start is not None or found.end is not None:
        reader.wrong(route, "write both `start` and `end`, or null for both")
    elif found.day is None or found.lasts is None:
        reader.wrong(route, "without times it needs `day` and `lasts`, which a replay then takes")
    else:
        return found.day, found.day + found.lasts
    return None
