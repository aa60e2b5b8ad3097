"""Every query of every panel, variable and annotation, put to a real Prometheus: none fails, none is empty.

It holds a documented outage replayed, and watches a live stack. A query must have something to show in one of the
two, and be understood in both.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from grafana import preview
from grafana.asking import Asked, Board, Series, boards
from tests.grafana.scene import Scene, scene
from tests.grafana.table import Row, rows

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOARDS = {board.uid: board for board in boards()}
WHOLE = ("replayed", "live")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(tmp_path_factory.mktemp("grafana")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers(shown: Scene) -> list[Row]:
    """What came of each query, asked once."""
    return await asyncio.to_thread(rows, shown)


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    return BOARDS[request.param]


async def asked(shown: Scene, board: Board) -> dict[str, Asked]:
    return await asyncio.to_thread(shown.asked, board)


async def test_every_query_is_asked(answers: list[Row]) -> None:
    wanted = [(b.uid, p["id"], t["refId"]) for b in BOARDS.values() for p in b.panels for t in p["targets"]]
    assert [(row.board, row.panel, row.ref) for row in answers] == wanted


async def test_no_query_fails(answers: list[Row]) -> None:
    assert [(row.board, row.title, row.ref, row.complaints) for row in answers if row.complaints] == []


async def test_no_query_is_empty(answers: list[Row]) -> None:
    assert [(row.board, row.title, row.ref) for row in answers if not any(map(speaks, row.found.values()))] == []


def speaks(series: list[Series]) -> bool:
    return any(math.isfinite(value) for one in series for _, value in one.points)


async def test_what_is_looked_at_most_is_whole_in_the_replayed_outage(answers: list[Row]) -> None:
    """The answer, where it is down and the incident: all that needs no more than an exporter and the rules."""
    ids = range(100, 300)
    empty = [
        (r.title, r.ref) for r in answers if r.board == "outage-service" and r.panel in ids and not r.found["replayed"]
    ]
    assert empty == []


async def test_series_have_names_of_their_own(answers: list[Row], board: Board) -> None:
    """No label in a legend is one that the series has not, and no two series of a panel look the same."""
    for panel in board.panels:
        if panel["type"] in ("table", "geomap", "heatmap"):
            continue
        of_panel = [row for row in answers if (row.board, row.panel) == (board.uid, panel["id"])]
        for moment in WHOLE:
            names = [series.name for row in of_panel for series in row.found[moment]]
            assert len(names) == len(set(names)), (panel["title"], names)
            assert all("  " not in f" {name}" for name in names if panel["type"] != "stat"), (panel["title"], names)


async def test_every_variable_offers_something(shown: Scene, board: Board) -> None:
    found = await asked(shown, board)
    for moment in WHOLE:
        assert [name for name, offered in found[moment].found.items() if not offered] == [], moment


async def test_every_annotation_marks_something(shown: Scene) -> None:
    marked: dict[str, int] = {}
    for board in BOARDS.values():
        for opened in (await asked(shown, board)).values():
            for annotation in board.annotations:
                series = await asyncio.to_thread(opened.annotation, annotation)
                marked[annotation["name"]] = marked.get(annotation["name"], 0) + len(series)
    assert [name for name, count in marked.items() if not count] == []


async def test_a_variable_narrows_what_is_shown(shown: Scene) -> None:
    board = BOARDS["outage-service"]
    source = next(panel for panel in board.panels if panel["type"] == "state-timeline")

    def names(chosen: dict[str, str]) -> set[str]:
        return {series.labels["feature"] for series in shown.opened(board, shown.replayed, chosen).panel(source)}

    assert await asyncio.to_thread(names, {"feature": "upload"}) == {"upload"}
    assert await asyncio.to_thread(names, {"feature": "(upload|feed)"}) == {"upload", "feed"}


async def test_a_row_of_the_table_leads_to_a_probes_log(shown: Scene) -> None:
    """What the link names is what the exporter knows."""
    board = BOARDS["outage-endpoint"]
    panel = next(panel for panel in board.panels if panel["type"] == "table")
    series = await asyncio.to_thread((await asked(shown, board))["live"].panel, panel)
    async with aiohttp.ClientSession(shown.exporter) as session:
        for labels in [one.labels for one in series if one.ref == "A"][::10]:
            path = "/probes/{service}/{endpoint}/{region}".format_map(labels)
            async with session.get(path) as answer:
                assert answer.status == 200, path


async def test_a_dashboard_can_be_drawn(shown: Scene, board: Board, tmp_path: Path) -> None:
    opened = (await asked(shown, board))["live"]
    file = tmp_path / "picture.png"
    await asyncio.to_thread(preview.picture, opened, shown.live, file)
    assert file.read_bytes().startswith(b"\x89PNG")
