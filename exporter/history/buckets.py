"""What was counted by bucket of a quarter of an hour, for as long as the baseline looks back.

A bucket in which nobody listened is missing, which is not zero: `covered` says for how long somebody did.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

SCHEMA = ""


class Buckets:
    """Of all signals that count."""

    def __init__(self, database: sqlite3.Connection, file: Path) -> None:
        self._database = database
        self._file = file
