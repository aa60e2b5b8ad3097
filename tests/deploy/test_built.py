"""What is built from what ships is what would be built now, and real programs take it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from deploy.build import COMPOSE, OPERATOR, RULES, build
from tests.deploy.commands import ROOT, run

BUILT = build()
ALERTS = ROOT / "alerts"


@pytest.fixture(name="prometheus_folder")
def _prometheus_folder(tmp_path: Path) -> Path:
    """/etc/prometheus as the container sees it."""
    shutil.copy(COMPOSE / "prometheus.yml", tmp_path)
    shutil.copytree(RULES, tmp_path / "rules")
    return tmp_path


@pytest.fixture(name="alertmanager_folder")
def _alertmanager_folder(tmp_path: Path) -> Path:
    shutil.copy(COMPOSE / "alertmanager.yml", tmp_path)
    shutil.copytree(ALERTS / "templates", tmp_path / "templates")
    return tmp_path


@pytest.mark.parametrize("path", BUILT, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_built_file_is_what_would_be_built_now(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == BUILT[path], "run: python -m deploy.build"


def test_prometheus_takes_its_configuration_with_all_rules(prometheus_folder: Path) -> None:
    said = run("promtool", "check", "config", prometheus_folder / "prometheus.yml")
    assert said.count("rules found") == len(list(RULES.glob("*.yml")))


def test_alertmanager_takes_its_configuration_with_all_templates(alertmanager_folder: Path) -> None:
    said = run("amtool", "check-config", alertmanager_folder / "alertmanager.yml")
    assert " - 1 templates" in said


def test_alertmanager_tells_nobody_as_long_as_nobody_is_named() -> None:
    receivers = yaml.safe_load((COMPOSE / "alertmanager.yml").read_text(encoding="utf-8"))["receivers"]
    assert [told for receiver in receivers for key in receiver.keys() - {"name"} for told in receiver[key]] == []


@pytest.mark.parametrize("labels", [["severity=critical"], ["severity=warning"], ["alertname=Watchdog"]])
def test_alerts_take_the_routes_that_ship(labels: list[str]) -> None:
    shipped, built = (
        run("amtool", "config", "routes", "test", f"--config.file={file}", *labels)
        for file in (ALERTS / "alertmanager.yml", COMPOSE / "alertmanager.yml")
    )
    assert built == shipped


def test_the_operator_gets_every_rule_as_it_ships() -> None:
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml"))]
    built = list(yaml.safe_load_all((OPERATOR / "rules.yaml").read_text(encoding="utf-8")))
    assert [rule["spec"] for rule in built] == shipped


def test_every_dashboard_is_given_to_grafana_in_kubernetes() -> None:
    generated = yaml.safe_load((ROOT / "grafana" / "kustomization.yaml").read_text(encoding="utf-8"))
    listed = [file for each in generated["configMapGenerator"] for file in each["files"]]
    assert sorted(listed) == [
        f"dashboards/{path.name}" for path in sorted((ROOT / "grafana/dashboards").glob("*.json"))
    ]
