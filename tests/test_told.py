"""Whole verdicts in another language: what they say, and that no English of ours is left in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from exporter.evidence import EXPECTED, NOTHING, Evidence, gather
from exporter.languages import Template, Text, of, text
from exporter.model import NOT_THE_SERVICE, Config, Reason, Signal
from exporter.readings import Heard, Notice
from exporter.tracks import Track, sight
from exporter.verdict import Verdict, judge
from tests.evidence import ASHBURN, CALM, CHATTER, NOTICE, REVIEWS, SPIKE, STATEMENT, blocked
from tests.judging import ALL_SEE, DEAD, EVERYWHERE, FINE, SEEING, TIKTOK, after, endpoint, failed, ok, verdict
from tests.scene import OUTAGE, Scene

GERMAN = of("de")
_PARTS = ("headline", "said", "blind", "barred", "people", "because", "wrong", "sure", "regions")
KEYS = {key for key in GERMAN.texts if key.partition(".")[0] in _PARTS}
"""Of the texts that verdicts are made of."""


def told(said: Verdict) -> tuple[str, ...]:
    """All that a verdict says, in German."""
    return tuple(GERMAN.tell(one) for one in spoken(said))


def spoken(said: Verdict) -> list[str]:
    found = (said.headline, *said.sentences, said.because, said.confident_because)
    return [one for one in found if one]


def cut_off(track: Track) -> Track:
    """The same, with what a server wrote in no language."""
    return replace(track, message="%%")


CUT_OFF = cut_off(DEAD)
ALL_CUT_OFF = dict.fromkeys(EVERYWHERE, CUT_OFF)
DARK = sight([(endpoint("control"), after(failed(at=90.0)))], 100.0)
UNASKED = sight([(endpoint("control"), cut_off(after(failed(Reason.VANTAGE, at=90.0))))], 100.0)
PENDING = sight([(endpoint("control"), after())], 100.0)
PARTLY = EVERYWHERE | {("gateway", region): CUT_OFF for region in ("us", "gb")}
QUOTED = replace(STATEMENT, notice=replace(NOTICE, quote="%%", title="%%"))
SLOW = after(*[ok(at, duration=9.5) for at in (60.0, 65.0, 75.0)], degraded_above=2.5)
WALL = cut_off(after(ok(), failed(Reason.BLOCKED, at=90.0)))


def test_up() -> None:
    assert told(verdict(EVERYWHERE, Evidence(crowds=(CALM,)), **ALL_SEE)) == (
        "TikTok läuft.",
        "Feed und Uploads: in Ordnung in 5 Regionen.",
        "Messungen aus 5 Regionen sind in Ordnung, und Nutzer melden nichts Ungewöhnliches.",
    )


def test_degraded_by_people() -> None:
    fine = "Messungen aus 5 Regionen sind in Ordnung"
    assert told(verdict(EVERYWHERE, Evidence(crowds=(SPIKE, CHATTER)), **ALL_SEE)) == (
        "TikTok läuft nach unseren Messungen, aber Nutzer melden Probleme.",
        f"Nutzer melden Probleme mit Uploads: 84 in 15 Minuten, üblich sind 3; {fine}.",
        f"Beiträge beklagen Probleme, laut bluesky: 84 von 60000 Beiträgen in 15 Minuten, üblich sind 3; {fine}.",
        "Feed: in Ordnung in 5 Regionen.",
        "Nur Nutzer melden es: Unsere Messungen zeigen keinen Grund.",
        "Nur Nutzer (bluesky und reports) melden es; unsere Messungen sehen es nicht.",
    )


def test_partly_down() -> None:
    assert told(verdict(PARTLY, Evidence(statements=(STATEMENT,)), **ALL_SEE)) == (
        "TikTok ist teilweise ausgefallen.",
        "Uploads: ausgefallen in 2 von 5 Regionen (us, gb): %%.",
        "tiktok_business: „We are looking into failing uploads.“ (https://status.example/1).",
        "Feed: in Ordnung in 5 Regionen.",
        (
            "Nichts, was vorliegt, nennt einen Grund: keine Störung bei Infrastrukturanbietern, keine längeren "
            "Antwortzeiten, kein Muster in den Fehlern."
        ),
        "Bestätigt durch offizielle Angaben (tiktok_business) und durch Messungen aus 2 Regionen.",
    )


def test_down() -> None:
    incident = replace(ASHBURN, notice=replace(ASHBURN.notice, opened_at=60.0))
    titled = Evidence(upstreams=(incident,), titles={"oracle": "Oracle Cloud"})
    assert told(verdict(ALL_CUT_OFF, titled, **ALL_SEE)) == (
        "TikTok ist ausgefallen.",
        "Feed: ausgefallen in 5 von 5 Regionen (us, gb, de, jp, in): %%.",
        "Uploads: ausgefallen in 5 von 5 Regionen (us, gb, de, jp, in): %%.",
        (
            "Oracle Cloud meldet eine offene Störung in us-ashburn-1 seit 1970-01-01 00:01 UTC: „Compute disrupted“ "
            "(https://status.example/1)."
        ),
        "Messungen aus 5 Regionen zeigen es, sonst bisher niemand.",
    )


def test_nobody_can_tell() -> None:
    assert told(verdict({("home", "here"): FINE}, here=DARK)) == (
        "Ob TikTok ausgefallen ist, lässt sich nicht sagen.",
        "Region here erreicht das Internet nicht: das einzige Vergleichsziel antwortet nicht.",
        "Keine unserer Regionen erreicht das Internet: Das Problem liegt an der eigenen Leitung.",
        "In unserer einzigen Region antwortet kein Vergleichsziel, und seit dem Start hat es keines getan.",
        "In 1 Region antwortet kein Vergleichsziel: Darüber hinaus lässt sich nichts beurteilen.",
    )


def test_a_signal_goes_by_its_title_in_every_sentence_and_by_its_name_without_one() -> None:
    titles = {"tiktok_business": "TikTok for Business status page", "bluesky": "Bluesky", "ooni": "OONI"}
    known = replace(blocked("US", "us"), statements=(STATEMENT,), crowds=(CHATTER,))
    tracks = EVERYWHERE | {("home", "us"): DEAD, ("home", "gb"): DEAD}
    words = " ".join(spoken(verdict(tracks, replace(known, titles=titles), **ALL_SEE)))
    for title in (
        'TikTok for Business status page says: "We',
        "officials say so (TikTok for Business status page)",
        "people (Bluesky)",
        "of problems, says Bluesky",
        "says OONI: 40",
    ):
        assert title in words
    plain = " ".join(spoken(verdict(tracks, known, **ALL_SEE)))
    assert 'tiktok_business says: "We' in plain
    assert "says ooni: 40" in plain


def test_a_silent_signal_goes_by_its_title() -> None:
    signals = (Signal("ooni", "ooni", None, 3600.0, title="OONI"), Signal("aws", "aws", None, 300.0))
    known = [Heard("ooni", "ooni"), Heard("aws", "aws", succeeded_at=60.0, failure="%%")]
    silent = gather(Config((TIKTOK,), (), (), (), signals=signals), {one.signal: one for one in known}, (), 100.0)
    assert silent["tiktok"].silent == (
        "OONI has not spoken yet.",
        "aws has been silent since 1970-01-01 00:01 UTC: %%.",
    )
    assert [GERMAN.tell(one) for one in silent["tiktok"].silent] == [
        "OONI hat noch nichts gesagt.",
        "aws schweigt seit 1970-01-01 00:01 UTC: %%.",
    ]


def test_one_endpoint_turns_probes_away_and_two_turn_them_away() -> None:
    three = tuple(endpoint(name) for name in ("home", "page", "shop"))
    service = replace(TIKTOK, features=(replace(TIKTOK.features[0], endpoints=three),))

    def said(*walls: str) -> str:
        tracks = {("tiktok", one.name, "us"): WALL if one.name in walls else FINE for one in three}
        return judge(service, tracks, {"us": SEEING}, 100.0).sentences[-1]

    assert said("page") == "feed is judged without page, which turns our probes away."
    assert said("page", "shop") == "feed is judged without page and shop, which turn our probes away."


def test_of_many_countries_in_which_people_report_five_are_named() -> None:
    everywhere = replace(SPIKE, regions=("US", "GB", "DE", "JP", "IN", "FR"))
    said = verdict(EVERYWHERE, Evidence(crowds=(everywhere,)), **ALL_SEE)
    assert said.sentences[0].startswith("users report upload failures in US, GB, DE, JP and IN: ")


def of_probes() -> Iterator[Verdict]:
    """What probes say, by the states that features can have."""
    yield verdict(EVERYWHERE, Evidence(crowds=(CALM,)), **ALL_SEE)
    walled = EVERYWHERE | {("home", "us"): WALL, ("gateway", "gb"): after()}
    for tracks in (EVERYWHERE, PARTLY, ALL_CUT_OFF, walled):
        yield verdict(tracks, NOTHING, **ALL_SEE)
    yield verdict(EVERYWHERE, us=PENDING)
    yield verdict(EVERYWHERE, us=SEEING, gb=DARK, jp=UNASKED, de=PENDING)
    yield verdict({("home", "us"): FINE}, us=DARK)
    two = (endpoint("home"), replace(endpoint("page"), degraded_above=2.5))
    service = replace(TIKTOK, features=(replace(TIKTOK.features[0], endpoints=two),))
    for page in (WALL, SLOW):
        yield judge(service, {("tiktok", "home", "us"): FINE, ("tiktok", "page", "us"): page}, {"us": SEEING}, 100.0)


def of_others() -> Iterator[Verdict]:
    """What people, officials and censors say beside them."""
    slowly = replace(SPIKE, spiking=False, rising=True, feature="", regions=("US", "GB"), usual=1.0)
    known = Evidence(crowds=(SPIKE, CHATTER, REVIEWS, slowly), statements=(QUOTED,))
    for tracks in (EVERYWHERE, PARTLY, {("home", "us"): after()}):
        yield verdict(tracks, known, **ALL_SEE)
        yield verdict(tracks, replace(known, statements=()), **ALL_SEE)
    for kind, why in (
        ("blocked", text("barred.measured", bad=40, judged=44, days=2, confirmed=1)),
        ("cut off", text("barred.sources", n=2, sources="bgp, merit-nt")),
        ("cut off", text("barred.annotated", cause=text("barred.annotated.unknown"))),
    ):
        (there,) = blocked("US", "us", kind=kind).restrictions
        barred = Evidence(restrictions=(replace(there, because=why),))
        yield verdict(EVERYWHERE | {("home", "us"): CUT_OFF}, barred, **ALL_SEE)
        yield verdict(EVERYWHERE | {("home", "us"): CUT_OFF}, replace(barred, crowds=(SPIKE,)), **ALL_SEE)
    expected = [blocked(region.upper(), region, source=EXPECTED).restrictions[0] for region in ("us", "gb")]
    yield verdict(ALL_CUT_OFF, Evidence(restrictions=tuple(expected)), us=SEEING, gb=SEEING)


def of_causes() -> Iterator[Verdict]:
    """Each cause, of an outage after half an hour of health."""
    for reason in set(Reason) - NOT_THE_SERVICE:
        yield outage(reason)
    yield outage(Reason.TIMEOUT, phases=("connect",))
    yield outage(Reason.STATUS, rise=True, status=503)
    for locations in (("us-ashburn-1",), ()):
        notice = replace(NOTICE, title="%%", locations=locations, opened_at=OUTAGE)
        yield outage(Reason.TIMEOUT, notice, regions=("us", "gb"), phases=("connect",))
    scene = Scene()
    for pair in scene.pairs:
        scene.store.record(pair.key, failed(at=OUTAGE))
    yield scene.judge()


def outage(reason: Reason, *notices: Notice, rise: bool = False, **more: Any) -> Verdict:
    scene = Scene()
    for number in (3, 2, 1) if rise else ():
        scene.run(OUTAGE - 20.0 * number, duration=0.9)
    scene.fail(reason, "%%", **({"phases": ("connect", "processing")} | more))
    scene.hear("oracle", notices=notices)
    return scene.judge()


def every() -> Iterator[Verdict]:
    return chain(of_probes(), of_others(), of_causes())


def parts(value: Any) -> Iterator[Text]:
    """A sentence and all that stands in it."""
    if isinstance(value, Text):
        yield value
        yield from (part for inner in value.values.values() for part in parts(inner))
    elif isinstance(value, tuple | list):
        yield from (part for inner in value for part in parts(inner))


def words(*templates: Template) -> set[str]:
    forms = (form for template in templates for form in ((template,) if isinstance(template, str) else template))
    return {word.casefold() for form in forms for word in re.findall(r"[^\W\d_]+", re.sub(r"{[^}]*}", "", form))}


def test_no_verdict_has_an_english_word_of_ours_left_in_another_language() -> None:
    english, german = (words(*(language.texts[key] for key in KEYS)) for language in (of("en"), GERMAN))
    ours = english - german
    left = {line: found for said in every() for line in told(said) if (found := words(line) & ours)}
    assert left == {}


def test_these_verdicts_say_all_that_a_verdict_can_say() -> None:
    keys = {part.key for said in every() for line in spoken(said) for part in parts(line)}
    assert KEYS - keys == set()
