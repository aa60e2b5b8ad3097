"""The documented outages, each from five minutes before to twenty minutes after.

Of a long one the middle is left out: after twenty minutes its end follows, or ten minutes after measurements tell that
a country blocks it. No state changes meanwhile, which is asserted. History begins with the scene, so that the burn
rates' long windows hold less calm than in life; people's usual reports are those of five weeks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from exporter import check, config, replay
from exporter.model import Answer, Cause, Config, PastOutage, State
from exporter.replay.officials import BLOCK_AFTER
from exporter.simulation import Simulation
from tests.replays.measure import Measured, Said, Scraping
from tests.replays.promtool import STEP

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
    said: tuple[Said, ...]
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
    def at_the_end(self) -> Said:
        """What the verdict said last in the outage."""
        return self.said[-1]

    def causes(self) -> dict[Cause, float]:
        """Those that were named, and seconds from the outage's start to when first."""
        named = [said for said in reversed(self.said) if said.cause is not Cause.UNKNOWN]
        return {said.cause: said.at for said in named}

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
    lasts = BLOCK_AFTER + LASTS / 2 if whole.blocked_in else LASTS
    outage = replace(whole, end=min(whole.end, whole.start + lasts))
    scene = replay.scene(shipped(), outage, regions)
    start, end = outage.start - BEFORE - SETTLING, outage.end + (AFTER if scene.effects else UNSEEN_AFTER)
    listen = replay.listen(scene.config, outage, start, end, STEP)
    simulation = Simulation(scene.config, scene.effects, start, listen)
    simulation.advance(outage.start - BEFORE)
    assert simulation.steady
    scraping = Scraping(simulation)
    scraping.until(end)
    _assert_plateau(simulation, scene, outage)
    right = _right(scene)
    changed = [at for at, change in simulation.changes if not change.feature and change.after is right]
    after = next((at - outage.start for at in changed if at >= outage.start), None)
    said = tuple(replace(one, at=one.at - outage.start) for one in scraping.said if outage.start <= one.at < outage.end)
    return Row(whole, regions, right, after, outage.end - outage.start + BEFORE, said, scraping.measure())


def _right(scene: replay.Scene) -> Answer:
    """What it was for those who looked; where a country blocks it, for everybody else."""
    if not scene.effects:
        return Answer.DEGRADED
    [effect] = scene.effects
    failing, regions = len(effect.regions), len(scene.config.regions)
    if scene.outage.blocked_in and failing < regions:
        return Answer.UP
    everything_core = {"feed", "video"} <= set(effect.features)
    return Answer.DOWN if everything_core and 2 * failing >= regions else Answer.PARTIAL


def _assert_plateau(simulation: Simulation, scene: replay.Scene, outage: PastOutage) -> None:
    if all(effect.share == 1.0 for effect in scene.effects):
        inside = [
            (at, change)
            for at, change in simulation.changes
            if outage.start + CHANGING <= at < outage.end and change.feature and change.after is not State.BLOCKED
        ]
        assert not inside, f"what is left out of a long outage is not all the same: {inside}"


def duration(seconds: float | None) -> str:
    """`1 min 45 s`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"
