"""What probes of strangers are asked and what they found: pure, no I/O, no clock.

Of what they found (`judging`) each probe has an opinion; the majority of those that vote decides. When it is even, it
is good: a stranger has got through.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.model import Reason, SampleKey
from exporter.strangers.asking import fault, request
from exporter.strangers.judging import Opinion, opinions

__all__ = ["Decision", "Opinion", "decide", "fault", "opinions", "request"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the probes decide together; `witnesses` is how many say so, `phases` and times in `samples` are medians."""

    reason: Reason | None
    message: str
    witnesses: int = 1
    phases: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[SampleKey, float] = field(default_factory=dict)


def decide(found: Sequence[Opinion]) -> Decision:
    """By the majority of those that vote."""
    voting = [one for one in found if one.votes]
    good, bad = [one for one in voting if one.reason is None], [one for one in voting if one.reason is not None]
    if not voting:
        return _undecided(found)
    if len(good) >= len(bad):
        return Decision(None, "", len(good), _medians(good), _together(good))
    reason = Counter(one.reason for one in bad).most_common(1)[0][0]
    first = next(one for one in bad if one.reason is reason)
    message = f"{len(bad)} of {len(voting)} probes fail: {first.said} ({first.who})"
    return Decision(reason, message, len(bad), _medians(bad), _together(bad))


def _undecided(found: Sequence[Opinion]) -> Decision:
    if not found:
        return Decision(Reason.VANTAGE, "no probe of Globalping has answered")
    walled = [one for one in found if one.reason is Reason.BLOCKED]
    first = (walled or found)[0]
    reason = Reason.BLOCKED if walled else Reason.VANTAGE
    return Decision(reason, f"none of {len(found)} probes can judge it: {first.said} ({first.who})")


def _medians(found: Sequence[Opinion]) -> dict[str, float]:
    names = dict.fromkeys(name for one in found for name in one.phases)
    return {name: statistics.median(one.phases.get(name, 0.0) for one in found) for name in names}


def _together(found: Sequence[Opinion]) -> dict[SampleKey, float]:
    """Times as medians, the certificate that ends first, of the rest what most say."""
    keys = dict.fromkeys(key for one in found for key in one.samples)
    return {key: _combine(key)([one.samples[key] for one in found if key in one.samples]) for key in keys}


def _combine(key: SampleKey) -> Callable[[list[float]], float]:
    name = key if isinstance(key, str) else key[0]
    if name.endswith("_duration_seconds"):
        return statistics.median
    return min if name == "probe_ssl_earliest_cert_expiry" else statistics.mode
