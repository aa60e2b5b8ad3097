"""compose.yaml as Docker Compose itself reads it: correct without any variable, hardened, and nothing is missing."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.commands import ROOT, run

PROJECT = ROOT / "deploy" / "compose.yaml"
ADDED = ROOT / "deploy" / "compose"
SERVICES = ("exporter", "prometheus", "alertmanager", "grafana")

each_service = pytest.mark.parametrize("name", SERVICES)


@cache
def composed(*added: str, **variables: str) -> dict[str, Any]:
    """The project as it would be started, with `added` files and nothing in the environment but `variables`."""
    files = [f"--file={file}" for file in (PROJECT, *(ADDED / name for name in added))]
    environment = {"PATH": os.environ["PATH"], **variables}
    said = run("docker-compose", *files, "config", "--format=json", environment=environment)
    project: dict[str, Any] = json.loads(said)
    return project


@cache
def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = composed()["services"][name]
    return found


def binds(project: dict[str, Any]) -> list[Path]:
    """What is mounted from this machine."""
    volumes = [volume for service in project["services"].values() for volume in service.get("volumes", ())]
    return [Path(volume["source"]) for volume in volumes if volume["type"] == "bind"]


def test_it_needs_no_variable() -> None:
    assert sorted(composed()["services"]) == sorted(SERVICES)


@each_service
def test_a_service_can_change_nothing_but_its_data(name: str) -> None:
    assert service(name)["read_only"]
    writable = [volume for volume in service(name)["volumes"] if not volume.get("read_only")]
    assert [(volume["type"], volume["source"]) for volume in writable] == [("volume", name)]


@each_service
def test_a_service_has_no_privilege_and_gets_none(name: str) -> None:
    assert service(name)["cap_drop"] == ["ALL"]
    assert service(name)["security_opt"] == ["no-new-privileges:true"]
    assert service(name).keys().isdisjoint({"cap_add", "privileged", "network_mode", "pid", "ipc", "devices"})


@each_service
def test_a_service_is_reached_from_this_machine_alone(name: str) -> None:
    assert {port["host_ip"] for port in service(name)["ports"]} == {"127.0.0.1"}


@each_service
def test_a_service_comes_back_and_says_when_it_is_well(name: str) -> None:
    assert service(name)["restart"] == "unless-stopped"
    assert {"interval", "timeout", "start_period"} <= service(name)["healthcheck"].keys()


@each_service
def test_a_service_fills_no_disk_with_its_log(name: str) -> None:
    assert service(name)["logging"]["options"].keys() == {"max-size", "max-file"}


@each_service
def test_an_image_is_one_release(name: str) -> None:
    assert service(name)["image"].rpartition(":")[2].count(".") == 2


def test_each_starts_after_those_that_it_asks() -> None:
    after = {name: service(name).get("depends_on", {}) for name in SERVICES}
    assert {name: sorted(others) for name, others in after.items()} == {
        "exporter": [],
        "prometheus": ["alertmanager", "exporter"],
        "alertmanager": [],
        "grafana": ["prometheus"],
    }
    assert {other["condition"] for others in after.values() for other in others.values()} == {"service_healthy"}


def test_everything_that_is_mounted_ships() -> None:
    tracked = run("git", "ls-files", "--full-name").splitlines()
    for path in binds(composed()):
        name = path.relative_to(ROOT).as_posix()
        assert any(file == name or file.startswith(f"{name}/") for file in tracked), name


def test_the_image_is_built_from_this_folder() -> None:
    assert service("exporter")["build"]["context"] == str(ROOT)


def test_paging_brings_the_routes_that_ship_and_every_secret_that_they_name() -> None:
    project = composed("paging.yaml")
    alertmanager = project["services"]["alertmanager"]
    assert ROOT / "alerts" / "alertmanager.yml" in binds(project)
    assert ADDED / "alertmanager.yml" not in binds(project)
    shipped = (ROOT / "alerts" / "alertmanager.yml").read_text(encoding="utf-8")
    named = re.findall(r"_file: (/etc/alertmanager/secrets/\w+)", shipped)
    assert sorted(secret["target"] for secret in alertmanager["secrets"]) == sorted(named)


def test_paging_takes_another_file() -> None:
    assert Path("/etc/outage/alertmanager.yml") in binds(
        composed("paging.yaml", ALERTMANAGER_FILE="/etc/outage/alertmanager.yml")
    )


def test_your_own_configuration_is_a_folder_that_the_exporter_reads() -> None:
    project = composed("configuration.yaml", EXPORTER_CONFIGURATION="/etc/outage")
    exporter = project["services"]["exporter"]
    assert Path("/etc/outage") in binds(project)
    target = next(volume["target"] for volume in exporter["volumes"] if volume["type"] == "bind")
    assert f"--config.file={target}" in exporter["command"]
