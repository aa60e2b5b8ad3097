"""The exporter's words as numbers, and how both look: a panel colours and joins numbers, and people read words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GREEN, YELLOW, ORANGE, RED, PURPLE, GREY, BLUE = "green", "yellow", "orange", "red", "purple", "#8e8e8e", "blue"


@dataclass(frozen=True, slots=True)
class Word:
    """What is shown of a value: `number` is its place in the order of gravity, where a panel takes the worst."""

    number: int
    text: str
    color: str


# Of several exporters the one that can tell wins over those that cannot, and the worst over the better.
STATES: Mapping[str, Word] = {
    "unknown": Word(0, "unknown", GREY),
    "up": Word(1, "up", GREEN),
    "degraded": Word(2, "degraded", YELLOW),
    "blocked": Word(3, "blocked", PURPLE),
    "down": Word(4, "down", RED),
}
VERDICTS: Mapping[str, Word] = {
    "unknown": Word(0, "unknown", GREY),
    "up": Word(1, "up", GREEN),
    "degraded": Word(2, "degraded", YELLOW),
    "partial": Word(3, "partly down", ORANGE),
    "down": Word(4, "down", RED),
}
ANSWERS: Mapping[str, Word] = {
    "unknown": Word(0, "We cannot tell", GREY),
    "up": Word(1, "No", GREEN),
    "degraded": Word(2, "No, but degraded", YELLOW),
    "partial": Word(3, "Partly", ORANGE),
    "down": Word(4, "Yes", RED),
}
"""To "is it down?"."""

YES_NO: Mapping[str, Word] = {"no": Word(0, "no", RED), "yes": Word(1, "yes", GREEN)}
OPEN: Mapping[str, Word] = {"nothing": Word(0, "nothing open", GREEN), "open": Word(1, "open", ORANGE)}


def worst(metric: str, label: str, words: Mapping[str, Word], by: str, matchers: str) -> str:
    """PromQL: the gravest word that holds, as its number, of a metric with one series per word, 0 or 1."""
    held = (f'{word.number} * ({metric}{{{matchers}, {label}="{value}"}} == 1)' for value, word in words.items())
    joined = "\n  or ".join(held)
    return f"max by ({by}) (\n  {joined}\n)"
