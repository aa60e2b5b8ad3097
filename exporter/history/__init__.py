"""What outlives a restart, in SQLite: incidents, and what was counted by bucket.

One writer, write-ahead log, so that what was written outlives a `kill -9`. `formats` says how a file of an earlier
version becomes one of today's; what was counted brings its own `SCHEMA`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from exporter.history import buckets, formats
from exporter.history.availability import Availability, Shares
from exporter.history.buckets import Buckets
from exporter.history.incident import Incident, Outline
from exporter.history.incidents import Incidents
from exporter.history.lately import Lately, Pace, Slot
from exporter.history.statistics import Statistics
from exporter.model import PastOutage

__all__ = ["Buckets", "History", "Incident", "Incidents", "Lately", "Outline", "Pace", "Shares", "Slot", "Statistics"]

log = logging.getLogger(__name__)

_NONE: Mapping[str, Sequence[PastOutage]] = MappingProxyType({})


class History:
    """Everything that is kept in `folder`, which is made when missing; OSError when it cannot be.

    `documented` are outages that others have documented, by service: told beside our own, and never written.
    """

    def __init__(self, folder: Path, documented: Mapping[str, Sequence[PastOutage]] = _NONE) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"cannot make the folder {folder}: {error.strerror}") from error
        file = folder / "history.sqlite"
        self._database = _opened(file)
        self.documented = documented
        availability = Availability(self._database)
        self.incidents = Incidents(self._database, file, availability)
        self.buckets = Buckets(self._database, file)
        self.lately = Lately(self._database, file, availability)

    def close(self) -> None:
        """Nothing is kept after it."""
        try:
            self.incidents.keep()
            self.lately.close()
        except OSError as error:
            # The end of the program is no place to fail: a minute of known time becomes unknown.
            log.error("the last minute is not kept", extra={"reason": str(error)})
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
        formats.grow(database)
        database.executescript(buckets.SCHEMA)
    except (sqlite3.Error, formats.NewerError) as error:
        database.close()
        raise OSError(f"cannot use {file}: {error}") from error
    return database
