"""People's own reports, taken at `POST /api/v1/reports`: the only evidence that needs nobody else."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Filled by its own change."""
