"""Probes that somebody waits for: each is asked of the worker that has the fewest, and its result comes at once.

A worker that dies answers nothing: what it was asked fails as `internal`, and is not asked again, because its target
may have been contacted. What is asked while no worker lives waits for one within its own deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from exporter import wire
from exporter.model import Reason, Result

GRACE = 0.2
"""Seconds behind its deadline after which an answer is not waited for: less than what a scraper leaves for the way."""


@dataclass(slots=True, eq=False)
class Question:
    """What is asked, and of which worker: None while none lives. `deadline` is on the loop's clock."""

    module: str
    target: str
    hostname: str
    timeout: float
    deadline: float
    answer: asyncio.Future[Result]
    worker: int | None = None
    late: asyncio.TimerHandle | None = None
    started: float = field(default_factory=time.time)


class Asking:
    """`send` sends a message to a worker, by its index."""

    def __init__(self, send: Callable[[int, object], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._open: dict[int, Question] = {}
        self._loads: dict[int, int] = {}

    def ask(self, module: str, target: str, hostname: str, timeout: float) -> asyncio.Future[Result]:
        """Have it probed; who cancels what is returned gives the probe up."""
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        question = Question(module, target, hostname, timeout, loop.time() + timeout, loop.create_future())
        question.late = loop.call_at(question.deadline + GRACE, self._too_late, question)
        self._open[number] = question
        question.answer.add_done_callback(lambda _: self._close(number))
        if self._loads:
            self._give(number, question, min(self._loads, key=self._loads.__getitem__))
        return question.answer

    def told(self, message: wire.Told) -> None:
        """Take a worker's answer; nobody may wait for it any more."""
        question = self._open.get(message.number)
        if question is not None and not question.answer.done():
            question.answer.set_result(wire.load_one(message.result))

    def came(self, worker: int) -> None:
        """This one lives and has its assignment."""
        self._loads[worker] = 0
        for number, question in self._open.items():
            if question.worker is None:
                self._give(number, question, min(self._loads, key=self._loads.__getitem__))

    def lost(self, worker: int) -> None:
        """This one lives no more."""
        self._loads.pop(worker, None)
        for question in self._open.values():
            if question.worker == worker:
                _fail(question, "the process that probed it ended before it had an answer; another is started")

    def _give(self, number: int, question: Question, worker: int) -> None:
        question.worker = worker
        self._loads[worker] += 1
        left = max(0.0, question.deadline - asyncio.get_running_loop().time())
        self._send(worker, wire.Ask(number, question.module, question.target, question.hostname, left))

    def _too_late(self, question: Question) -> None:
        _fail(question, "the process that probes did not answer in time; it has too much to do or hangs")

    def _close(self, number: int) -> None:
        question = self._open.pop(number)
        if question.late is not None:
            question.late.cancel()
        if question.worker in self._loads:
            self._loads[question.worker] -= 1
            if question.answer.cancelled():
                self._send(question.worker, wire.GiveUp(number))


def _fail(question: Question, why: str) -> None:
    if not question.answer.done():
        question.answer.set_result(
            Result(False, Reason.INTERNAL, why, question.started, max(0.0, time.time() - question.started))
        )
