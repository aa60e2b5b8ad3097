"""Ports, names and versions: written in the program, and the same wherever it is deployed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import exporter
from deploy.local.programs import PROGRAMS, RETENTION, Local
from exporter.cli import PORT
from tests.deploy.commands import ROOT

PUBLIC_PORT = 19721
"""Beside the operators'. It is this only where something is deployed: the program itself has no default for it."""

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
STATEFUL_SET = yaml.safe_load((ROOT / "deploy/kubernetes/base/exporter.yaml").read_text(encoding="utf-8"))
CONTAINER = STATEFUL_SET["spec"]["template"]["spec"]["containers"][0]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
USER = 65532


def published(service: dict[str, Any]) -> list[int]:
    """Its ports, each the same outside as inside and on loopback alone."""
    ports = [re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service["ports"]]
    return [int(port[1]) for port in ports if port]


def test_the_exporter_listens_at_its_own_port_everywhere() -> None:
    ports = {program.name: program.port for program in PROGRAMS}
    assert ports["exporter"] == PORT
    assert f"EXPOSE {PORT} {PUBLIC_PORT}\n" in DOCKERFILE
    assert published(COMPOSE["services"]["exporter"]) == [PORT, PUBLIC_PORT]
    assert {port["name"]: port["containerPort"] for port in CONTAINER["ports"]} == {
        "http": PORT,
        "public": PUBLIC_PORT,
    }


def test_the_stack_has_the_same_names_and_ports_in_containers_as_without() -> None:
    services = COMPOSE["services"]
    assert list(services) == [program.name for program in PROGRAMS]
    assert {name: published(service)[0] for name, service in services.items()} == {
        program.name: program.port for program in PROGRAMS
    }


@pytest.mark.parametrize("place", [COMPOSE["services"]["exporter"]["command"], CONTAINER["args"]])
def test_the_exporter_is_started_as_its_image_does_and_with_the_pages_for_people(place: list[str]) -> None:
    assert place == [*yaml.safe_load(DOCKERFILE.rpartition("CMD ")[2]), f"--web.public-address=:{PUBLIC_PORT}"]


def test_your_own_configuration_is_added_to_the_command_and_changes_nothing_else() -> None:
    added = yaml.safe_load((ROOT / "deploy/compose/configuration.yaml").read_text(encoding="utf-8"))
    assert added["services"]["exporter"]["command"][:-1] == COMPOSE["services"]["exporter"]["command"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_a_container_has_the_options_of_the_local_program(name: str) -> None:
    """But for where it finds things and for whom it listens."""
    local = Local(ROOT / "data", {program.name: program.port for program in PROGRAMS})
    program = next(program for program in PROGRAMS if program.name == name)
    elsewhere = ("--config.file=", "--storage.path=", "--storage.tsdb.path=", "--web.listen-address=")
    without = [option for option in program.command("it", local)[1:] if not option.startswith(elsewhere)]
    assert [option for option in COMPOSE["services"][name]["command"] if not option.startswith(elsewhere)] == without


def test_grafana_in_a_container_has_the_settings_of_the_local_one() -> None:
    local = Local(ROOT / "data", {program.name: program.port for program in PROGRAMS})
    grafana = next(program for program in PROGRAMS if program.name == "grafana")
    elsewhere = re.compile(r"GF_PATHS_.*|GF_SERVER_.*|PROMETHEUS_URL|DASHBOARDS_PATH")
    settings = {
        name: value for name, value in grafana.environment("it", local).items() if not elsewhere.fullmatch(name)
    }
    environment = COMPOSE["services"]["grafana"]["environment"]
    assert settings.items() <= environment.items()
    assert environment["PROMETHEUS_URL"] == "http://prometheus:9090"


def test_grafana_is_given_the_variables_that_its_provisioning_names() -> None:
    provisioned = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "grafana/provisioning").rglob("*.yml"))
    assert set(re.findall(r"\$([A-Z]\w+)", provisioned)) <= COMPOSE["services"]["grafana"]["environment"].keys()


def test_the_image_has_the_version_of_the_program() -> None:
    image = f"outage-exporter:{exporter.__version__}"
    assert COMPOSE["services"]["exporter"]["image"] == image
    assert CONTAINER["image"] == image


def test_one_user_runs_it_and_may_ping() -> None:
    pod = STATEFUL_SET["spec"]["template"]["spec"]["securityContext"]
    sysctls = {sysctl["name"]: sysctl["value"] for sysctl in pod["sysctls"]}
    assert f"USER {USER}:{USER}\n" in DOCKERFILE
    assert (pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"]) == (USER, USER, USER)
    assert COMPOSE["services"]["exporter"]["sysctls"] == sysctls == {"net.ipv4.ping_group_range": f"{USER} {USER}"}


def test_prometheus_keeps_what_the_objectives_look_back_over() -> None:
    assert f"--storage.tsdb.retention.time={RETENTION}" in COMPOSE["services"]["prometheus"]["command"]
