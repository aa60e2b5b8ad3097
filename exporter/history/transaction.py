"""All of what is written together, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Keep what is written within when it ends, and take it back when it fails; sqlite3.Error."""
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already; a connection that is closed has nothing to roll back.
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
