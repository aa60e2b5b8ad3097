"""One Prometheus for all tests in this folder: it holds a replayed outage, and watches a live stack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.grafana.scene import Scene, scene


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Everything that the dashboards can ask for, at two moments."""
    async with scene(tmp_path_factory.mktemp("grafana")) as made:
        yield made
