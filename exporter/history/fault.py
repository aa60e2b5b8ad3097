"""Errors of the database as OSError, in a sentence that names its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def named(attempted: str, file: Path) -> Iterator[None]:
    """OSError when the file cannot be used within; `attempted` is `read` or `write`."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"cannot {attempted} {file}: {error}") from error
