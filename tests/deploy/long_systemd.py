"""The unit, really started by systemd: as nobody that is known, confined, and still able to do all that it is for.

Long: `make test-long`. systemd runs in a container of the same Debian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.commands import ROOT
from tests.deploy.containers import IMAGE, Machine
from tests.deploy.waiting import until

SYSTEMD = ROOT / "deploy" / "systemd"
BOOTED = "outage-exporter-on-systemd"
NOBODY_PINGS = "1 0"
"""As Debian 12 has it."""

CREDENTIAL = "/etc/credstore/outage-exporter.web.yml"

CONTAINERFILE = f"""
FROM {IMAGE}
USER 0
COPY outage-exporter.service /etc/systemd/system/
RUN ln -s /opt/outage-exporter/bin/outage-exporter /usr/local/bin/ \\
    && echo 'ARGS="--config.file=/etc/outage-exporter"' > /etc/default/outage-exporter \\
    && systemctl mask prometheus prometheus-alertmanager \\
    && install -d -m 0700 /etc/credstore \\
    && echo 'http_server_config: {{headers: {{X-Frame-Options: sameorigin}}}}' > {CREDENTIAL} \\
    && chmod 0600 {CREDENTIAL}
ENTRYPOINT ["/bin/sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd"]
CMD []
"""
"""systemd hands credentials over by a mount, which only a shared one lets others see."""

Inside = Callable[..., str]


@pytest.fixture(name="inside", scope="module")
def _inside(machine: Machine, configuration: Path) -> Iterator[Inside]:
    """Runs a command where systemd runs and the unit is started and ready."""
    machine.build(BOOTED, CONTAINERFILE, SYSTEMD)
    options = (
        "--privileged",
        "--systemd=always",
        "--network=none",
        f"--volume={configuration}:/etc/outage-exporter:ro",
    )
    with machine.container(*options, f"--sysctl=net.ipv4.ping_group_range={NOBODY_PINGS}", BOOTED) as name:

        def run(*words: str, status: int = 0) -> str:
            return machine.podman("exec", name, *words, status=status)

        until(lambda: succeeds(run, "systemctl", "is-active", "--quiet", "dbus.socket", "multi-user.target"))
        run("systemctl", "start", "outage-exporter")
        until(lambda: succeeds(run, "curl", "--silent", "--fail", "http://127.0.0.1:19720/-/ready"))
        yield run


def succeeds(inside: Inside, *words: str) -> bool:
    try:
        inside(*words)
    except AssertionError:
        return False
    return True


def failing(inside: Inside) -> list[str]:
    """The endpoints whose latest run failed."""
    page = inside("curl", "--silent", "http://127.0.0.1:19720/metrics")
    lines = [line for line in page.splitlines() if line.startswith("probe_success{") and line.endswith(" 0")]
    return [line.split('endpoint="')[1].split('"')[0] for line in lines]


def test_its_process_is_nobody_known_and_may_nothing(inside: Inside) -> None:
    process = inside("systemctl", "show", "--property=MainPID", "--value", "outage-exporter")
    status = dict(line.split(":\t", 1) for line in inside("cat", f"/proc/{process}/status").splitlines())
    assert 61184 <= int(status["Uid"].split()[0]) <= 65519  # the range of dynamic users
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_its_data_is_its_own(inside: Inside) -> None:
    assert inside("stat", "--format=%a", "/var/lib/private/outage-exporter") == "700"
    assert inside("stat", "--format=%a", "/var/lib/private/outage-exporter/history.sqlite") == "600"


def test_what_only_root_may_read_is_handed_over(inside: Inside) -> None:
    answer = inside("curl", "--silent", "--include", "http://127.0.0.1:19720/-/healthy")
    assert "X-Frame-Options: sameorigin" in answer
    assert inside("stat", "--format=%a %U", CREDENTIAL) == "600 root"


def test_its_start_time_is_known(inside: Inside) -> None:
    page = inside("curl", "--silent", "http://127.0.0.1:19720/metrics")
    (line,) = [line for line in page.splitlines() if line.startswith("process_start_time_seconds ")]
    assert float(line.split()[1]) == pytest.approx(float(inside("date", "+%s")), abs=600)


def test_it_pings_once_the_kernel_lets_everybody(inside: Inside) -> None:
    until(lambda: failing(inside), lambda endpoints: endpoints == ["ping"])
    (line,) = [text for text in (SYSTEMD / "sysctl.conf").read_text(encoding="utf-8").splitlines() if text[:3] == "net"]
    inside("sysctl", "--write", line.replace(" = ", "="))
    until(lambda: failing(inside), lambda endpoints: endpoints == [])


def test_it_is_told_to_read_its_configuration_again(inside: Inside) -> None:
    inside("systemctl", "reload", "outage-exporter")
    log = ("journalctl", "--unit=outage-exporter", "--no-pager")
    until(lambda: "configuration applied" in inside(*log))


def test_it_comes_back_when_it_is_killed(inside: Inside) -> None:
    process = ("systemctl", "show", "--property=MainPID", "--value", "outage-exporter")
    before = inside(*process)
    inside("systemctl", "kill", "--signal=KILL", "outage-exporter")
    until(lambda: inside(*process), lambda now: now not in ("0", before))


def test_it_ends_well(inside: Inside) -> None:
    until(lambda: succeeds(inside, "curl", "--silent", "--fail", "http://127.0.0.1:19720/-/ready"))
    inside("systemctl", "stop", "outage-exporter")
    assert inside("systemctl", "show", "--property=Result", "--value", "outage-exporter") == "success"
