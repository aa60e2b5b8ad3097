"""The format of the file, and how a file of an earlier format becomes one of today's.

`PRAGMA user_version` counts the steps that a file has taken. A new file takes all of them, so that it cannot
differ from one that has grown.
"""

from __future__ import annotations

import sqlite3

STEPS: tuple[tuple[str, ...], ...] = (
    # Files of format 0 have incidents already, and this is all they have.
    (
        """CREATE TABLE IF NOT EXISTS incidents (
            id INTEGER PRIMARY KEY,
            service TEXT NOT NULL,
            started REAL NOT NULL,
            ended REAL,
            worst TEXT NOT NULL,
            sentences TEXT NOT NULL
        )""",
        "CREATE UNIQUE INDEX IF NOT EXISTS one_open ON incidents (service) WHERE ended IS NULL",
        "CREATE INDEX incidents_by_start ON incidents (service, started)",
        "ALTER TABLE incidents ADD COLUMN last_bad REAL NOT NULL DEFAULT 0",
        "ALTER TABLE incidents ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE incidents ADD COLUMN peak_regions INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE incidents ADD COLUMN peak_features INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE incidents ADD COLUMN regions TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE incidents ADD COLUMN features TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE incidents ADD COLUMN causes TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE incidents ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE incidents ADD COLUMN confidence TEXT",
        "UPDATE incidents SET last_bad = COALESCE(ended, started)",
        """CREATE TABLE answered (
            service TEXT NOT NULL,
            day INTEGER NOT NULL,
            answer TEXT NOT NULL,
            seconds REAL NOT NULL,
            PRIMARY KEY (service, day, answer)
        ) WITHOUT ROWID""",
    ),
    # What the pages draw of the last day.
    (
        """CREATE TABLE answered_lately (
            service TEXT NOT NULL,
            slot INTEGER NOT NULL,
            answer TEXT NOT NULL,
            seconds REAL NOT NULL,
            PRIMARY KEY (service, slot, answer)
        ) WITHOUT ROWID""",
        """CREATE TABLE paces (
            service TEXT NOT NULL,
            slot INTEGER NOT NULL,
            runs INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            median REAL,
            sample TEXT NOT NULL,
            PRIMARY KEY (service, slot)
        ) WITHOUT ROWID""",
        # By which a feed tells its readers that there is something new.
        "ALTER TABLE incidents ADD COLUMN changed REAL NOT NULL DEFAULT 0",
        "UPDATE incidents SET changed = COALESCE(ended, last_bad)",
    ),
)
"""`incidents.started`, `.ended`, `.last_bad` and `.changed` are unix seconds; `answered.day` is days since 1970, UTC,
and `slot` quarters of an hour; `paces.median` is seconds, and `.sample` a JSON list of them.
"""


class NewerError(Exception):
    """The file is of a format that this program does not know; `str(error)` is a sentence without a full stop."""


def grow(database: sqlite3.Connection) -> None:
    """Take the steps that the file has not taken, all or none. NewerError, or sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found > len(STEPS):
        raise NewerError(
            f"a newer version of this program wrote it (format {found}, this one knows up to {len(STEPS)}); "
            "run that version, or name another folder"
        )
    for step in STEPS[found:]:
        for statement in step:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {len(STEPS)}")
    database.execute("COMMIT")
