"""How sure a verdict is, by a table that one can read aloud: pure.

Three kinds of evidence are independent: our probes, people, officials. Probes count as a kind of their own from three
regions on; a statement counts when it was opened no earlier than a day before the first evidence.

| not up, and | confidence |
|---|---|
| officials have a statement open, beside probes or people | high |
| probes of three regions or more, and people | high |
| probes of one or two regions, and people | medium |
| probes of several regions alone, or people by two sources | medium |
| one region, or one source | low |

| up, and | confidence |
|---|---|
| three regions or more are fine, and people are listened to and calm | high |
| two regions or more are fine, or one and people are calm | medium |
| one region is fine | low |

What nobody can tell has low confidence, but that one's own line is cut has medium.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.evidence import begun_by
from exporter.findings import BAD, Findings
from exporter.languages import text
from exporter.model import Answer, Confidence, State
from exporter.sentences import count

ENOUGH_REGIONS = 3
"""With so many, probes are a kind of evidence of their own: they hardly share one mistake."""


def of(found: Findings) -> tuple[Confidence, str]:
    """The confidence, and why, in a sentence."""
    if found.answer is Answer.UNKNOWN:
        return _unknown(found)
    return _up(found) if found.answer is Answer.UP else _not_up(found)


def _not_up(found: Findings) -> tuple[Confidence, str]:
    failing = found.regions_with(*BAD)
    regions = count(len(failing))
    sources = _titles(found, (crowd.signal for crowd in found.evidence.crowds if crowd.spiking or crowd.rising))
    officials = _titles(found, (one.signal for one in found.evidence.statements if begun_by(one.notice, found.since)))
    if officials:
        # Why it is degraded or worse is one of the two.
        others = [text("sure.probes", regions=regions)] if failing else []
        others += [text("sure.people", sources=sources)] if sources else []
        return Confidence.HIGH, text("sure.officials", officials=officials, others=others)
    if failing and sources:
        level = Confidence.HIGH if len(failing) >= ENOUGH_REGIONS else Confidence.MEDIUM
        return level, text("sure.agree", regions=regions, sources=sources)
    if failing:
        level = Confidence.MEDIUM if len(failing) > 1 else Confidence.LOW
        return level, text("sure.probes.only", regions=regions)
    level = Confidence.MEDIUM if len(sources) > 1 else Confidence.LOW
    return level, text("sure.people.only", sources=sources)


def _titles(found: Findings, signals: Iterable[str]) -> list[str]:
    return [found.evidence.title(signal) for signal in sorted(set(signals))]


def _up(found: Findings) -> tuple[Confidence, str]:
    regions = len(found.regions_with(State.UP))
    if any(crowd.alone for crowd in found.evidence.crowds):
        level = Confidence.HIGH if regions >= ENOUGH_REGIONS else Confidence.MEDIUM
        return level, text("sure.up.calm", regions=count(regions))
    level = Confidence.MEDIUM if regions > 1 else Confidence.LOW
    return level, text("sure.up", regions=count(regions))


def _unknown(found: Findings) -> tuple[Confidence, str]:
    if found.seeing or found.pending:
        return Confidence.LOW, text("sure.unknown")
    return Confidence.MEDIUM, text("sure.line", regions=count(len(found.sights)))
