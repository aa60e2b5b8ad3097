"""The image, really built and run: nobody's process, a root that cannot be written, small, and healthy by its own word.

Long: `make test-long`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import BASE, IMAGE, Machine
from tests.deploy.waiting import until

HARDENED = (
    *("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=none"),
    "--sysctl=net.ipv4.ping_group_range=65532 65532",
)
"""As compose.yaml and Kubernetes run it; without a network, so that it can reach itself alone."""

LARGEST = 80_000_000
"""Bytes that the exporter may add to Python's image."""

ENDS_WITHIN = 10  # seconds after SIGTERM


@pytest.fixture(name="exporter", scope="module")
def _exporter(machine: Machine, configuration: Path) -> Iterator[str]:
    """It runs, with its data in a volume, until it calls itself ready."""
    mounts = ("--volume=kept:/data", f"--volume={configuration}:/etc/outage-exporter:ro")
    arguments = ("run", "--data.dir=/data", "--log.format=json", "--config.file=/etc/outage-exporter")
    with machine.container(*HARDENED, *mounts, IMAGE, *arguments) as name:
        until(lambda: healthy(machine, name))
        yield name


def healthy(machine: Machine, name: str) -> bool:
    """By the image's own HEALTHCHECK."""
    try:
        machine.podman("healthcheck", "run", name)
    except AssertionError:
        return False
    return True


def inside(machine: Machine, name: str, *words: str) -> str:
    return machine.podman("exec", name, *words)


def test_what_it_adds_to_pythons_image_is_small(machine: Machine) -> None:
    added = machine.inspect(IMAGE)["Size"] - machine.inspect(BASE)["Size"]
    print(f"added to Python's image: {added / 1e6:.1f} MB")
    assert 0 < added < LARGEST


def test_nothing_of_its_building_is_left(machine: Machine) -> None:
    builders = (
        "-name",
        "pip.conf",
        "-o",
        "-name",
        "authority*",
        "-o",
        "-path",
        "*/site-packages/pip",
        "-o",
        "-path",
        "/source",
    )
    with machine.container(*HARDENED, "--user=0", "--entrypoint=sleep", IMAGE, "60") as name:
        assert inside(machine, name, "find", "/", "-xdev", *builders) == ""
    assert "authority" not in machine.podman("history", "--no-trunc", IMAGE)


def test_its_process_is_nobodys_and_may_nothing(machine: Machine, exporter: str) -> None:
    status = dict(line.split(":\t", 1) for line in inside(machine, exporter, "cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == ["65532"] * 4
    assert status["Gid"].split() == ["65532"] * 4
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_it_can_write_its_data_and_nothing_that_stays(machine: Machine, exporter: str) -> None:
    find = "find / -xdev -writable -not -type l 2>/dev/null || true"  # it may not look everywhere
    writable = inside(machine, exporter, "sh", "-c", find).split()
    in_memory = {"/tmp", "/var/tmp", "/run", "/dev", "/dev/shm"}
    assert set(writable) - in_memory == {"/data"}
    with pytest.raises(AssertionError, match="Read-only file system"):
        inside(machine, exporter, "touch", "/opt/outage-exporter/x")
    assert "/data/history.sqlite" in inside(machine, exporter, "find", "/data")


def test_it_probes_and_pings_without_any_privilege(machine: Machine, exporter: str) -> None:
    def successes() -> list[str]:
        page = inside(machine, exporter, "curl", "--silent", "http://127.0.0.1:19720/metrics")
        return [line for line in page.splitlines() if line.startswith("probe_success{") and line.endswith(" 1")]

    until(successes, lambda lines: len(lines) == 3)


def test_it_calls_itself_unhealthy_when_it_answers_nobody(machine: Machine, exporter: str) -> None:
    machine.podman("kill", "--signal=STOP", exporter)
    assert not healthy(machine, exporter)
    machine.podman("kill", "--signal=CONT", exporter)
    until(lambda: healthy(machine, exporter))


def test_it_ends_when_told_and_finds_its_data_again(machine: Machine, exporter: str) -> None:
    before = inside(machine, exporter, "stat", "--format=%i", "/data/history.sqlite")
    machine.podman("stop", f"--time={ENDS_WITHIN}", exporter)
    assert machine.inspect(exporter)["State"]["ExitCode"] == 0
    machine.podman("start", exporter)
    until(lambda: healthy(machine, exporter))
    assert inside(machine, exporter, "stat", "--format=%i", "/data/history.sqlite") == before
