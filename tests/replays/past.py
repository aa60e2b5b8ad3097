"""The documented outages, each from five minutes before to twenty minutes after.

Of a long one the middle is left out: after twenty minutes its end follows. Nothing changes meanwhile, which is
asserted. History begins with the scene, so that the burn rates' long windows hold less calm than in life.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from exporter import check, config, replay
from exporter.model import Answer, Config, PastOutage
from exporter.simulation import Simulation
from tests.replays.measure import Measured, Scraping

BEFORE, SETTLING = 300.0, 1800.0
LASTS, AFTER = 1200.0, 1200.0
"""Seconds that are kept of an outage and of the time behind it."""

UNSEEN_AFTER = 300.0
"""Seconds behind an outage in which no state changes."""

CHANGING = 900.0
"""Seconds in which everything that an outage changes has changed: two of the longest intervals and more."""

AMERICAN = ("us-east", "us-central", "us-west")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one outage; times are seconds."""

    outage: PastOutage
    regions: tuple[str, ...]
    right: Answer
    right_after: float | None
    end: float
    measured: Measured

    @property
    def page_after(self) -> float | None:
        """From the outage's start to the first page."""
        return self.measured.pages[0].fired_at - BEFORE if self.measured.pages else None

    @property
    def resolved_after(self) -> float | None:
        """From the outage's end to the end of the last page."""
        ends = [page.ended_at for page in self.measured.pages]
        return max(ends) - self.end if ends else None

    @property
    def told_by(self) -> str:
        """The first warning."""
        found = [(at, name) for (severity, name), at in self.measured.first.items() if severity == "warning"]
        return min(found)[1] if found else ""

    @property
    def told_after(self) -> float | None:
        """From the outage's start to the first warning."""
        return self.measured.first["warning", self.told_by] - BEFORE if self.told_by else None

    @property
    def seen(self) -> bool:
        """Whether probes meet anything of it."""
        return bool(replay.effects(self.outage, self.regions))


@cache
def shipped() -> Config:
    """TikTok and the controls: alternatives are not what fails."""
    return check.narrow(config.load([config.shipped()], {}), ["tiktok"])


def cases() -> Iterator[tuple[PastOutage, tuple[str, ...]]]:
    """Every outage from five regions; those of the US that probes see also from three there."""
    for outage in config.past_outages():
        yield outage, replay.REGIONS
        if outage.scope.startswith("US") and outage.probes_see_it == "yes":
            yield outage, AMERICAN


def measured(case: tuple[PastOutage, tuple[str, ...]]) -> Row:
    """One outage through everything."""
    whole, regions = case
    outage = replace(whole, end=min(whole.end, whole.start + LASTS))
    scene = replay.scene(shipped(), outage, regions)
    simulation = Simulation(scene.config, scene.effects, outage.start - BEFORE - SETTLING)
    simulation.advance(outage.start - BEFORE)
    assert simulation.steady
    scraping = Scraping(simulation, outage)
    scraping.until(outage.end + (AFTER if scene.effects else UNSEEN_AFTER))
    _assert_plateau(simulation, scene, outage)
    right = _right(scene)
    changed = [at for at, change in simulation.changes if not change.feature and change.after is right]
    after = next((at - outage.start for at in changed if at >= outage.start), None)
    return Row(whole, regions, right, after, outage.end - outage.start + BEFORE, scraping.measure())


def _right(scene: replay.Scene) -> Answer:
    if not scene.effects:
        return Answer.UP
    [effect] = scene.effects
    failing, regions = len(effect.regions), len(scene.config.regions)
    everything_core = {"feed", "video"} <= set(effect.features)
    return Answer.DOWN if everything_core and 2 * failing >= regions else Answer.PARTIAL


def _assert_plateau(simulation: Simulation, scene: replay.Scene, outage: PastOutage) -> None:
    if all(effect.share == 1.0 for effect in scene.effects):
        inside = [at for at, _ in simulation.changes if outage.start + CHANGING <= at < outage.end]
        assert not inside, "what is left out of a long outage is not all the same"


def duration(seconds: float | None) -> str:
    """`1 min 45 s`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"
