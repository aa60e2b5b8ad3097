"""A `Fetch` with short pauses, and what it says when it fails."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.fetch import Fetch
from exporter.model import NetworkOptions
from tests.servers.dns import Answer, DNSServer

BACKOFF = 0.01
"""Seconds."""


@asynccontextmanager
async def fetching(now: Callable[[], float] = time.time, **network: Any) -> AsyncIterator[Fetch]:
    """With the options of the network; closed at the end."""
    fetch = Fetch(NetworkOptions(**network), now, backoff=BACKOFF)
    try:
        yield fetch
    finally:
        await fetch.close()


@asynccontextmanager
async def named(zone: dict[str, Answer]) -> AsyncIterator[tuple[str, ...]]:
    """A name server that knows `zone`, as `nameservers`."""
    async with DNSServer(zone) as server:
        yield (f"{server.address}:{server.port}",)


async def failure(doing: Awaitable[object]) -> SignalError:
    """What went wrong."""
    with pytest.raises(SignalError) as caught:
        await doing
    return caught.value
