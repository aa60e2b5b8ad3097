"""One attempt at a pair: the deadline, the region, the probe, and the one place where an error becomes a Result."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from exporter import kinds
from exporter.errors import ProbeError
from exporter.model import Pair, Reason, Result
from exporter.net import Attempt, Network

log = logging.getLogger(__name__)


async def run(pair: Pair, network: Network, number: int = 0) -> Result:
    """Try `pair` once, within its endpoint's timeout; `number` is 0 for a scheduled run, else the confirmation."""
    endpoint, region = pair.endpoint, pair.region
    probe = kinds.module("probes", endpoint.kind).probe
    through = kinds.module("regions", region.kind).run
    net = network.attempt(endpoint.timeout)
    try:
        async with asyncio.timeout(endpoint.timeout):
            result: Result = await through(endpoint, probe, region.options, net)
    except TimeoutError:
        result = net.result(net.timed_out())
    except ProbeError as error:
        result = net.result(error)
    except Exception as error:
        result = _unforeseen(pair, net, error)
    return replace(result, attempt=number) if number else result


def _unforeseen(pair: Pair, net: Attempt, error: Exception) -> Result:
    # A mistake of ours must neither count against the service nor end the worker.
    log.warning("probe failed by a fault of this program", extra={"pair": "/".join(pair.key)}, exc_info=error)
    return net.result(ProbeError(Reason.INTERNAL, f"a fault of this program: {type(error).__name__}: {error}"))
