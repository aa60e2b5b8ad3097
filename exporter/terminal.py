"""Verdicts and probes as text for a person at a terminal; colour only where it is one, never alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exporter import languages
from exporter.model import Answer, Result, State
from exporter.verdict import Verdict

_COLOURS = {"up": "32", "degraded": "33", "partial": "33", "down": "31", "blocked": "35", "unknown": "36"}
_MILLISECONDS = 1000.0
_SPOKEN = languages.of(languages.DEFAULT)


def verdict_text(verdict: Verdict, coloured: bool) -> str:
    """The question, the answer, its evidence in sentences, cause and confidence, and features x regions as a table."""
    question, answer = _SPOKEN.say("question", title=verdict.title), _SPOKEN.say(f"answer.{verdict.answer}")
    asked = _SPOKEN.say("question.answered", question=question, answer=answer)
    lines = [_paint(asked, verdict.answer, coloured, bold=True), verdict.headline]
    lines += [f"  {_printable(sentence)}" for sentence in verdict.sentences]
    lines += [f"  {_printable(line)}" for line in _judgement(verdict)]
    return "\n".join([*lines, "", *_table(verdict, coloured)])


def _judgement(verdict: Verdict) -> Iterable[str]:
    """The likely cause when something is wrong, and how sure it all is."""
    if verdict.because:
        cause = _SPOKEN.say(f"cause.{verdict.cause}")
        yield _SPOKEN.say("judged.cause", cause=cause, because=verdict.because)
    if verdict.confident_because:
        confidence = _SPOKEN.say(f"confidence.{verdict.confidence}")
        yield _SPOKEN.say("judged.confidence", confidence=confidence, because=verdict.confident_because)


def _table(verdict: Verdict, coloured: bool) -> Iterable[str]:
    regions = list(dict.fromkeys(region for _, region in verdict.states))
    widths = [max(len("feature"), *map(len, verdict.features))]
    widths += [max(len(region), *(len(state) for state in State)) for region in regions]
    yield (
        "  " + "  ".join(name.ljust(width) for name, width in zip(["feature", *regions], widths, strict=True)).rstrip()
    )
    for feature in verdict.features:
        cells = [feature.ljust(widths[0])]
        for region, width in zip(regions, widths[1:], strict=True):
            state = verdict.states.get((feature, region))
            cells.append(_paint((state or "-").ljust(width), state or "", coloured))
        yield "  " + "  ".join(cells).rstrip()


def result_text(target: str, region: str, result: Result, coloured: bool) -> str:
    """One probe whole: outcome, phases, hops, facts."""
    outcome = "ok" if result.ok else f"failed ({result.reason}): {result.message}"
    word = Answer.UP if result.ok else Answer.DOWN
    lines = [f"{target} from {region}: {_paint(outcome, word, coloured, bold=True)}", ""]
    lines += [f"  {name:<12}{seconds * _MILLISECONDS:>10.1f} ms" for name, seconds in result.phases.items()]
    lines += [f"  {'total':<12}{result.duration * _MILLISECONDS:>10.1f} ms", ""]
    lines += [line for name, value in result.facts.items() if value for line in _fact(name, value)]
    return "\n".join(lines).rstrip()


def _fact(name: str, value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        yield f"  {name}:"
        yield from (f"    {key}: {_printable(item)}" for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield f"  {name}:"
        yield from (f"    {number}. {_item(item)}" for number, item in enumerate(value, 1))
    else:
        yield f"  {name}: {_printable(value)}"


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return _printable(item)
    parts = []
    for key, value in item.items():
        if isinstance(value, Mapping):
            parts += [f"{phase} {seconds * _MILLISECONDS:.1f} ms" for phase, seconds in value.items()]
        else:
            parts.append(f"{key} {_printable(value)}")
    return ", ".join(parts)


def _printable(value: Any) -> str:
    """What came from outside must not command the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))


def _paint(text: str, word: str, coloured: bool, bold: bool = False) -> str:
    if not coloured or word not in _COLOURS:
        return text
    return f"\x1b[{'1;' if bold else ''}{_COLOURS[word]}m{text}\x1b[0m"
