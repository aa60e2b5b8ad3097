"""A verdict's sentences as a page tells them: shorter than to an operator, and nothing else.

What officials say is left out, because it is quoted with its link; what is the same of several features, or of several
regions, is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.languages import Text, text
from exporter.verdict import Verdict

_QUOTED = "said.quote"
_INSTEAD = {"said.cut": "page.cut"}  # an operator's line is not a visitor's

# What may differ in sentences that are told as one, and what must not: everything else that they say.
_TOGETHER: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "said.down": ("feature", ("votes", "regions", "where")),
    "said.degraded": ("feature", ("votes", "regions", "where")),
    "said.blocked": ("feature", ("where",)),
    "said.unknown": ("feature", ("where",)),
    "said.blind": ("region", ("why",)),
}


def told(verdict: Verdict) -> tuple[str, ...]:
    """In their order; those that are told as one stand where the first did."""
    groups: dict[object, list[str]] = {}
    for number, sentence in enumerate(verdict.sentences):
        if isinstance(sentence, Text) and sentence.key == _QUOTED:
            continue
        groups.setdefault(_alike(sentence) or number, []).append(sentence)
    return tuple(_one(found) for found in groups.values())


def _alike(sentence: str) -> tuple[str, ...] | None:
    """Equal for sentences that can be told as one; None when it can be with no other."""
    if not isinstance(sentence, Text) or sentence.key not in _TOGETHER:
        return None
    _, same = _TOGETHER[sentence.key]
    return (sentence.key, *(str(sentence.values[field]) for field in same))


def _one(sentences: list[str]) -> str:
    first = sentences[0]
    if not isinstance(first, Text):
        return first
    if len(sentences) == 1:
        return text(_INSTEAD[first.key]) if first.key in _INSTEAD else first
    field, _ = _TOGETHER[first.key]
    found = [one.values for one in sentences if isinstance(one, Text)]
    values = {**first.values, field: [one[field] for one in found], "why": _why(found)}
    return text(f"many.{first.key.removeprefix('said.')}", **values)


def _why(found: Iterable[Mapping[str, Any]]) -> str:
    """That of all, or of the first as an example."""
    whys: Iterator[str] = iter(dict.fromkeys(values["why"] for values in found))
    first = next(whys)
    return first if next(whys, None) is None or not first else text("many.why", why=first)
