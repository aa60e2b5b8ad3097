"""The intake: each report is counted, refused for a reason, or told that it could not be kept."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from exporter.model import Config, Service, Signal
from exporter.readings import BUCKET, PUSHED, Reading, Tally
from exporter.signals.reports.limits import Limits
from exporter.signals.reports.memory import Mark, Memory
from exporter.signals.reports.settings import Options

log = logging.getLogger(__name__)

GROUP = 0.005
"""Seconds that an accepted report waits for others to be kept with it."""

_LOOK_EVERY = 10.0  # seconds between two looks while no signal is configured
_MOST_REGIONS = 300  # in a bucket: there are 250 countries, and a header may say anything


class Answer(StrEnum):
    """What came of a report; all but the first are refusals."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    LIMITED = "limited"
    FULL = "full"
    UNKEPT = "unkept"
    FOREIGN = "foreign"
    LARGE = "large"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Report:
    """`feature` is empty for the service as a whole, `region` when unsaid."""

    visitor: bytes
    service: str
    feature: str = ""
    region: str = ""
    has_words: bool = False


@dataclass(slots=True)
class _Group:
    """Reports that are kept together; `kept` is whether they were."""

    kept: asyncio.Future[bool]
    tallies: Counter[tuple[str, str, int, str]] = field(default_factory=Counter)
    words: Counter[bool] = field(default_factory=Counter)
    marks: list[Mark] = field(default_factory=list)


class Intake:
    """Takes reports while a signal of this kind is configured. `now` is in unix seconds.

    `keep` keeps a reading for good before it returns, and raises OSError when it cannot. `accepted` is counted by
    service and feature, `refused` by reason, `words` by whether a report that was accepted had any: since the start.
    """

    def __init__(self, keep: Callable[[Signal, Reading], None], now: Callable[[], float]) -> None:
        self.signal: Signal | None = None
        self.services: dict[str, Service] = {}
        self.accepted: dict[tuple[str, str], int] = {}
        self.refused: dict[str, int] = {answer.value: 0 for answer in Answer if answer is not Answer.ACCEPTED}
        self.words = {True: 0, False: 0}
        self._keep = keep
        self._now = now
        self._heard_until = now()
        self._memory = Memory()
        self._limits = Limits()
        self._group: _Group | None = None
        self._regions: tuple[int, set[str]] = (0, set())
        self._fails = False

    @property
    def options(self) -> Options:
        """Those of the signal; of none, the defaults."""
        return self.signal.options if self.signal else Options()

    def apply(self, config: Config) -> None:
        """Take a new configuration: what is under way goes on, what is remembered stays."""
        before = self.signal
        self.signal = next((signal for signal in config.signals if signal.kind == PUSHED), None)
        if self.signal is None or before is None or self.signal.name != before.name:
            self._heard_until = self._now()
        named = self.signal.services if self.signal else ()
        self.services = {one.name: one for one in config.services if not named or one.name in named}
        subjects = [
            (one.name, name) for one in self.services.values() for name in ("", *(f.name for f in one.features))
        ]
        self.accepted = {subject: self.accepted.get(subject, 0) for subject in subjects}

    def wait(self, visitor: bytes) -> float:
        """Seconds until this visitor may report, 0 for now; whoever must wait is counted as limited."""
        options = self.options
        seconds = self._limits.wait(visitor, self._now(), options.visitor_limit, options.limit)
        if seconds:
            self.refuse(Answer.LIMITED)
        return seconds

    def refuse(self, answer: Answer) -> Answer:
        """Count a refusal."""
        self.refused[answer.value] += 1
        return answer

    async def take(self, report: Report) -> Answer:
        """Count a report of a service and feature that are configured: accepted, repeated, full or unkept.

        It returns when what it says has been kept.
        """
        now = self._now()
        if self._memory.size(now) + 2 > self.options.memory:
            return self.refuse(Answer.FULL)
        mark = self._memory.remember(now, report.visitor, report.service, report.feature)
        if mark is None:
            # It may repeat one that is still to be kept.
            kept = self._group is None or await asyncio.shield(self._group.kept)
            return self.refuse(Answer.REPEATED if kept else Answer.UNKEPT)
        group = self._group or self._begin_group()
        self._add(group, report, mark, now)
        return Answer.ACCEPTED if await asyncio.shield(group.kept) else self.refuse(Answer.UNKEPT)

    async def listen(self) -> None:
        """Note now and then that nobody reported, for ever: that is a zero, while a bucket without notes is missing."""
        while True:
            await asyncio.sleep(self.signal.interval if self.signal else _LOOK_EVERY)
            self._note(())

    def close(self) -> None:
        """Keep what waits to be kept."""
        self._end_group()
        self._note(())

    def _begin_group(self) -> _Group:
        loop = asyncio.get_running_loop()
        self._group = _Group(loop.create_future())
        loop.call_later(GROUP, self._end_group)
        return self._group

    def _add(self, group: _Group, report: Report, mark: Mark, now: float) -> None:
        marks = {report.feature: mark}
        if report.feature and (whole := self._memory.remember(now, report.visitor, report.service)):
            marks[""] = whole
        start = int(now // BUCKET)
        region = self._region(start, report.region)
        for feature in marks:
            group.tallies[report.service, feature, start, region] += 1
        group.marks += marks.values()
        group.words[report.has_words] += 1

    def _end_group(self) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        kept = self._note(
            tuple(
                Tally(service, feature, float(start * BUCKET), count, region=region)
                for (service, feature, start, region), count in group.tallies.items()
            )
        )
        if kept:
            self._count(group)
        else:
            for mark in group.marks:
                mark.forget()
        group.kept.set_result(kept)

    def _count(self, group: _Group) -> None:
        for (service, feature, _, _), count in group.tallies.items():
            self.accepted[service, feature] = self.accepted.get((service, feature), 0) + count
        for had_words, count in group.words.items():
            self.words[had_words] += count

    def _note(self, tallies: tuple[Tally, ...]) -> bool:
        """Whether it is kept. The time in which nothing can be is missing: what was reported in it was refused."""
        if self.signal is None:
            return False
        since, self._heard_until = self._heard_until, self._now()
        try:
            self._keep(self.signal, Reading(self._heard_until, tallies, since))
        except OSError as error:
            if not self._fails:
                log.error("reports are refused, because they cannot be kept", extra={"reason": str(error)})
            self._fails = True
            return False
        if self._fails:
            log.info("reports are kept again")
        self._fails = False
        return True

    def _region(self, start: int, region: str) -> str:
        if start != self._regions[0]:
            self._regions = (start, set())
        known = self._regions[1]
        if region in known or len(known) < _MOST_REGIONS:
            known.add(region)
            return region
        return ""
