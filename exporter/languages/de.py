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
}
