"""The committed dashboards are what their source builds, and nothing in them is lost on Grafana's own model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana import build
from grafana.asking import Board, boards
from tests.grafana.table import COMMITTED, read

BOARDS = boards()
MOST_BYTES = 200_000
"""Of a committed picture."""


@pytest.fixture(params=BOARDS, ids=lambda board: board.uid)
def board(request: pytest.FixtureRequest) -> Board:
    found: Board = request.param
    return found


def lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where something of `before` is missing or other in `after`."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{path}/{key}"
            else:
                yield from lost(value, after[key], f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{path}/{number}")
    elif before != after:
        yield f"{path}: {before!r} is {after!r}"


def passed_through(content: dict[str, Any]) -> Any:
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(content), cls=JSONEncoder))


def test_the_committed_files_are_what_the_source_builds() -> None:
    assert {file: file.read_text(encoding="utf-8") for file in build.FOLDER.glob("*.json")} == dict(build.texts())


def test_grafanas_model_knows_every_key(board: Board) -> None:
    assert list(lost(board.content, passed_through(dict(board.content)))) == []


def test_a_key_that_grafana_does_not_know_is_found_out(board: Board) -> None:
    content = json.loads(json.dumps(board.content))
    content["panels"][1]["fieldConfig"]["defaults"]["untis"] = "s"
    content["panels"][1]["options"]["txetMode"] = "auto"
    names = [path.rpartition("/")[2] for path in lost(content, passed_through(content))]
    assert sorted(names) == ["txetMode", "untis"]


def test_a_file_is_called_as_its_dashboard(board: Board) -> None:
    assert (build.FOLDER / f"{board.uid}.json").is_file()
    assert board.content["schemaVersion"] == 42
    assert not board.content["editable"]


def test_the_dashboards_are_those_that_link_to_one_another(board: Board) -> None:
    others = {f"/d/{other.uid}" for other in BOARDS if other.uid != board.uid}
    assert {link["url"] for link in board.content["links"]} == others


def test_panels_have_ids_of_their_own(board: Board) -> None:
    ids = [panel["id"] for panel in board.content["panels"]]
    assert len(ids) == len(set(ids))


def test_no_panel_lies_over_another_or_beyond_the_grid(board: Board) -> None:
    places = [panel["gridPos"] for panel in board.content["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_each_has_a_picture_that_loads_quickly(board: Board) -> None:
    picture = Path(build.FOLDER.parent, "pictures", f"{board.uid}.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size <= MOST_BYTES


def test_the_committed_table_is_of_these_queries() -> None:
    """`python -m tests.grafana` writes it anew; times and counts of a live stack differ from run to run."""
    wanted: list[tuple[Any, ...]] = [
        (board.title, panel["title"], " ".join(target["expr"].split()))
        for board in BOARDS
        for panel in board.panels
        for target in panel["targets"]
    ]
    assert read(COMMITTED.read_text(encoding="utf-8")) == wanted
