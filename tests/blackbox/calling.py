"""What the tests of the grpc kind share: one call of a server that answers in one way."""

from __future__ import annotations

from typing import Any

from exporter.model import Result
from tests.probing import probe
from tests.servers.grpc import Behaviour, GRPCServer

CODE = "probe_grpc_status_code"


async def call(behaviour: Behaviour, within: float = 5.0, **options: Any) -> Result:
    """One probe of a server that does so, which must have cost it one connection and at most one call."""
    async with GRPCServer(behaviour) as server:
        result = await probe("grpc", server.target, within=within, **options)
        assert server.connections == 1
        assert len(server.calls) <= 1
    return result


def said(result: Result) -> dict[str, float]:
    """The serving statuses that are shown."""
    return {key[1]: value for key, value in result.samples.items() if key[0] == "probe_grpc_healthcheck_response"}
