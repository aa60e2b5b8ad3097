"""Rows of the Markdown table that a benchmark prints, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import exporter
from bench.programs import BLACKBOX


@dataclass(frozen=True, slots=True)
class Row:
    """One line: texts as they are printed; `met` is whether the goal was reached, None when there is none."""

    what: str
    ours: str
    theirs: str = "-"
    ratio: str = "-"
    goal: str = "-"
    met: bool | None = None

    def __str__(self) -> str:
        met = {None: "", True: " (met)", False: " (**missed**)"}[self.met]
        return f"| {self.what} | {self.ours} | {self.theirs} | {self.ratio} | {self.goal}{met} |"


def print_table(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is measured."""
    print("| what | outage-exporter | blackbox_exporter | ratio | goal |\n|---|---|---|---|---|", flush=True)
    for row in rows:
        print(row, flush=True)


def print_machine() -> None:
    """What the numbers depend on."""
    theirs = subprocess.run([BLACKBOX, "--version"], capture_output=True, text=True, check=True)
    version = (theirs.stdout or theirs.stderr).split("version ")[1].split(" ")[0]
    print(
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}; "
        f"outage-exporter {exporter.__version__} on Python {platform.python_version()} with {ssl.OPENSSL_VERSION}; "
        f"blackbox_exporter {version}.\n"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
