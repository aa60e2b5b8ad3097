"""The words of a verdict: its headline, and its evidence as sentences, the most important first. Pure.

What others wrote (complaints of servers, quotes of officials) stands in them as it came: who shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from exporter.evidence import EXPECTED, Blockage, Statement
from exporter.findings import BAD, VOTES, Findings, Seen
from exporter.model import Answer, State
from exporter.readings import BUCKET, PUSHED, REPORTED, Crowd
from exporter.tracks import Sight

_HEADLINES = {
    Answer.UP: "{title} is up.",
    Answer.DEGRADED: "{title} is up, but degraded.",
    Answer.PARTIAL: "{title} is partly down.",
    Answer.DOWN: "{title} is down.",
    Answer.UNKNOWN: "We can't tell whether {title} is down.",
}
_WHERE_BLOCKED = {
    Answer.UP: "{title} is up, but blocked in {where}.",
    Answer.UNKNOWN: "{title} is blocked in {where}, and we can't tell whether it is down elsewhere.",
}


def headline(title: str, answer: Answer, probed: Answer | None = None, blocked_in: Sequence[str] = ()) -> str:
    """The answer as one sentence; `probed` is that of our probes alone, `blocked_in` are countries."""
    where = listed(blocked_in)
    words = _HEADLINES | (_WHERE_BLOCKED if where else {})
    if answer is not Answer.DEGRADED or probed in (None, answer):
        return words[answer].format(title=title, where=where)
    if probed is Answer.UNKNOWN:
        return f"Our probes can't judge {title}, but its users report problems."
    elsewhere = f" outside {where}, where it is blocked" if where else ""
    return f"{title} is up by our probes{elsewhere}, but its users report problems."


def of(found: Findings) -> tuple[str, ...]:
    """What is bad, what people and officials say, what is blocked or unknown, what is fine, who is blind."""
    others = (
        *(_people_sentence(crowd, found) for crowd in _loud(found)),
        *map(quotation, found.evidence.statements),
    )
    if found.pending:
        return ("The first probes are still under way.", *others)
    if not found.seeing:
        cut = "No region of ours sees the internet: the problem is on your end."
        return (*others, *_blind_sentences(found.sights), cut)
    seen = {
        name: {region: item for region, item in regions.items() if region in found.seeing}
        for name, regions in found.seen.items()
    }
    up = [name for name, answer in found.features.items() if answer is Answer.UP]
    return (
        *(line for state in BAD for line in _state_sentences(state, seen)),
        *others,
        *_blocked_sentences(seen),
        *(line for state in (State.BLOCKED, State.UNKNOWN) for line in _state_sentences(state, seen)),
        *_fine_sentences(up, seen),
        *_wall_sentences(seen),
        *_blind_sentences(found.sights),
    )


def quotation(statement: Statement) -> str:
    """`tiktok_business says: "Uploads fail." (https://...).`"""
    notice = statement.notice
    link = f" ({notice.url})" if notice.url else ""
    return f'{statement.signal} says: "{notice.quote or notice.title}"{link}.'


def told(crowd: Crowd) -> str:
    """What a crowd says, as part of a sentence: `users report upload failures: 84 in 15 minutes where 3 are usual`."""
    reported = crowd.kind in REPORTED
    what = f"{crowd.feature} failures" if crowd.feature else "problems"
    verb = "users report" if reported else "people write of"
    more = "" if crowd.spiking else " a little more than usual, and have for a while"
    says = "" if crowd.kind == PUSHED else f", says {crowd.signal}"
    where = f" in {listed(crowd.regions[:_COUNTRIES])}" if crowd.regions else ""
    out_of = "" if crowd.out_of is None else f" of {crowd.out_of} {_NOUNS.get(crowd.kind, 'posts')}"
    usual = f"{crowd.usual:.3g} {'is' if crowd.usual == 1 else 'are'} usual"
    return f"{verb} {what}{where}{more}{says}: {crowd.count}{out_of} in {BUCKET // 60} minutes where {usual}"


_NOUNS = {"appstore": "reviews"}
_COUNTRIES = 5


def _loud(found: Findings) -> list[Crowd]:
    """The spikes, the loudest first, and then what rises slowly."""
    unusual = [crowd for crowd in found.evidence.crowds if crowd.spiking or crowd.rising]
    return sorted(unusual, key=lambda crowd: (not crowd.spiking, -crowd.score))


def _people_sentence(crowd: Crowd, found: Findings) -> str:
    return f"{told(crowd)}{_next_to_probes(crowd, found)}."


def _next_to_probes(crowd: Crowd, found: Findings) -> str:
    """What our probes say of the same."""
    if not found.seeing:
        return ""
    one = crowd.feature in found.seen
    regions = found.seen[crowd.feature] if one else {}
    answer = found.probed[crowd.feature] if one else _of_all(found)
    if answer is Answer.UP:
        good = [r for r, item in regions.items() if item.state is State.UP] if one else found.regions_with(State.UP)
        return f"; probes from {count(len(good))} are fine"
    return "; our probes cannot judge that" if answer is Answer.UNKNOWN else "; so do our probes"


def _of_all(found: Findings) -> Answer:
    """Of a service as our probes see it, as far as it is up or nobody can tell; else just that something is wrong."""
    if found.regions_with(*BAD):
        return Answer.DEGRADED
    return Answer.UP if found.regions_with(State.UP) else Answer.UNKNOWN


def _state_sentences(state: State, seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    """What is said of the features that have `state` somewhere."""
    for name, regions in seen.items():
        where = [region for region, item in regions.items() if item.state is state and item.blockage is None]
        if where:
            complaint = next((regions[region].complaint for region in where if regions[region].complaint), "")
            votes = sum(item.state in VOTES for item in regions.values())
            counted = f"{len(where)} of {count(votes)} ({', '.join(where)})" if state in VOTES else ", ".join(where)
            yield f"{name} {_STATE_WORDS[state]} in {counted}" + (f": {complaint}." if complaint else ".")


def _blocked_sentences(seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    """Of countries: which features are blocked there, in which regions of ours, and who says so."""
    blocked: dict[Blockage, dict[str, list[str]]] = {}
    for name, regions in seen.items():
        for region, item in regions.items():
            if item.blockage is not None:
                blocked.setdefault(item.blockage, {}).setdefault(name, []).append(region)
    for blockage, features in blocked.items():
        names, regions_of = list(features), dict.fromkeys(region for found in features.values() for region in found)
        verb = "is" if len(names) == 1 else "are"
        yield f"{listed(names)} {verb} blocked in {blockage.country} ({', '.join(regions_of)}), {said_by(blockage)}."


def said_by(blockage: Blockage) -> str:
    """Who says that a country blocks it, and why, as part of a sentence."""
    if blockage.source == EXPECTED:
        return "as the configuration expects"
    cut = "which is cut off from the network, " if blockage.kind == "cut off" else ""
    return f"{cut}says {blockage.source}: {blockage.because}"


def _fine_sentences(up: Sequence[str], seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    """Of features that are up: in how many regions they were seen to be, and in no more."""
    counts = {name: sum(item.state is State.UP for item in seen[name].values()) for name in up}
    for regions in sorted(set(counts.values()), reverse=True):
        names = [name for name in up if counts[name] == regions]
        yield f"{listed(names)} {'is' if len(names) == 1 else 'are'} fine in {count(regions)}."


def _wall_sentences(seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    for name, regions in seen.items():
        walls = {wall for item in regions.values() if item.state is not State.BLOCKED for wall in item.walls}
        if walls:
            turn = "turns" if len(walls) == 1 else "turn"
            yield f"{name} is judged without {listed(sorted(walls))}, which {turn} our probes away."


_STATE_WORDS = {
    State.DOWN: "is down",
    State.DEGRADED: "is degraded",
    State.BLOCKED: "turns our probes away, which says nothing about others,",
    State.UNKNOWN: "cannot be judged",
}


def _blind_sentences(sights: Mapping[str, Sight]) -> tuple[str, ...]:
    return tuple(f"{region} is blind: {sees.sentence}." for region, sees in sights.items() if not sees.seeing)


def count(regions: int) -> str:
    """`1 region`, `2 regions`."""
    return f"{regions} region{'' if regions == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; empty for none."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
