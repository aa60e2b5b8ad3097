"""A person who looks at a pair sees that people are sent to another edge than before."""

from __future__ import annotations

import re
from pathlib import Path

from tests.configurations import NOW, failed, ok
from tests.web.served import Served


async def test_the_page_of_a_pair_says_that_an_edge_is_not_the_last_one(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:

        async def told() -> list[str]:
            _, text, _ = await served.get("/probes/tiktok/home/here")
            return re.findall(r"<p>(Another edge.*?)</p>", text)

        served.running.take("home", ok(NOW, edge="192.0.2.1 of a.example"))
        served.running.take("home", ok(NOW + 1, edge="192.0.2.1 of a.example"))
        assert await told() == []
        served.running.take("home", failed(started=NOW + 2))  # knows no edge
        served.running.take("home", ok(NOW + 3, edge="192.0.2.2 of a.example"))
        said = "Another edge than before: 192.0.2.2 of a.example; it was 192.0.2.1 of a.example."
        assert await told() == [said]
