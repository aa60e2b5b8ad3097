"""One probe of a WebSocket against a server that behaves as told, and what the probe tells of it."""

from __future__ import annotations

from typing import Any

from exporter.dialogue import Step
from exporter.model import Result
from tests.probing import probe
from tests.servers.torture import Behaviour, Torture

GREETING = Step(expect="^220")


async def talk(behaviour: Behaviour, *steps: Step, within: float = 5.0, path: str = "/", **options: Any) -> Result:
    async with Torture(behaviour) as server:
        url = f"ws://127.0.0.1:{server.port}{path}"
        return await probe("websocket", url, within=within, query_response=steps, **options)


def told(result: Result) -> dict[str, float]:
    """The metrics of the kind, without the phases."""
    names = ("status_code", "connection_upgraded", "failed_due_to_regex")
    return {name: result.samples[f"probe_websocket_{name}"] for name in names}
