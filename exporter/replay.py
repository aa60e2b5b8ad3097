"""A documented outage once more, in simulated time, as what `/metrics` would have shown.

What is known of an outage is when, where and which features. The rest is reconstructed: attempts fail as the
outage's `reason` says, in the regions of its scope, for as long as it lasted. What probes could not see, or
nobody knows whether they could, stays up in the states: then there are people's reports, a synthetic series
that climbs within three quarters of an hour to what a source counted, and falls in the end.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.metrics.timeline import Timeline
from exporter.model import Config, PastOutage
from exporter.simulation import Effect, Simulation, chance, fleet

REGIONS = ("us-east", "us-west", "gb", "de", "jp")
"""From where a replay looks unless told otherwise."""

MARGIN = 3600.0
"""Seconds of calm before and after."""

STEP, STEP_OF_LONG, LONG = 60.0, 240.0, 6.5 * 3600.0
"""Seconds between two moments, the same for outages longer than LONG. Above 5 minutes Prometheus sees gaps."""

SETTLING = 900.0
"""Seconds before the first moment, in which every pair runs often enough to be known."""

BUCKET = 900.0
"""Seconds of a bucket of reports, aligned to the clock."""

USUAL_REPORTS = 4.0
"""In a bucket of a feature on any day: a stated prior, no source counts that low."""

ASSUMED_PEAK = 500.0
"""In a bucket, where no source counted."""

PARTLY = 0.6
"""Share of attempts that fail where probes see a part of the outage."""

_TIKTOK = "tiktok"
# The site serves both; an app is something that no probe of ours is.
_SEEN_AS = {"web": ("feed", "video"), "app": ("feed",)}
_PROBED_AS = {**_SEEN_AS, "app": ()}


@dataclass(frozen=True, slots=True)
class Scene:
    """Who looks at which outage, and what probes meet in it."""

    config: Config
    outage: PastOutage
    effects: tuple[Effect, ...]


def scene(loaded: Config, outage: PastOutage, regions: Sequence[str] = REGIONS, histograms: bool = False) -> Scene:
    """The outage as the configuration's endpoints in these regions meet it. KeyError names a stranger.

    Histograms are seven of ten series; without them a week costs a third.
    """
    config = replace(fleet(loaded, regions), histograms=histograms)
    return Scene(config, outage, effects(outage, regions))


def effects(outage: PastOutage, regions: Sequence[str]) -> tuple[Effect, ...]:
    """None for what probes could not see, or nobody knows whether they could."""
    american = outage.scope.startswith("US")
    where = tuple(name for name in regions if name.startswith("us-") or not american)
    what = _features(outage, _PROBED_AS)
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
    return f"{outage.name}: {seen}.{times} Reports are reconstructed, not measured."


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
    simulation = Simulation(scene.config, scene.effects, outage.start - MARGIN - SETTLING)
    for at in moments(outage, step):
        simulation.advance(at)
        show(timeline, simulation, outage)
    yield from timeline.openmetrics()


def show(timeline: Timeline, simulation: Simulation, outage: PastOutage | None) -> None:
    """Add what the page and, in an outage, people's reports show now."""
    timeline.begin(simulation.now)
    timeline.page(simulation.page.pieces(simulation.store, openmetrics=True))
    features = {one.name: one.features for one in simulation.store.config.services}.get(_TIKTOK, ())
    if outage is not None:
        for feature in features:
            _show_reports(timeline, simulation.now, outage, feature.name)


def _show_reports(timeline: Timeline, now: float, outage: PastOutage, feature: str) -> None:
    found = reports(outage, feature, now)
    of = {"service": _TIKTOK, "feature": feature}
    for name, explained, value in (
        ("outage_reports", "People's reports in the last full quarter of an hour. Reconstructed.", found),
        ("outage_reports_baseline", "The usual number of reports. Reconstructed.", USUAL_REPORTS),
        ("outage_reports_score", "How unusual the reports are (Anscombe). Reconstructed.", score(found)),
    ):
        timeline.gauge(name, explained, value, **of)


def score(found: float) -> float:
    """Anscombe's: standard deviations of a Poisson count above the usual one."""
    return 2.0 * (math.sqrt(found + 0.375) - math.sqrt(USUAL_REPORTS + 0.375))


def reports(outage: PastOutage, feature: str, now: float) -> float:
    """People's reports of a feature in the last bucket that was full at `now`."""
    end = math.floor(now / BUCKET) * BUCKET
    noise = math.floor(USUAL_REPORTS * 2 * chance(outage.name, feature, end) + 0.5)
    hit = _features(outage, _SEEN_AS)
    if feature not in hit:
        return float(noise)
    peak = (outage.reports or ASSUMED_PEAK) / len(hit)
    return float(noise + round(peak * _height(outage, end)))


def _height(outage: PastOutage, end: float) -> float:
    """Of the wave of reports in the bucket that ends at `end`: 0 to 1."""
    rise, tail = (end - outage.start) / (3 * BUCKET), 1.0 - (end - BUCKET - outage.end) / (2 * BUCKET)
    tired = max(0.3, 1.0 - (end - outage.start - 3 * BUCKET) / (8 * BUCKET))
    return max(0.0, min(1.0, rise, tail, tired))


def _features(outage: PastOutage, words: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The features of the outage in our own names."""
    return tuple(dict.fromkeys(name for word in outage.features for name in words.get(word, (word,))))
