"""A documented outage once more, in simulated time, as what `/metrics` would have shown.

What is known of an outage is when, where and which features. The rest is reconstructed: attempts fail as the
outage's `reason` says, in the regions of its scope, for as long as it lasted; people report it (`people`), and official
pages and measurements tell of it (`officials`). What probes could not see, or nobody knows whether they could, stays up
in the states, and the verdict goes by what people say.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.metrics.timeline import Timeline
from exporter.model import Config, PastOutage
from exporter.readings import Crowd, Heard
from exporter.replay import officials, people
from exporter.replay.people import People
from exporter.simulation import Effect, Listen, Simulation, fleet

REGIONS = ("us-east", "us-west", "gb", "de", "jp")
"""From where a replay looks unless told otherwise."""

MARGIN = 3600.0
"""Seconds of calm before and after."""

STEP, STEP_OF_LONG, LONG = 60.0, 240.0, 6.5 * 3600.0
"""Seconds between two moments, the same for outages longer than LONG. Above 5 minutes Prometheus sees gaps."""

SETTLING = 900.0
"""Seconds before the first moment, in which every pair runs often enough to be known."""

PARTLY = 0.6
"""Share of attempts that fail where probes see a part of the outage."""

# An app is something that no probe of ours is.
_NOT_PROBED = "app"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who looks at which outage, and what probes meet in it."""

    config: Config
    outage: PastOutage
    effects: tuple[Effect, ...]


def scene(loaded: Config, outage: PastOutage, regions: Sequence[str] = REGIONS, histograms: bool = False) -> Scene:
    """The outage as the configuration's endpoints in these regions meet it. KeyError names a stranger.

    Histograms are four of ten series.
    """
    config = replace(listening(fleet(loaded, regions)), histograms=histograms)
    return Scene(config, outage, effects(outage, regions))


def listening(config: Config) -> Config:
    """The configuration with the signals of a replay in place of its own."""
    services = tuple(
        replace(service, upstreams=officials.UPSTREAMS if service.name == people.SERVICE else ())
        for service in config.services
    )
    return replace(config, services=services, signals=(people.SIGNAL, *officials.SIGNALS))


def listen(config: Config, outage: PastOutage | None, start: float, end: float, every: float) -> Listen:
    """What the signals say in an outage, or on quiet days, from `start` to `end`, unix seconds, `every` so many."""
    crowd = People(config, outage, start, end, every)

    def heard(at: float) -> tuple[Mapping[str, Heard], Sequence[Crowd]]:
        return officials.heard(outage, at), crowd.crowds(at)

    return heard


def effects(outage: PastOutage, regions: Sequence[str]) -> tuple[Effect, ...]:
    """None for what probes could not see, or nobody knows whether they could."""
    american = outage.scope.startswith("US")
    where = tuple(name for name in regions if name.startswith("us-") or not american)
    what = people.features_of(word for word in outage.features if word != _NOT_PROBED)
    if outage.probes_see_it not in ("yes", "partly") or not where or not what:
        return ()
    share = PARTLY if outage.probes_see_it == "partly" else 1.0
    return (Effect(outage.start, outage.end, outage.reason, what, where, share),)


def note(outage: PastOutage) -> str:
    """One sentence on what is reconstructed and what nobody saw."""
    times = "" if outage.dated else " No source gives its times: noon UTC of a day was chosen."
    match outage.probes_see_it:
        case "yes":
            seen = "probes saw it"
        case "partly":
            seen = f"probes saw a part of it, replayed as {PARTLY:.0%} of the attempts"
        case "no":
            seen = "probes saw nothing: people's reports did, and the states stay up"
        case _:
            seen = "nobody knows whether probes saw it: people's reports did, and the states stay up"
    return f"{outage.name}: {seen}.{times} Reports are reconstructed, not measured.{_assumed(outage)}"


def _assumed(outage: PastOutage) -> str:
    minutes = officials.PAGE_AFTER / 60, officials.BLOCK_AFTER / 60
    page = f" That the page of {outage.upstream} told of it after {minutes[0]:g} min is assumed."
    block = f" That OONI told of the block in {outage.blocked_in} after {minutes[1]:g} min is assumed."
    return (page if outage.upstream else "") + (block if outage.blocked_in else "")


def line(outage: PastOutage) -> str:
    """For the list of outages."""
    begun = datetime.datetime.fromtimestamp(outage.start, datetime.UTC)
    when = f"{begun:%Y-%m-%d %H:%M}" if outage.dated else f"{begun:%Y-%m-%d}, time assumed"
    sure = "" if outage.corroborated else ", not corroborated"
    lasted = f"{(outage.end - outage.start) / 3600:.3g} h"
    what = f"{', '.join(outage.features)}; {outage.scope}; {lasted}"
    return f"{outage.name:<12} {when:<25} {what} (probes: {outage.probes_see_it}{sure}). {outage.cause}"


def default_step(outage: PastOutage) -> float:
    """Seconds."""
    return STEP_OF_LONG if outage.end - outage.start > LONG else STEP


def moments(outage: PastOutage, step: float) -> Iterator[float]:
    """From an hour before to an hour after, unix seconds."""
    first = outage.start - MARGIN
    for number in range(math.ceil((outage.end + MARGIN - first) / step) + 1):
        yield first + number * step


def replay(scene: Scene, step: float) -> Iterator[str]:
    """OpenMetrics with timestamps, in pieces."""
    timeline, outage = Timeline(), scene.outage
    start, end = outage.start - MARGIN - SETTLING, outage.end + MARGIN
    said = listen(scene.config, outage, start, end, step)
    simulation = Simulation(scene.config, scene.effects, start, said)
    for at in moments(outage, step):
        simulation.advance(at)
        show(timeline, simulation)
    yield from timeline.openmetrics()


def show(timeline: Timeline, simulation: Simulation) -> None:
    """Add what the page shows now."""
    timeline.begin(simulation.now)
    timeline.page(simulation.page.pieces(simulation.store, openmetrics=True))
