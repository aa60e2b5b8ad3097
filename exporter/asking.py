"""Probes that somebody waits for: each is asked of the worker that has the fewest, and its result comes at once.

A worker that dies answers nothing: what it was asked fails as `internal`, and is not asked again, because its target
may have been contacted. What is asked while no worker lives waits for one within its own deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter import wire
from exporter.model import Reason, Result

GRACE = 0.2
"""Seconds behind its deadline after which an answer is not waited for: less than what a scraper leaves for the way."""

_DIED = "the process that probed it ended before it had an answer; another is started"
_LATE = "the process that probes did not answer in time; it has too much to do, or hangs"


@dataclass(slots=True, eq=False)
class _Question:
    """What is asked, and of which worker: None while none lives. `deadline` is on the loop's clock."""

    module: str
    target: str
    hostname: str
    deadline: float
    started: float
    done: Callable[[Result], None]
    late: asyncio.TimerHandle
    worker: int | None = None


class Asking:
    """`send` sends a message to a worker, by its index."""

    def __init__(self, send: Callable[[int, object], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._open: dict[int, _Question] = {}
        self._loads: dict[int, int] = {}

    def ask(self, module: str, target: str, hostname: str, within: float, done: Callable[[Result], None]) -> int:
        """Have it probed: `done` is called once, with what came of it. The number is for who gives it up."""
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        deadline = loop.time() + within
        late = loop.call_at(deadline + GRACE, self._fail, number, _LATE)
        question = _Question(module, target, hostname, deadline, time.time(), done, late)
        self._open[number] = question
        if self._loads:
            self._give(number, question, within)
        return number

    def give_up(self, number: int) -> None:
        """Nobody waits for it any more: `done` is not called."""
        question = self._close(number)
        if question is not None and question.worker is not None:
            self._send(question.worker, wire.GiveUp(number))

    def told(self, message: wire.Told) -> None:
        """Take a worker's answer."""
        question = self._close(message.number)
        if question is not None:
            question.done(wire.load_one(message.result))

    def came(self, worker: int) -> None:
        """This one lives and has its assignment."""
        self._loads[worker] = 0
        now = asyncio.get_running_loop().time()
        for number, question in self._open.items():
            if question.worker is None:
                self._give(number, question, max(0.0, question.deadline - now))

    def lost(self, worker: int) -> None:
        """This one lives no more."""
        self._loads.pop(worker, None)
        for number in [number for number, question in self._open.items() if question.worker == worker]:
            self._fail(number, _DIED)

    def _give(self, number: int, question: _Question, within: float) -> None:
        worker = question.worker = min(self._loads, key=self._loads.__getitem__)
        self._loads[worker] += 1
        self._send(worker, wire.Ask(number, question.module, question.target, question.hostname, within))

    def _fail(self, number: int, why: str) -> None:
        question = self._close(number)
        if question is not None:
            took = max(0.0, time.time() - question.started)
            question.done(Result(False, Reason.INTERNAL, why, question.started, took))

    def _close(self, number: int) -> _Question | None:
        question = self._open.pop(number, None)
        if question is not None:
            question.late.cancel()
            if question.worker in self._loads:
                self._loads[question.worker] -= 1
        return question
