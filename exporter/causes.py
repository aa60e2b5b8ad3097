"""What probably stands behind an outage, and the reading that says so: pure.

The first rule that holds names the cause; only pairs that are down or slow in a region that sees count as failing.

| the reading | cause |
|---|---|
| every region is blind | own line |
| whatever fails, fails in countries that are said to block the service | blocked |
| an incident is open upstream, in the right place and time | upstream |
| worldwide, most failing connections are reset or time out before any answer, and no 5xx came | attack suspected |
| half of the failing pairs had become twice as slow as usual, or some, and half sent 5xx or 429 | overload |
| half of the failing pairs get wrong answers, or no answer over an open connection | technical |
| an incident is open upstream, in the right time, and names no place | upstream |
| none of these | unknown |

The right time is from 24 hours before the first evidence until 3 hours after it: what has been open for days explains
nothing new, and official pages are late. A page that does not say since when is taken at its word. A green page
upstream names nothing and excludes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce

from exporter.evidence import Upstream, begun_by, moment
from exporter.findings import BAD, VOTES, Findings, Trouble
from exporter.languages import text
from exporter.model import NOT_THE_SERVICE, Answer, Cause, Reason, Result
from exporter.sentences import link_to, said_by
from exporter.tracks import FAILURES_TO_DOWN, Condition

UPSTREAM_LATE = 3 * 3600.0
"""Seconds after the first evidence in which an incident upstream may still be opened."""

WORLDWIDE = 3
"""Regions: fewer are no world."""

SLOWER = 2.0
"""So many times as long as usual is a rise."""

SLOWER_BY = 0.05
"""Seconds: less is noise where everything is quick."""

LATELY = 3
"""Successes that must all have risen: the median of three is at twice the usual too often by chance."""


def likely(found: Findings) -> tuple[Cause, str]:
    """The cause, and the reading that says so in a sentence; nothing while the service is up everywhere."""
    if found.answer is Answer.UP and not found.blockages:
        return Cause.UNKNOWN, ""
    for cause, rule in RULES:
        because = rule(found)
        if because:
            return cause, because
    return Cause.UNKNOWN, _nothing(found)


def _own_line(found: Findings) -> str:
    if found.seeing or found.pending:
        return ""
    return text("because.line.before" if found.saw else "because.line.never", n=len(found.sights))


def _blocked(found: Findings) -> str:
    """Also where all of ours are: then nobody elsewhere could say that it is more."""
    by_region = {region: one for one in found.evidence.restrictions for region in one.regions}
    failing = found.regions_with(*BAD)
    where = [*found.blockages, *failing]
    slow = any(one.track.standing is Condition.SLOW for one in found.troubles)
    if not where or slow or any(region not in by_region for region in failing):
        return ""
    said = dict.fromkeys(by_region[region] for region in where)
    told = [
        text("because.barred", title=_capital(found.title), country=one.country, who=said_by(one, found.evidence))
        for one in said
    ]
    return text(
        "because.sentence", what=reduce(lambda first, second: text("because.also", first=first, second=second), told)
    )


def _upstream(found: Findings) -> str:
    return _incident(found, [one for one in found.evidence.upstreams if one.exact])


def _somewhere_upstream(found: Findings) -> str:
    return _incident(found, [one for one in found.evidence.upstreams if not one.exact])


def _incident(found: Findings, incidents: Iterable[Upstream]) -> str:
    timely = [one for one in incidents if _in_time(one, found)]
    if not timely or not (found.troubles or found.people):
        return ""
    worst = max(timely, key=lambda one: _LEVELS.index(one.notice.level))
    notice, at = worst.notice, worst.notice.opened_at
    since = text("because.incident.since", moment=moment(at)) if at is not None else ""
    return text(
        "because.incident",
        by=_capital(found.evidence.title(worst.signal)),
        where=_where(worst),
        since=since,
        title=notice.title,
        link=link_to(notice),
    )


def _where(incident: Upstream) -> str:
    if not incident.exact:
        return text("because.incident.nowhere")
    return text("because.incident.in", location=incident.location) if incident.location else ""


_LEVELS = ("unknown", "minor", "major", "critical")


def _in_time(incident: Upstream, found: Findings) -> bool:
    opened, since = incident.notice.opened_at, found.since if found.since is not None else found.now
    return begun_by(incident.notice, since) and (opened is None or opened <= since + UPSTREAM_LATE)


def _attack(found: Findings) -> str:
    cut = [one for one in found.troubles if _is(one, _severed)]
    if not cut or 3 * len(cut) < 2 * len(found.troubles):
        return ""
    regions = list(dict.fromkeys(one.region for one in cut))
    # Three regions of one country are no world, and of a region without `country` nobody knows where it is.
    countries = {found.evidence.countries[region] for region in regions if region in found.evidence.countries}
    worldwide = len(regions) >= WORLDWIDE and len(countries) > 1 and 2 * len(regions) >= len(found.regions_with(*VOTES))
    if not worldwide or any(_status(result) >= 500 for one in found.troubles for result in one.failures):
        return ""
    return text("because.attack", cut=len(cut), all=len(found.troubles), regions=regions)


def _overload(found: Findings) -> str:
    slower = [one for one in found.troubles if _rise(one) >= SLOWER]
    if not slower:
        return ""
    busy = [one for one in found.troubles if any(_is_busy(result) for result in one.failures)]
    most, some = 2 * len(slower) >= len(found.troubles), 2 * len(busy) >= len(found.troubles)
    if not (most or some):
        return ""
    worst = max(slower, key=_rise)
    assert worst.past is not None
    status = next((_status(result) for one in busy for result in one.failures if _is_busy(result)), None)
    return text(
        "because.overload",
        slower=len(slower),
        all=len(found.troubles),
        endpoint=worst.endpoint.name,
        seconds=_lately(worst),
        region=worst.region,
        usual=worst.past.usual,
        status="" if status is None else text("because.overload.status", status=status),
    )


def _technical(found: Findings) -> str:
    wrong = [one for one in found.troubles if _is(one, _wrong)]
    if not wrong or 2 * len(wrong) < len(found.troubles):
        return ""
    newest = max(wrong, key=lambda one: one.track.last_at)
    [(reason, _)] = Counter(_last(one).reason for one in wrong).most_common(1)
    return text(
        "because.technical",
        wrong=len(wrong),
        all=len(found.troubles),
        regions=list(dict.fromkeys(one.region for one in wrong)),
        what=text(f"wrong.{reason}"),
        message=_last(newest).message,
    )


def _nothing(found: Findings) -> str:
    if found.by_people:
        return text("because.people")
    return text("because.unknown" if found.answer is Answer.UNKNOWN else "because.nothing")


def _capital(name: str) -> str:
    """With which a sentence begins."""
    return f"{name[:1].upper()}{name[1:]}"


RULES: Sequence[tuple[Cause, Callable[[Findings], str]]] = (
    (Cause.OWN_LINE, _own_line),
    (Cause.BLOCKED, _blocked),
    (Cause.UPSTREAM, _upstream),
    (Cause.ATTACK, _attack),
    (Cause.OVERLOAD, _overload),
    (Cause.TECHNICAL, _technical),
    (Cause.UPSTREAM, _somewhere_upstream),
)


def _is(trouble: Trouble, test: Callable[[Result], bool]) -> bool:
    """Whether most of those that made it down are such."""
    newest = trouble.failures[-FAILURES_TO_DOWN:]
    such = [test(result) for result in newest if result.reason not in NOT_THE_SERVICE]
    return 2 * such.count(True) > len(such)


def _last(trouble: Trouble) -> Result:
    return next(result for result in reversed(trouble.failures) if result.reason not in NOT_THE_SERVICE)


def _severed(result: Result) -> bool:
    """Cut off or left without an answer at connect or TLS. A refusal is an answer: the host stands."""
    if result.reason not in _AT_THE_EDGE or not result.phases.keys() <= _EDGE:
        return False
    return result.reason is Reason.TIMEOUT or any(word in result.message for word in _SEVERED)


_AT_THE_EDGE = (Reason.CONNECT, Reason.TLS, Reason.TIMEOUT)
# The last three are of datagrams, which have no connection.
_EDGE = {"resolve", "connect", "tls", "setup", "rtt", "request"}
# `net` tells these apart in words only: they are its messages.
_SEVERED = (
    "no answer within",
    "in its share of the time",
    "broke off",
    "reset",
    "timed out",
    "unreachable",
    "no route",
)


def _wrong(result: Result) -> bool:
    return not (result.reason is None or result.reason in NOT_THE_SERVICE or _severed(result))


def _status(result: Result) -> float:
    return result.samples.get("probe_http_status_code", 0.0)


def _is_busy(result: Result) -> bool:
    return _status(result) >= 500 or _status(result) == 429


def _rise(trouble: Trouble) -> float:
    """How many times as long as usual its last successes took; 0 when that is not known, or too little to be sure."""
    usual, lately = trouble.past.usual if trouble.past else 0.0, _lately(trouble)
    return lately / usual if usual and lately - usual >= SLOWER_BY else 0.0


def _lately(trouble: Trouble) -> float:
    """Seconds: what its last successes took at least before it failed."""
    newest = list(trouble.past.succeeded)[-LATELY:] if trouble.past else []
    return min(result.duration for result in newest) if len(newest) == LATELY else 0.0
