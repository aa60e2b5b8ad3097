"""What outlives a restart, in SQLite: incidents, and what was counted by bucket.

One writer, write-ahead log, so that what was written outlives a `kill -9`. Each file of this room keeps one thing and
brings its own `SCHEMA`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from exporter.history import buckets, incidents
from exporter.history.buckets import Buckets
from exporter.history.incidents import Incident, Incidents

__all__ = ["Buckets", "History", "Incident", "Incidents"]


class History:
    """Everything that is kept in `folder`, which is made when missing; OSError when it cannot be."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"cannot make the folder {folder}: {error.strerror}") from error
        file = folder / "history.sqlite"
        self._database = _opened(file)
        self.incidents = Incidents(self._database, file)
        self.buckets = Buckets(self._database, file)

    def close(self) -> None:
        """Nothing is kept after it."""
        self._database.close()


def _opened(file: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(file, isolation_level=None)
    except sqlite3.Error as error:
        raise OSError(f"cannot open {file}: {error}") from error
    try:
        database.execute("PRAGMA journal_mode=WAL")
        # What a killed process has written, the kernel still holds; only a power cut can take the last second.
        database.execute("PRAGMA synchronous=NORMAL")
        for room in (incidents, buckets):
            database.executescript(room.SCHEMA)
    except sqlite3.Error as error:
        database.close()
        raise OSError(f"cannot use {file}: {error}") from error
    return database
