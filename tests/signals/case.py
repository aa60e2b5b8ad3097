"""What the harness must know to ask a kind of signal of a local server, in `case_<kind>.py` as `CASE`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter import kinds
from exporter.model import Feature, Service
from tests.servers.origin import Request

TIKTOK = Service(
    name="tiktok",
    title="TikTok",
    features=(Feature("feed", True, ()),),
    complaints=("(?i)tiktok.*(down|not working)",),
)

Answer = Callable[[Request, float], bytes | Sequence[str]]
"""`answer(request, now)`: what a server whose clock says `now` (unix seconds) answers.

A body; or, of a kind that follows a stream, the messages that are sent again and again, each time of a new `now`. A
path that the server does not have is told by KeyError, and answered with 404.
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """How a kind is asked, and what its server says.

    `options(url)` is the kind's own `Options` for a server at `url`: `http://127.0.0.1:1234`, of a stream `ws://...`.

    `calm` answers when nothing is open, blocked or complained of. `trouble` answers while something is: a reading of it
    must hold a notice, a restriction, a level or a tally with a count. Both must say when (with dates made of `now`)
    wherever the format does, because the harness makes an answer from the future by asking with a `now` of next month,
    and the box serves both.

    `error` is a body, or the message of a stream, that tells of an error with status 200; None when the format has
    none. `wrong` is a body of wrong types; without it the harness turns every text of `trouble`'s JSON into a number,
    and every number into a list. `says` must stand in what is said of `wrong`, such as a path like `incidents[0].name`.

    `dated` is False where the format says no times at all. `services` are those that the signal is about. `step` is how
    many seconds must pass until the kind asks again, if it does not ask at each read. `at_once` is False where the
    first read only learns where the next goes on. `bookmark(now)` is where the first read begins, if not at nothing.
    """

    kind: str
    options: Callable[[str], Any]
    calm: Answer
    trouble: Answer
    error: bytes | None = None
    wrong: bytes | None = None
    says: str = ""
    services: tuple[Service, ...] = (TIKTOK,)
    dated: bool = True
    step: float = 0.0
    at_once: bool = True
    bookmark: Callable[[float], str] = lambda now: ""

    @property
    def streams(self) -> bool:
        """Whether it follows a stream."""
        return hasattr(kinds.module("signals", self.kind), "follow")

    def __str__(self) -> str:
        return self.kind


def cases() -> list[Case]:
    """All that there are, by kind."""
    names = sorted(file.stem for file in Path(__file__).parent.glob("case_*.py"))
    return [importlib.import_module(f"tests.signals.{name}").CASE for name in names]


def kinds_to_ask() -> list[str]:
    """The kinds that ask somebody: all but those that people come to."""
    modules = ((kind, kinds.module("signals", kind)) for kind in kinds.names("signals"))
    return [kind for kind, module in modules if hasattr(module, "read") or hasattr(module, "follow")]
