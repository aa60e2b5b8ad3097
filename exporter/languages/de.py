"""Deutsch."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "Deutsch"


def plural(n: float) -> int:
    return 0 if n == 1 else 1


TEXTS: Mapping[str, str | tuple[str, ...]] = {
    # Parts of sentences.
    "and": "{first} und {last}",
    "regions": ("{n} Region", "{n} Regionen"),
    # The verdict in a word, and the page's title.
    "question": "Ist {title} down?",
    "answer.up": "Nein",
    "answer.degraded": "Teilweise",
    "answer.partial": "Teilweise",
    "answer.down": "Ja",
    "answer.unknown": "Unklar",
    "question.answered": "{question} {answer}.",
    # Words for a feature's answer or state, for what probably stands behind an outage, and for how sure one can be.
    "state.up": "läuft",
    "state.degraded": "eingeschränkt",
    "state.partial": "teilweise ausgefallen",
    "state.down": "ausgefallen",
    "state.blocked": "gesperrt",
    "state.unknown": "unklar",
    "cause.technical": "technisch",
    "cause.overload": "Überlastung",
    "cause.upstream": "Störung bei einem Anbieter dahinter",
    "cause.attack suspected": "Angriff vermutet",
    "cause.blocked": "Sperre",
    "cause.own line": "eigene Leitung",
    "cause.unknown": "unbekannt",
    "confidence.high": "hoch",
    "confidence.medium": "mittel",
    "confidence.low": "gering",
    "judged.cause": "Wahrscheinliche Ursache: {cause}. {because}",
    "judged.confidence": "Sicherheit: {confidence}. {because}",
    # Features that many services have; any other keeps the name that the configuration gives it.
    "feature.feed": "Feed",
    "feature.video": "Videos",
    "feature.watch": "Videos",
    "feature.login": "Anmeldung",
    "feature.upload": "Uploads",
    "feature.live": "LIVE",
    "feature.api": "API",
    "feature.ads": "Anzeigen",
    "feature.app": "App",
    "feature.web": "Website",
}
