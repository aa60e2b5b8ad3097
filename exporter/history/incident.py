"""An incident as a frozen value, and how it grows with each verdict that is not up: pure, no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from exporter.model import Answer, Cause, Confidence, State
from exporter.verdict import Verdict

END_SEEN_WITHIN = 300.0
"""Seconds between the last bad verdict and the all clear above which nobody saw when an incident ended."""

SAID_AT_MOST, LONGEST = 24, 600
"""Sentences that an incident keeps, of its worst verdict and of evidence, and characters of one."""

SEVERITY = (Answer.DEGRADED, Answer.PARTIAL, Answer.DOWN)
"""What an incident can be at its worst."""

OUTAGES = (Answer.PARTIAL, Answer.DOWN)
"""What it must have been at its worst to be an outage."""

_CONFIDENCE = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
_HIT = (State.DEGRADED, State.DOWN)
_PARTICULARS = re.compile(r"[\d:(]")


@dataclass(frozen=True, slots=True)
class Named:
    """A cause, when a verdict first named it (unix seconds), and the reading that said so."""

    cause: Cause
    at: float
    because: str


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a verdict, and when it was first said (unix seconds)."""

    at: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Outline:
    """An incident without what was said of it, which is most of it: there may be hundreds, and they are counted often.

    Its fields are as there.
    """

    id: int
    service: str
    started: float
    ended: float | None
    last_bad: float
    worst: Answer
    features: tuple[str, ...]

    @property
    def lasted(self) -> float | None:
        """Seconds, None while it lasts and when nobody saw its end."""
        return _lasted(self.started, self.last_bad, self.ended)


@dataclass(frozen=True, slots=True)
class Incident:
    """The time from the first evidence to the all clear. Times in unix seconds; `ended` is None while it lasts.

    `sentences` are those of the worst verdict; `peak_regions` and `peak_features` the most that were hit at once,
    `regions` and `features` all that ever were; `confidence` the highest. `last_bad` is when it was last seen to
    last, to the minute: if that is long before `ended`, nobody saw when it ended. `reopened` counts the times that
    it came back soon after it had seemed over. `changed` is when anything of it but `last_bad` last did.
    """

    service: str
    started: float
    ended: float | None
    worst: Answer
    sentences: tuple[str, ...]
    last_bad: float = 0.0
    changed: float = 0.0
    reopened: int = 0
    peak_regions: int = 0
    peak_features: int = 0
    regions: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    causes: tuple[Named, ...] = ()
    evidence: tuple[Said, ...] = ()
    confidence: Confidence | None = None
    id: int = 0

    @property
    def lasted(self) -> float | None:
        """Seconds, None while it lasts and when nobody saw its end."""
        return _lasted(self.started, self.last_bad, self.ended)


def _lasted(started: float, last_bad: float, ended: float | None) -> float | None:
    return None if ended is None or ended - last_bad > END_SEEN_WITHIN else ended - started


def begun(verdict: Verdict, now: float) -> Incident:
    """The incident that begins with this verdict: at the first evidence for it, or now when it tells none."""
    first = now if verdict.since is None else min(verdict.since, now)
    return grown(Incident(verdict.service, first, None, verdict.answer, _bounded(verdict.sentences)), verdict, now)


def grown(incident: Incident, verdict: Verdict, now: float) -> Incident:
    """What the incident is with one more verdict that is neither up nor unknown."""
    regions = _unique(region for (_, region), state in verdict.states.items() if state in _HIT)
    features = tuple(name for name, answer in verdict.features.items() if answer in SEVERITY)
    worse = _worse(incident, verdict, regions, features)
    return replace(
        incident,
        worst=max(incident.worst, verdict.answer, key=SEVERITY.index),
        sentences=_bounded(verdict.sentences) if worse else incident.sentences,
        last_bad=now,
        peak_regions=max(incident.peak_regions, len(regions)),
        peak_features=max(incident.peak_features, len(features)),
        regions=_unique((*incident.regions, *regions)),
        features=_unique((*incident.features, *features)),
        causes=_with_cause(incident.causes, verdict, now),
        evidence=_with_evidence(incident.evidence, verdict, now),
        confidence=max(incident.confidence or verdict.confidence, verdict.confidence, key=_CONFIDENCE.index),
    )


def _worse(incident: Incident, verdict: Verdict, regions: Sequence[str], features: Sequence[str]) -> bool:
    """Than it ever was: by the answer, else by how much is hit at once."""
    before, after = SEVERITY.index(incident.worst), SEVERITY.index(verdict.answer)
    wider = len(regions) > incident.peak_regions or len(features) > incident.peak_features
    return after > before or (after == before and wider)


def _bounded(sentences: Sequence[str]) -> tuple[str, ...]:
    """A server's complaint and an official's words stand in them: strangers do not say how much is kept."""
    return tuple(sentence[:LONGEST] for sentence in sentences[:SAID_AT_MOST])


def _with_cause(known: tuple[Named, ...], verdict: Verdict, now: float) -> tuple[Named, ...]:
    if verdict.cause is Cause.UNKNOWN or verdict.cause in {one.cause for one in known}:
        return known
    return (*known, Named(verdict.cause, now, verdict.because[:LONGEST]))


def _with_evidence(known: tuple[Said, ...], verdict: Verdict, now: float) -> tuple[Said, ...]:
    """With the first sentence of each kind that is new, as long as there is room."""
    if len(known) >= SAID_AT_MOST:
        return known
    kinds = {_kind(said.sentence) for said in known}
    for sentence in verdict.sentences:
        if _kind(sentence) not in kinds and len(known) < SAID_AT_MOST:
            kinds.add(_kind(sentence))
            known = (*known, Said(now, sentence[:LONGEST]))
    return known


def _kind(sentence: str) -> str:
    """What a sentence is about: its words before the first number, list or quotation."""
    return _PARTICULARS.split(sentence, maxsplit=1)[0] or sentence


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
