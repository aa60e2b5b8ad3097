"""One probe in a region of any kind, through the same door as the schedule's."""

from __future__ import annotations

from typing import Any

import pytest

from exporter import attempt, kinds
from exporter.model import Endpoint, NetworkOptions, Pair, Region, Result
from exporter.net import Network


def endpoint(kind: str, target: str, within: float = 5.0, service: str = "tests", **options: Any) -> Endpoint:
    """An endpoint called `tested`; `options` are the kind's own."""
    module = kinds.module("probes", kind)
    module.check_target(target)
    return Endpoint(service, "tests", "tested", kind, target, module.Options(**options), 60.0, within)


async def probe_from(kind: str, options: Any, probed: Endpoint, network: NetworkOptions | None = None) -> Result:
    """What comes of `probed` in a region of `kind` with its `options`."""
    pair = Pair(probed, Region("there", kind, options))
    result = await attempt.run(pair, Network(network or NetworkOptions()))
    assert sum(result.phases.values()) == pytest.approx(result.duration)
    return result
