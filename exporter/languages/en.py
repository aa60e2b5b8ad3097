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
}
