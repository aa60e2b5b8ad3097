"""The programs of the stack: what they are called, where they are found, how each is started on loopback.

Nothing is said to the network beyond this machine but by the exporter's probes and Alertmanager's notifications.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
RETENTION = "31d"
"""The objectives look back over 30 days; the day beyond is for the block that is being deleted."""


@dataclass(frozen=True, slots=True)
class Local:
    """One stack: where its data is, who listens at which port, which configurations run."""

    data: Path
    ports: Mapping[str, int]
    exporter_files: tuple[Path, ...] = ()
    alertmanager_file: Path = ROOT / "alerts" / "alertmanager.yml"
    log_level: str = "info"

    @property
    def prometheus_config(self) -> Path:
        return self.data / "prometheus.yml"

    @property
    def alertmanager_config(self) -> Path:
        return self.data / "alertmanager.yml"

    def address(self, name: str) -> str:
        """host:port at which that program listens."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """As a person opens it."""
        return f"http://localhost:{self.ports[name]}"


@dataclass(frozen=True, slots=True)
class Program:
    """`binaries` are tried in turn, names on the PATH or paths; `ready` answers 200 once it serves.

    `absent` says how to get it, and what is missed without it.
    """

    name: str
    title: str
    port: int
    binaries: tuple[str, ...]
    absent: str
    ready: str
    command: Callable[[str, Local], list[str]]
    environment: Callable[[str, Local], dict[str, str]] = field(default=lambda binary, local: {})

    def find(self) -> str | None:
        """The path of its first binary that is installed."""
        return next((path for name in self.binaries if (path := shutil.which(name))), None)


def _run_exporter(binary: str, local: Local) -> list[str]:
    files = [f"--config.file={file}" for file in local.exporter_files]
    # The data folder itself, where `outage-exporter run` keeps its incidents too.
    listen = f"--web.listen-address={local.address('exporter')}"
    return [binary, "run", f"--data.dir={local.data}", listen, f"--log.level={local.log_level}", *files]


def _run_prometheus(binary: str, local: Local) -> list[str]:
    return [
        binary,
        f"--config.file={local.prometheus_config}",
        f"--storage.tsdb.path={local.data / 'prometheus'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={local.address('prometheus')}",
        f"--web.external-url={local.url('prometheus')}/",
        "--log.level=warn",
    ]


def _run_alertmanager(binary: str, local: Local) -> list[str]:
    return [
        binary,
        f"--config.file={local.alertmanager_config}",
        f"--storage.path={local.data / 'alertmanager'}",
        f"--web.listen-address={local.address('alertmanager')}",
        f"--web.external-url={local.url('alertmanager')}/",
        "--cluster.listen-address=",  # alone: no gossip, no port for it
        "--log.level=warn",
    ]


def _run_grafana(binary: str, local: Local) -> list[str]:
    command = [binary, "server"] if Path(binary).name == "grafana" else [binary]
    # An archive holds bin/ beside conf/; the packages have them apart.
    homes = (Path(binary).resolve().parents[1], Path("/usr/share/grafana"))
    home = next((home for home in homes if (home / "conf" / "defaults.ini").is_file()), None)
    return [*command, f"--homepath={home}"] if home else command


def _grafana_environment(binary: str, local: Local) -> dict[str, str]:
    folder = local.data.resolve() / "grafana"  # Grafana takes what is relative from its own home
    return {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(local.ports["grafana"]),
        "GF_PATHS_DATA": str(folder),
        "GF_PATHS_LOGS": str(folder / "log"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(ROOT / "grafana" / "provisioning"),
        "GF_LOG_MODE": "console",
        "GF_LOG_LEVEL": "warn",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        # A link in a page must open without a password; it is on loopback, and it may only be looked at.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "PROMETHEUS_URL": local.url("prometheus"),
        "DASHBOARDS_PATH": str(ROOT / "grafana" / "dashboards"),
    }


PROGRAMS = (
    Program(
        "exporter",
        "exporter",
        19720,
        (str(Path(sys.executable).with_name("outage-exporter")), "outage-exporter"),
        "pip install -e . brings it; nothing is probed",
        "/-/healthy",
        _run_exporter,
    ),
    Program(
        "prometheus",
        "Prometheus",
        9090,
        ("prometheus",),
        "apt-get install prometheus, or https://prometheus.io/download/; no history and no alerts",
        "/-/ready",
        _run_prometheus,
    ),
    Program(
        "alertmanager",
        "Alertmanager",
        9093,
        ("prometheus-alertmanager", "alertmanager"),
        "apt-get install prometheus-alertmanager, or https://prometheus.io/download/; nobody is told of an alert",
        "/-/ready",
        _run_alertmanager,
    ),
    Program(
        "grafana",
        "Grafana",
        3000,
        ("grafana", "grafana-server", "/usr/sbin/grafana-server"),
        "https://grafana.com/grafana/download; no dashboards",
        "/api/health",
        _run_grafana,
        _grafana_environment,
    ),
)
