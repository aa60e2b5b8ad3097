"""One machine for all long tests, and what the exporter in them probes: itself, so that nothing leaves the container.

`CONTAINERS=DIR` keeps the machine there for the next run, with the images that it has by then.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from exporter.cli import PORT
from tests.deploy.containers import Machine

OWN_CONFIGURATION = {
    "defaults": {"interval": "5s", "timeout": "4s"},
    "regions": {"here": {"kind": "local"}},
    "controls": {"self": {"kind": "tcp", "target": f"127.0.0.1:{PORT}"}},
    "services": {
        "shop": {
            "title": "Shop",
            "features": {
                "front": {
                    "core": True,
                    "endpoints": {
                        "page": {"kind": "http", "url": f"http://127.0.0.1:{PORT}/-/healthy"},
                        "ping": {"kind": "icmp", "target": "127.0.0.1"},
                    },
                }
            },
        }
    },
}


@pytest.fixture(name="machine", scope="session")
def _machine() -> Iterator[Machine]:
    if kept := os.environ.get("CONTAINERS"):
        yield _prepared(Path(kept))
        return
    with tempfile.TemporaryDirectory(prefix="containers-", ignore_cleanup_errors=True) as folder:
        machine = _prepared(Path(folder))
        try:
            yield machine
        finally:
            machine.podman("rm", "--all", "--force", "--time=1")
            machine.podman("rmi", "--all", "--force")


def _prepared(folder: Path) -> Machine:
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine(folder)
    if not machine.podman("images", "--quiet"):
        machine.install_debian()
        machine.build_ours()
    return machine


@pytest.fixture(name="configuration", scope="session")
def _configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for --config.file that everybody may read."""
    folder = tmp_path_factory.mktemp("configuration")
    folder.chmod(0o755)
    (folder / "outage.yaml").write_text(yaml.safe_dump(OWN_CONFIGURATION), encoding="utf-8")
    return folder
