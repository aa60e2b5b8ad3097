"""The words of a verdict: its headline, and its evidence as sentences, the most important first. Pure.

Each is a `languages.Text`, so that a page can tell it in another language. What others wrote (complaints of servers,
quotes of officials) stands in them as it came: who shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from exporter.evidence import EXPECTED, Blockage, Evidence, Statement
from exporter.findings import BAD, VOTES, Findings, Seen
from exporter.languages import Text, feature, text
from exporter.model import Answer, State
from exporter.readings import BUCKET, PUSHED, REPORTED, Crowd, Notice
from exporter.tracks import Sight

_ELSEWHERE = (Answer.UP, Answer.UNKNOWN)
"""What is said of the rest where a country blocks it: of the others it is enough that something is wrong."""


def headline(title: str, answer: Answer, probed: Answer | None = None, blocked_in: Sequence[str] = ()) -> str:
    """The answer as one sentence; `probed` is that of our probes alone, `blocked_in` are countries."""
    return text(f"headline.{_headline(answer, probed, bool(blocked_in))}", title=title, where=blocked_in)


def _headline(answer: Answer, probed: Answer | None, blocked: bool) -> str:
    if answer is not Answer.DEGRADED or probed in (None, answer):
        return f"{answer}.blocked" if blocked and answer in _ELSEWHERE else answer
    if probed is Answer.UNKNOWN:
        return "people.alone"
    return "people.blocked" if blocked else "people"


def of(found: Findings) -> tuple[str, ...]:
    """What is bad, what people and officials say, what is blocked or unknown, what is fine, who is blind."""
    others = (
        *(_people_sentence(crowd, found) for crowd in _loud(found)),
        *(quotation(statement, found.evidence) for statement in found.evidence.statements),
    )
    if found.pending:
        return (text("said.pending"), *others)
    seeing = frozenset(found.seeing)
    if not seeing:
        return (*others, *_blind_sentences(found.sights), text("said.cut"))
    seen = {
        name: {region: item for region, item in regions.items() if region in seeing}
        for name, regions in found.seen.items()
    }
    up = [name for name, answer in found.features.items() if answer is Answer.UP]
    return (
        *(line for state in BAD for line in _state_sentences(state, seen)),
        *others,
        *_blocked_sentences(seen, found.evidence),
        *(line for state in (State.BLOCKED, State.UNKNOWN) for line in _state_sentences(state, seen)),
        *_fine_sentences(up, seen),
        *_wall_sentences(seen),
        *_blind_sentences(found.sights),
    )


def quotation(statement: Statement, evidence: Evidence) -> str:
    """`tiktok_business says: "Uploads fail." (https://...).`"""
    notice = statement.notice
    by, quote = evidence.title(statement.signal), notice.quote or notice.title
    return text("said.quote", by=by, quote=quote, link=link_to(notice))


def link_to(notice: Notice) -> str:
    """Its address as part of a sentence; empty when it has none."""
    return f" ({notice.url})" if notice.url else ""


def told(crowd: Crowd, evidence: Evidence, probes: str = "") -> str:
    """What a crowd says: `users report upload failures: 84 in 15 minutes where 3 are usual.`

    `probes` is what our probes say of the same, as the end of the sentence.
    """
    of_one = text("people.problems.of", feature=feature(crowd.feature)) if crowd.feature else None
    return text(
        "people.report" if crowd.kind in REPORTED else "people.write",
        what=of_one or text("people.problems"),
        where=text("people.where", countries=crowd.regions[:_COUNTRIES]) if crowd.regions else "",
        slowly="" if crowd.spiking else text("people.slowly"),
        by="" if crowd.kind == PUSHED else text("people.by", signal=evidence.title(crowd.signal)),
        counted=text(_counted(crowd), count=crowd.count, all=crowd.out_of),
        minutes=BUCKET // 60,
        usual=text("people.usual", n=crowd.usual),
        probes=probes,
    )


def _counted(crowd: Crowd) -> str:
    if crowd.out_of is None:
        return "people.count"
    return "people.count.reviews" if crowd.kind == "appstore" else "people.count.posts"


_COUNTRIES = 5


def _loud(found: Findings) -> list[Crowd]:
    """The spikes, the loudest first, and then what rises slowly."""
    unusual = [crowd for crowd in found.evidence.crowds if crowd.spiking or crowd.rising]
    return sorted(unusual, key=lambda crowd: (not crowd.spiking, -crowd.score))


def _people_sentence(crowd: Crowd, found: Findings) -> str:
    return told(crowd, found.evidence, _next_to_probes(crowd, found))


def _next_to_probes(crowd: Crowd, found: Findings) -> str:
    """What our probes say of the same."""
    if not found.seeing:
        return ""
    one = crowd.feature in found.seen
    regions = found.seen[crowd.feature] if one else {}
    answer = found.probed[crowd.feature] if one else _of_all(found)
    if answer is Answer.UP:
        good = [r for r, item in regions.items() if item.state is State.UP] if one else found.regions_with(State.UP)
        return text("people.probes.fine", regions=count(len(good)))
    return text("people.probes.unable" if answer is Answer.UNKNOWN else "people.probes.agree")


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
            yield text(
                f"said.{state}",
                feature=feature(name),
                votes=len(where),
                regions=count(sum(item.state in VOTES for item in regions.values())),
                where=", ".join(where),
                why=text("said.why", complaint=complaint) if complaint else "",
            )


def _blocked_sentences(seen: Mapping[str, Mapping[str, Seen]], evidence: Evidence) -> Iterable[str]:
    """Of countries: which features are blocked there, in which regions of ours, and who says so."""
    blocked: dict[Blockage, dict[str, list[str]]] = {}
    for name, regions in seen.items():
        for region, item in regions.items():
            if item.blockage is not None:
                blocked.setdefault(item.blockage, {}).setdefault(name, []).append(region)
    for blockage, features in blocked.items():
        regions_of = dict.fromkeys(region for found in features.values() for region in found)
        yield text(
            "said.barred",
            n=len(features),
            features=[feature(name) for name in features],
            country=blockage.country,
            where=", ".join(regions_of),
            who=said_by(blockage, evidence),
        )


def said_by(blockage: Blockage, evidence: Evidence) -> str:
    """Who says that a country blocks it, and why, as part of a sentence."""
    if blockage.source == EXPECTED:
        return text("barred.expected")
    return text(f"barred.{blockage.kind}", by=evidence.title(blockage.source), why=blockage.because)


def _fine_sentences(up: Sequence[str], seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    """Of features that are up: in how many regions they were seen to be, and in no more."""
    counts = {name: sum(item.state is State.UP for item in seen[name].values()) for name in up}
    for regions in sorted(set(counts.values()), reverse=True):
        names = [feature(name) for name in up if counts[name] == regions]
        yield text("said.fine", n=len(names), features=names, regions=count(regions))


def _wall_sentences(seen: Mapping[str, Mapping[str, Seen]]) -> Iterable[str]:
    for name, regions in seen.items():
        walls = {wall for item in regions.values() if item.state is not State.BLOCKED for wall in item.walls}
        if walls:
            yield text("said.walls", n=len(walls), feature=feature(name), walls=sorted(walls))


def _blind_sentences(sights: Mapping[str, Sight]) -> tuple[str, ...]:
    dark = ((region, sees) for region, sees in sights.items() if not sees.seeing)
    return tuple(text("said.blind", region=region, why=sees.sentence) for region, sees in dark)


@cache
def count(regions: int) -> Text:
    """`1 region`, `2 regions`."""
    return text("regions", n=regions)
