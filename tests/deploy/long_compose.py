"""compose.yaml, really started: our image, and Debian's Prometheus and Alertmanager under their images' names.

Long: `make test-long`. Grafana is not in Debian, so it is left out.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.commands import ROOT, command
from tests.deploy.containers import Machine
from tests.deploy.waiting import until

STARTED = ("exporter", "prometheus", "alertmanager")
RULES = len(list((ROOT / "alerts" / "rules").glob("*.yml")))
HEALTHY_WITHIN = 240  # seconds, on a machine that has other things to do

CUT_OFF = """
services:
  exporter: {ports: !reset []}
  prometheus: {ports: !reset []}
  alertmanager: {ports: !reset []}
networks:
  default: {internal: true}
"""
"""Nothing of it is reached from outside nor reaches anything outside."""


class Project:
    """What Docker Compose has started."""

    def __init__(self, machine: Machine, files: list[Path], environment: dict[str, str]) -> None:
        self._machine = machine
        self._words = [command("docker-compose"), *(f"--file={file}" for file in files)]
        self._environment = environment

    def compose(self, *arguments: str) -> None:
        done = subprocess.run(
            [*self._words, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=HEALTHY_WITHIN,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def health(self, service: str) -> str:
        return str(self._machine.inspect(f"outage-{service}-1")["State"]["Health"]["Status"])

    def ask(self, url: str) -> Any:
        """JSON from inside the project's network."""
        return json.loads(self._curl(url))

    def status(self, url: str) -> str:
        return self._curl("--output", "/dev/null", "--write-out", "%{http_code}", url)

    def _curl(self, *words: str) -> str:
        return self._machine.podman("exec", "outage-exporter-1", "curl", "--silent", *words)


@pytest.fixture(name="project", scope="module")
def _project(machine: Machine, configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    cut_off = tmp_path_factory.mktemp("compose") / "cut-off.yaml"
    cut_off.write_text(CUT_OFF, encoding="utf-8")
    files = [ROOT / "deploy" / "compose.yaml", ROOT / "deploy" / "compose" / "configuration.yaml", cut_off]
    with machine.docker() as environment, machine.asked_for_health():
        project = Project(machine, files, environment | {"EXPORTER_CONFIGURATION": str(configuration)})
        try:
            project.compose("up", "--detach", "--no-build", "--pull=never", *STARTED)
            yield project
        finally:
            project.compose("down", "--volumes", "--timeout=5")


@pytest.mark.parametrize("service", STARTED)
def test_each_gets_healthy(project: Project, service: str) -> None:
    until(lambda: project.health(service), lambda health: health == "healthy")


def test_prometheus_scrapes_all_three(project: Project) -> None:
    def up() -> dict[str, str]:
        found = project.ask("http://prometheus:9090/api/v1/query?query=up")["data"]["result"]
        return {each["metric"]["job"]: each["value"][1] for each in found}

    until(up, lambda jobs: jobs == {"outage-exporter": "1", "prometheus": "1", "alertmanager": "1"})


def test_prometheus_evaluates_every_file_of_rules(project: Project) -> None:
    groups = project.ask("http://prometheus:9090/api/v1/rules")["data"]["groups"]
    assert len({group["file"] for group in groups}) == RULES


def test_what_fires_reaches_alertmanager(project: Project) -> None:
    def firing() -> set[str]:
        return {alert["labels"]["alertname"] for alert in project.ask("http://alertmanager:9093/api/v2/alerts")}

    until(firing, lambda names: "Watchdog" in names)


def test_the_exporter_probes_without_any_privilege(project: Project) -> None:
    def successes() -> list[str]:
        found = project.ask("http://prometheus:9090/api/v1/query?query=probe_success==1")["data"]["result"]
        return sorted(each["metric"]["endpoint"] for each in found)

    until(successes, lambda endpoints: endpoints == ["page", "ping", "self"])


@pytest.mark.parametrize(("path", "status"), [("/", "200"), ("/metrics", "404"), ("/config", "404")])
def test_people_get_their_pages_and_no_others_at_the_second_port(project: Project, path: str, status: str) -> None:
    assert project.status(f"http://exporter:19721{path}") == status
