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

from exporter.evidence import begun_by
from exporter.findings import BAD, Findings
from exporter.model import Answer, Confidence, State
from exporter.sentences import count, listed

ENOUGH_REGIONS = 3
"""With so many, probes are a kind of evidence of their own: they hardly share one mistake."""


def of(found: Findings) -> tuple[Confidence, str]:
    """The confidence, and why, in a sentence."""
    if found.answer is Answer.UNKNOWN:
        return _unknown(found)
    level, because = _up(found) if found.answer is Answer.UP else _not_up(found)
    return level, f"{because[:1].upper()}{because[1:]}."


def _not_up(found: Findings) -> tuple[Confidence, str]:
    regions = len(found.regions_with(*BAD))
    sources = sorted({crowd.signal for crowd in found.evidence.crowds if crowd.spiking or crowd.rising})
    officials = sorted({one.signal for one in found.evidence.statements if begun_by(one.notice, found.since)})
    probes = f"probes from {count(regions)}" if regions else ""
    people = f"people ({listed(sources)})" if sources else ""
    if officials:
        # Why it is degraded or worse is one of the two.
        seen = listed([kind for kind in (probes, people) if kind])
        return Confidence.HIGH, f"confirmed: officials say so ({listed(officials)}), and so do {seen}"
    if probes and people:
        level = Confidence.HIGH if regions >= ENOUGH_REGIONS else Confidence.MEDIUM
        return level, f"{probes} and {people} agree, and are independent of each other"
    if probes:
        level = Confidence.MEDIUM if regions > 1 else Confidence.LOW
        return level, f"{probes} say so; nobody else does yet"
    level = Confidence.MEDIUM if len(sources) > 1 else Confidence.LOW
    return level, f"only {people} say so; our probes do not see it"


def _up(found: Findings) -> tuple[Confidence, str]:
    regions = len(found.regions_with(State.UP))
    calm = any(crowd.alone for crowd in found.evidence.crowds)
    probes = f"probes from {count(regions)} are fine"
    if calm:
        level = Confidence.HIGH if regions >= ENOUGH_REGIONS else Confidence.MEDIUM
        return level, f"{probes}, and people report nothing unusual"
    level = Confidence.MEDIUM if regions > 1 else Confidence.LOW
    return level, f"{probes}; what people report is not known"


def _unknown(found: Findings) -> tuple[Confidence, str]:
    if found.seeing or found.pending:
        return Confidence.LOW, "Too little is known to judge it."
    return Confidence.MEDIUM, f"No control answers in {count(len(found.sights))}: nothing beyond them can be judged."
