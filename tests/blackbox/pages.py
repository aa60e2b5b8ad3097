"""What a page of /probe holds, and in what two of them differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Key = tuple[str, frozenset[tuple[str, str]]]
"""A sample's name and labels."""

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([-+]?[\d.]+(?:e[-+]?\d+)?|NaN|[-+]Inf)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ABOUT = re.compile(r"^# (?:TYPE|HELP) (\w+) (.+)$", re.MULTILINE)
_TIMINGS = ("_duration_seconds", "_time_seconds")
NEWER_LABEL = "serialnumber"


@dataclass(frozen=True, slots=True)
class Page:
    """`about` is what is said of each family: its help and its type."""

    status: int
    about: Mapping[str, tuple[str, ...]]
    samples: Mapping[Key, float]

    @property
    def names(self) -> set[str]:
        """Of all families that have a sample."""
        return {name for name, _ in self.samples}


@dataclass(frozen=True, slots=True)
class Difference:
    """`name` is a metric's, or `status` for the page's own; what one side does not have is None there."""

    name: str
    labels: frozenset[tuple[str, str]] = frozenset()
    theirs: float | str | None = None
    ours: float | str | None = None

    def __str__(self) -> str:
        labels = ",".join(f"{name}={value!r}" for name, value in sorted(self.labels))
        return f"{self.name}{f'{{{labels}}}' if labels else ''}: theirs {self.theirs}, ours {self.ours}"


def parsed(status: int, text: str) -> Page:
    """A page in the text format; only that of a probe that took place has samples."""
    if status != 200:
        return Page(status, {}, {})
    samples = {
        (name, frozenset(_LABEL.findall(labels))): 0.0 if name.endswith(_TIMINGS) else float(value)
        for name, labels, value in _SAMPLE.findall(text)
    }
    about: dict[str, tuple[str, ...]] = {}
    for name, words in _ABOUT.findall(text):
        about[name] = (*about.get(name, ()), words)
    return Page(status, about, samples)


def compare(theirs: Page, ours: Page) -> Iterator[Difference]:
    """Everything in which the two differ; times are only there or not."""
    if theirs.status != ours.status:
        yield Difference("status", frozenset(), theirs.status, ours.status)
        return
    mine = ours.samples
    if _has_label(mine) and not _has_label(theirs.samples):
        yield Difference(NEWER_LABEL, frozenset(), None, "a label")
        mine = {_without_label(key): value for key, value in mine.items()}
    for key in sorted({*theirs.samples, *mine}, key=lambda found: (found[0], sorted(found[1]))):
        if theirs.samples.get(key) != mine.get(key):
            yield Difference(*key, theirs.samples.get(key), mine.get(key))
    for name in sorted(theirs.names & ours.names):
        if theirs.about.get(name) != ours.about.get(name):
            yield Difference(name, frozenset(), str(theirs.about.get(name)), str(ours.about.get(name)))


def _has_label(samples: Mapping[Key, float]) -> bool:
    return any(name == NEWER_LABEL for _, labels in samples for name, _ in labels)


def _without_label(key: Key) -> Key:
    return key[0], frozenset(pair for pair in key[1] if pair[0] != NEWER_LABEL)
