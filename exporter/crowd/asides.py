"""Times that are no example of what is usual: spikes of a signal's service and feature, and a service's incidents."""

from __future__ import annotations

import logging
from dataclasses import replace
from math import inf

from exporter import spikes
from exporter.history.buckets import Aside, Buckets
from exporter.readings import BUCKET

log = logging.getLogger(__name__)

Subject = tuple[str, str, str]
"""Signal, service and feature of a spike; of an incident the service alone."""

_WEEK = float(spikes.WEEK * BUCKET)  # seconds


class Asides:
    """All of them, in memory and kept by `buckets`.

    A time counts for a week at most: what lasts longer is the new usual, or a spike would feed on itself for good.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._times: dict[Subject, list[Aside]] = {}
        self._unkept: dict[tuple[Subject, float], Aside] = {}
        for aside in buckets.asides():
            self._times.setdefault((aside.signal, aside.service, aside.feature), []).append(aside)

    def open(self, subject: Subject) -> Aside | None:
        """The one that has not ended."""
        last = self._times.get(subject, [])[-1:]
        return next((aside for aside in last if aside.ended is None), None)

    def begin(self, subject: Subject, at: float) -> None:
        """Nothing when one is open."""
        if self.open(subject) is None:
            aside = Aside(*subject, at)
            times = [known for known in self._times.get(subject, []) if known.started != at]
            self._times[subject] = [*times, aside]
            self._keep(subject, aside)

    def end(self, subject: Subject, at: float) -> None:
        """Nothing when none is open."""
        aside = self.open(subject)
        if aside is not None:
            ended = replace(aside, ended=max(at, aside.started))
            self._times[subject][-1] = ended
            self._keep(subject, ended)

    def hold(self, subject: Subject, number: int) -> bool:
        """Whether any of the bucket is set aside, for a spike of its own or an incident of its service."""
        starts, ends = number * BUCKET, (number + 1) * BUCKET
        return any(
            aside.started < ends and starts < min(inf if aside.ended is None else aside.ended, aside.started + _WEEK)
            for times in (self._times.get(subject, ()), self._times.get(("", subject[1], ""), ()))
            for aside in times
        )

    def write(self) -> None:
        """Keep what could not be kept before; what still cannot is held in memory, and said once."""
        for key, aside in list(self._unkept.items()):
            try:
                self._buckets.set_aside(aside)
            except OSError as error:
                if len(self._unkept) == 1:
                    log.error("a time that is set aside is not kept yet", extra={"reason": str(error)})
                return
            del self._unkept[key]

    def forget(self, before: float) -> None:
        for subject, times in self._times.items():
            self._times[subject] = [aside for aside in times if aside.ended is None or aside.ended >= before]

    def _keep(self, subject: Subject, aside: Aside) -> None:
        self._unkept[subject, aside.started] = aside
        self.write()
