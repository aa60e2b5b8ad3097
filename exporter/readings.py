"""What other evidence says: the readings of signals, as frozen values, and what they come to for a verdict.

A kind of signal makes a `Reading`. A `Tally` is added up by bucket and compared with what is usual, which makes
a `Crowd`; the rest of a reading is the whole of what its signal knows, and replaces what it said before.
Times are unix seconds. Neither the text nor the author of what people wrote stands in any of this.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

BUCKET = 900
"""Seconds of a bucket, aligned to the clock."""

PUSHED = "reports"
"""The kind of signal that nobody reads: people come to it, so that it is never silent."""

REPORTED = (PUSHED, "downdetector")
"""Kinds in which people report; in the others that count they just talk."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted in a part of the bucket that begins at `start`: `count` complaints, `out_of` so many posts.

    `feature` is empty for the whole service; `region` where the people are, empty when unsaid; `out_of` is None for
    what is no share of anything.
    """

    service: str
    feature: str
    start: float
    count: int
    out_of: int | None = None
    region: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A count of the last full bucket that the source compares itself: `usual` is its own baseline."""

    service: str
    feature: str
    count: int
    usual: float
    region: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """An open entry of an official page.

    `locations` in the provider's own names, empty for everywhere or unsaid; `level` one of minor, major, critical or
    unknown; `opened_at` None when the page does not say; `quote` the newest words, one line, at most 300 characters.
    """

    title: str
    url: str
    level: Literal["minor", "major", "critical", "unknown"]
    opened_at: float | None = None
    locations: tuple[str, ...] = ()
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Restriction:
    """A country in which a service is blocked, or which is cut off from the network (then of no service: empty).

    `country` is ISO 3166-1 alpha-2, in capitals; `because` is what says so, a sentence part such as
    `40 of 44 measurements in 2 days fail`.
    """

    country: str
    kind: Literal["blocked", "cut off"]
    because: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of a signal says. It knows of everything up to `at`.

    `tallies` were counted from `since` on, `bookmark` is where the next read goes on: both are kept together, so
    that nothing is counted twice. `notices` and `restrictions` are all that hold now.
    """

    at: float
    tallies: tuple[Tally, ...] = ()
    since: float | None = None
    bookmark: str = ""
    levels: tuple[Level, ...] = ()
    notices: tuple[Notice, ...] = ()
    restrictions: tuple[Restriction, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A bookmark of what is read in several places: all is counted up to `at`, and the newest known in each."""

    at: float
    newest: dict[str, str]

    @classmethod
    def of(cls, bookmark: str) -> Mark:
        """Of none when the bookmark is empty or not ours."""
        try:
            found = json.loads(bookmark)
            return cls(float(found["at"]), {str(key): str(value) for key, value in found["newest"].items()})
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(0.0, {})

    def __str__(self) -> str:
        return json.dumps({"at": self.at, "newest": self.newest}, separators=(",", ":"))


def tallied(service: str, written: Iterable[tuple[float, bool]], region: str = "") -> list[Tally]:
    """What was written, each with its time and whether it complains, as shares by bucket, oldest first."""
    seen, complaints = Counter[float](), Counter[float]()
    for at, complains in written:
        bucket = at // BUCKET * BUCKET
        seen[bucket] += 1
        complaints[bucket] += complains
    return [Tally(service, "", bucket, complaints[bucket], count, region) for bucket, count in sorted(seen.items())]


class Fault(StrEnum):
    """Why a signal could not be read: a closed set, so that it can be a label."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    STATUS = "status"
    REFUSED = "refused"
    LIMITED = "limited"
    REDIRECT = "redirect"
    SIZE = "size"
    FORMAT = "format"
    ERROR = "error"
    LATE = "late"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a signal: its newest reading, when it came (0: never), and what went wrong.

    `fresh` is whether the reading may still count; a signal that is not says nothing, which is not that all is well.
    """

    signal: str
    kind: str
    reading: Reading | None = None
    succeeded_at: float = 0.0
    fresh: bool = False
    failure: str = ""
    failed_at: float = 0.0
    errors: dict[Fault, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How loud people are about a service or one of its features, compared with what is usual.

    `count`, `usual` and `out_of` are of the bucket that ends at `at`, or of the one still open when that is unusual
    already. `score` is Anscombe's, in standard deviations. `spiking` by the spike rule, `rising` by the CUSUM;
    `since` is the start of the first bucket of the spike, None when there is none. `alone` is whether it can call a
    service degraded without anybody else.
    """

    signal: str
    kind: str
    service: str
    feature: str
    count: int
    usual: float
    score: float
    at: float
    spiking: bool = False
    rising: bool = False
    since: float | None = None
    out_of: int | None = None
    alone: bool = True
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted from `start` (unix seconds) on: `count` is None when nobody listened for most of it, `usual`
    None while nothing is known to be.
    """

    start: float
    count: int | None
    usual: float | None
