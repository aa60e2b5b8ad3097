"""Probes that somebody waits for: each is asked of the worker that has the fewest, and its result comes at once.

A worker that dies answers nothing: what it was asked fails as `internal`, and is not asked again, because its target
may have been contacted. What is asked while no worker is there waits for one, and its own time begins then: nobody's
service is down because this program has just been started.
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

STARTING = 10.0
"""Seconds that a worker is waited for."""

_DIED = "the process that probed it ended before it had an answer; another is started"
_LATE = "the process that probes did not answer in time; it has too much to do, or hangs"
_NONE = "no process that probes has come; the log says why"


@dataclass(slots=True, eq=False)
class _Question:
    """What is asked, and of which worker: None while none is there."""

    module: str
    target: str
    hostname: str
    within: float
    started: float
    done: Callable[[Result], None]
    late: asyncio.TimerHandle | None = None
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
        question = self._open[number] = _Question(module, target, hostname, within, time.time(), done)
        if self._loads:
            self._give(number, question)
        else:
            question.late = loop.call_later(STARTING, self._fail, number, _NONE)
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
        """This one is there, or still is."""
        if worker in self._loads:
            return
        self._loads[worker] = 0
        for number, question in self._open.items():
            if question.worker is None:
                self._give(number, question)

    def lost(self, worker: int) -> None:
        """This one is there no more."""
        self._loads.pop(worker, None)
        for number in [number for number, question in self._open.items() if question.worker == worker]:
            self._fail(number, _DIED)

    def _give(self, number: int, question: _Question) -> None:
        worker = question.worker = min(self._loads, key=self._loads.__getitem__)
        self._loads[worker] += 1
        _stop(question.late)
        later = asyncio.get_running_loop().call_later
        question.late = later(question.within + GRACE, self._fail, number, _LATE)
        self._send(worker, wire.Ask(number, question.module, question.target, question.hostname, question.within))

    def _fail(self, number: int, why: str) -> None:
        question = self._close(number)
        if question is not None:
            took = max(0.0, time.time() - question.started)
            question.done(Result(False, Reason.INTERNAL, why, question.started, took))

    def _close(self, number: int) -> _Question | None:
        question = self._open.pop(number, None)
        if question is not None:
            _stop(question.late)
            if question.worker in self._loads:
                self._loads[question.worker] -= 1
        return question


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
