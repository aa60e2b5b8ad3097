"""English: what every other language translates. A text stands under one key; its fields are in braces."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "English"


def plural(n: float) -> int:
    return 0 if n == 1 else 1


TEXTS: Mapping[str, str | tuple[str, ...]] = {
    # Parts of sentences.
    "and": "{first} and {last}",
    "regions": ("{n} region", "{n} regions"),
    # The verdict in a word, and the page's title.
    "question": "Is {title} down?",
    "answer.up": "No",
    "answer.degraded": "Partly",
    "answer.partial": "Partly",
    "answer.down": "Yes",
    "answer.unknown": "Can't tell",
    "question.answered": "{question} {answer}.",
    # Words for a feature's answer or state, for what probably stands behind an outage, and for how sure one can be.
    "state.up": "up",
    "state.degraded": "degraded",
    "state.partial": "partly down",
    "state.down": "down",
    "state.blocked": "blocked",
    "state.unknown": "unknown",
    "cause.technical": "technical",
    "cause.overload": "overload",
    "cause.upstream": "upstream",
    "cause.attack suspected": "attack suspected",
    "cause.blocked": "blocked",
    "cause.own line": "own line",
    "cause.unknown": "unknown",
    "confidence.high": "high",
    "confidence.medium": "medium",
    "confidence.low": "low",
    "judged.cause": "Likely cause: {cause}. {because}",
    "judged.confidence": "Confidence: {confidence}. {because}",
    # Features that many services have; any other keeps the name that the configuration gives it.
    "feature.feed": "Feed",
    "feature.video": "Videos",
    "feature.watch": "Videos",
    "feature.login": "Login",
    "feature.upload": "Uploads",
    "feature.live": "LIVE",
    "feature.api": "API",
    "feature.ads": "Ads",
    "feature.app": "App",
    "feature.web": "Website",
}
