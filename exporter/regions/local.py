"""This machine: the probe runs here and leaves by the machine's own line."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model import Endpoint, Probe, Result
from exporter.net import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A local region has none."""


async def run(endpoint: Endpoint, probe: Probe, options: Options, net: Attempt) -> Result:
    """Probe from here."""
    return await probe(endpoint, endpoint.options, net)
