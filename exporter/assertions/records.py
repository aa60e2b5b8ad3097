"""What the records of a section of a DNS answer must (not) match: blackbox_exporter's rules, with its inverted one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.options import Pattern, compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the records of a section must (not) match, each as one line of text, fields parted by tabs."""

    fail_if_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_all_match_regexp: tuple[Pattern, ...] = ()
    fail_if_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_none_matches_regexp: tuple[Pattern, ...] = ()


ANY = Records()
"""What holds when nothing is configured."""

_RULES: dict[str, Callable[[Sequence[Sequence[bool]]], bool]] = {
    "fail_if_matches_regexp": lambda rows: any(map(any, rows)),
    "fail_if_all_match_regexp": lambda rows: not all(map(all, rows)),
    "fail_if_not_matches_regexp": lambda rows: not all(row and all(row) for row in rows),
    "fail_if_none_matches_regexp": lambda rows: not any(map(any, rows)),
}
"""When each rule fails; `rows` says for each pattern which of the section's records it matches."""


def record_fault(section: str, rules: Records, lines: Sequence[str]) -> str | None:
    """The sentence of the first rule that fails; `lines` are the section's records."""
    for rule, fails in _RULES.items():
        patterns: tuple[str, ...] = getattr(rules, rule)
        if patterns and fails([[compiled(pattern).search(line) is not None for line in lines] for pattern in patterns]):
            found = "; ".join(lines[:5]) or "no record"
            return f"{rule} {list(patterns)}: the {section} section has {found}"
    return None
