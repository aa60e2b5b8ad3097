"""People's own reports, taken at `POST /api/v1/reports`: the only evidence that needs nobody else.

A visitor is counted once for a service and once for each of its features in an hour; feature "" is the service as a
whole, where each visitor counts once whichever features were named. Who the visitor was is kept nowhere (see `memory`),
and words are counted and thrown away. What a flood can cost is bounded (see `limits`): the rest is refused and counted.
"""

from __future__ import annotations

from exporter.signals.reports.intake import Answer, Intake, Report
from exporter.signals.reports.settings import Options
from exporter.signals.reports.visitors import region, visitor

__all__ = ["INTERVAL", "ONLY_ONE", "Answer", "Intake", "Options", "Report", "region", "visitor"]

INTERVAL = 10.0
"""Seconds between two notes that nobody reported: a bucket is settled, and its silence a zero, only after one."""

ONLY_ONE = True
