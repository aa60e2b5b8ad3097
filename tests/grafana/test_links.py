"""Whatever leads away from a dashboard, or to one, leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy.local.programs import PROGRAMS, ROOT, Local
from grafana import frame
from grafana.asking import Board, boards
from tests.grafana.promql import inside, parsed

BOARDS = {board.uid: board for board in boards()}
ALERTS = [
    rule
    for file in sorted((ROOT / "alerts" / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
PROVISIONING = ROOT / "grafana" / "provisioning"

_OWN = {"__url_time_range"}
"""What Grafana itself puts into a link."""


def links(panel: dict[str, Any]) -> Iterator[str]:
    for override in panel["fieldConfig"]["overrides"]:
        for each in override["properties"]:
            yield from (link["url"] for link in each["value"]) if each["id"] == "links" else ()


LINKS = [(board, panel, url) for board in BOARDS.values() for panel in board.panels for url in links(panel)]


def variables(board: Board) -> set[str]:
    return {variable["name"] for variable in board.variables}


def labels(panel: dict[str, Any]) -> set[str]:
    """Those that a value in the panel has: columns of a table, labels by which a series' query adds up."""
    if panel["type"] == "table":
        names = panel["transformations"][-1]["options"]["renameByName"]
        return {name for name in names if not name.startswith("Value")}
    found: set[str] = set()
    for target in panel["targets"]:
        for each in inside(parsed(target["expr"])):
            found |= set(re.findall(r"by \(([^)]*)\)", str(each))[0].split(", ")) if "by (" in str(each) else set()
    return found


def test_there_are_links() -> None:
    assert {urlsplit(url).path.split("/")[1] for _, _, url in LINKS} >= {"d", "outage-exporter", "probes"}


@pytest.mark.parametrize(("board", "panel", "url"), LINKS)
def test_a_link_says_only_what_is_known_where_it_stands(board: Board, panel: dict[str, Any], url: str) -> None:
    for name in re.findall(r"\$\{([^}]+)\}", url):
        kind, _, label = name.rpartition(".")
        if kind:
            assert kind in ("__data.fields", "__field.labels")
            assert label in labels(panel), f"{panel['title']}: {name}"
        else:
            assert name in variables(board) | _OWN, f"{panel['title']}: {name}"


@pytest.mark.parametrize(("board", "panel", "url"), LINKS)
def test_a_link_leads_to_a_dashboard_a_runbook_or_the_exporter(board: Board, panel: dict[str, Any], url: str) -> None:
    if url.startswith("/d/"):
        assert_opens(url)
    elif url.startswith(frame.RUNBOOKS):
        assert url == f"{frame.RUNBOOKS}/${{__data.fields.alertname}}.md"
    else:
        assert url.startswith("${exporter}/probes/")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_leads_to_a_dashboard_that_knows_its_variables(alert: dict[str, Any]) -> None:
    assert_opens(re.sub(r"\{\{.*?\}\}", "x", alert["annotations"]["dashboard_url"]))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_the_dashboards_lead_to_the_same_runbooks_as_the_alerts(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["runbook_url"] == f"{frame.RUNBOOKS}/{alert['alert']}.md"
    assert (ROOT / "alerts" / "runbooks" / f"{alert['alert']}.md").is_file()


def assert_opens(url: str) -> None:
    """The dashboard is there, and so are all variables that the link sets."""
    parts = urlsplit(url)
    board = BOARDS[parts.path.removeprefix("/d/")]
    asked = {name for name in parse_qs(parts.query, keep_blank_values=True) if name.startswith("var-")}
    assert asked <= {f"var-{name}" for name in variables(board)}, url


def test_the_exporter_is_where_it_listens_unless_told_otherwise() -> None:
    [exporter] = [program for program in PROGRAMS if program.name == "exporter"]
    assert f"http://localhost:{exporter.port}" == frame.EXPORTER


def test_what_is_provisioned_is_what_grafana_is_told_where_it_is_started(tmp_path: Path) -> None:
    """Both files name variables of the environment; deploy/local sets them."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(PROVISIONING.rglob("*.yml"))]
    named = {name for text in texts for name in re.findall(r"^[^#\n]*: \$(\w+)$", text, re.MULTILINE)}
    [grafana] = [program for program in PROGRAMS if program.name == "grafana"]
    local = Local(tmp_path, {program.name: program.port for program in PROGRAMS})
    told = grafana.environment("grafana", local)
    assert named == {"PROMETHEUS_URL", "DASHBOARDS_PATH"}
    assert named <= told.keys()
    assert {file.stem for file in Path(told["DASHBOARDS_PATH"]).glob("*.json")} == BOARDS.keys()
    assert Path(told["GF_PATHS_PROVISIONING"]) == PROVISIONING


def test_nobody_changes_in_grafana_what_would_be_lost() -> None:
    content = yaml.safe_load((PROVISIONING / "dashboards" / "outages.yml").read_text(encoding="utf-8"))
    [provider] = content["providers"]
    assert provider["allowUiUpdates"] is False
