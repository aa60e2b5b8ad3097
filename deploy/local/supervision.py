"""Several programs as one: honcho starts them, prefixes what they say and ends all as soon as one ends.

Each program leads a process group of its own, so that a Ctrl-C reaches only this process, which then ends them by
SIGTERM and, five seconds later, by SIGKILL.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Printer

_STOPPED = re.compile(r"(?P<name>\S+) stopped \(rc=(?P<status>-?\d+)\)\s*")


@dataclass(frozen=True, slots=True)
class Started:
    """A program to run: its command, and what its environment has beside ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Death:
    """Which program ended by itself; `status` is its exit status, or the negative number of a signal."""

    name: str
    status: int

    def __str__(self) -> str:
        if self.status < 0:
            return f"was killed by {signal.Signals(-self.status).name}"
        return f"ended with status {self.status}"


def supervise(programs: Sequence[Started], on_started: Callable[[], None]) -> Death | None:
    """Run all until one ends or until SIGINT, SIGTERM or SIGHUP; who ended by itself, if anybody did.

    `on_started` is called once every program has a process; it must return at once.
    """
    supervisor = _Supervisor(on_started)
    for program in programs:
        # `exec`, because honcho starts a shell, and it is the program that must get the signals.
        line = f"exec {shlex.join(program.command)}"
        supervisor.add_process(program.name, line, env={**os.environ, **program.environment})
    # A closed terminal must not leave them running.
    signal.signal(signal.SIGHUP, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    supervisor.loop()
    return None if supervisor.asked else supervisor.console.first_death


class _Supervisor(Manager):  # type: ignore[misc]  # honcho has no types
    def __init__(self, on_started: Callable[[], None]) -> None:
        self.console = _Console(self._hear_system)
        self.asked = False
        self._on_started = on_started
        self._told = False
        super().__init__(self.console)

    def terminate(self) -> None:
        self.asked = self.asked or self.console.first_death is None
        # honcho ends processes by numbers that it knows only when each has told its own.
        if self._all_started():
            super().terminate()

    def _hear_system(self) -> None:
        if self._told or not self._all_started():
            return
        self._told = True
        if self.asked:
            self.terminate()
        else:
            self._on_started()


class _Console:
    """What the programs say goes to standard output; what honcho says of itself is only taken note of."""

    def __init__(self, on_system: Callable[[], None]) -> None:
        self.first_death: Death | None = None
        self._on_system = on_system
        self._printer = Printer(sys.stdout)

    @property
    def width(self) -> int:
        """Of the longest name."""
        return int(self._printer.width)

    @width.setter
    def width(self, width: int) -> None:
        self._printer.width = width

    def write(self, message: Any) -> None:
        if message.name == SYSTEM_PRINTER_NAME:
            self._note(message.data)
            return
        try:
            self._printer.write(message)
        except OSError:
            # Whoever read this is gone, as after `| head`: nobody would see the programs run on.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)

    def _note(self, words: str) -> None:
        stopped = _STOPPED.fullmatch(words)
        if stopped and self.first_death is None:
            self.first_death = Death(stopped["name"], int(stopped["status"]))
        self._on_system()
