"""The commands that read what is deployed: each from the virtual environment if it is there, else from the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(name: str) -> str:
    """Its path; AssertionError when it is not installed."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is not installed"
    return found


def run(name: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """What it prints; what it complains about is the failure."""
    done = subprocess.run(
        [command(name), *map(str, arguments)], capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
