"""Moments as the formats write them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime


def iso(seconds: float) -> str:
    """`2026-11-25T12:00:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc(seconds: float) -> str:
    """`Wed, 25 Nov 2026 12:00:00 GMT`."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
