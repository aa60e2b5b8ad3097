"""Containers for real, with no registry: podman and runc, on a Debian that debootstrap has made.

The images that ours is built from and runs beside are that Debian under their names: Python's, and those of Prometheus
and Alertmanager with Debian's programs in them. It needs root, and these Debian packages:
podman runc netavark aardvark-dns iptables debootstrap
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import exporter
from tests.deploy.commands import ROOT, command, run

IMAGE = f"outage-exporter:{exporter.__version__}"
BASE = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("FROM ")[1].split()[0]
"""Python's image, as the Dockerfile names it."""

INSTALLED = (
    *("python3", "python3-venv", "python-is-python3", "ca-certificates"),  # as Python's image
    *("prometheus", "prometheus-alertmanager"),
    *("systemd", "procps", "curl"),
)
_PROCESSES = 4096
_ASK_EVERY = 1.0  # seconds between two questions for health
_BUILD_AUTHORITY = "/run/authority.crt"

_STAND_IN = """
FROM {base}
RUN ln -s prometheus-alertmanager /usr/bin/alertmanager && install -d -o 65534 -g 65534 /prometheus /alertmanager
USER 65534
ENTRYPOINT ["/bin/{name}"]
"""

_CONFIGURATION = """
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
lock_type = "file"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Machine:
    """What podman keeps is in `folder`; nothing of it is shared with another podman."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # No limit can be higher than ours without a capability that not every root has.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self._configuration = folder / "containers.conf"
        said = _CONFIGURATION.format(folder=folder, files=files, processes=_PROCESSES)
        self._configuration.write_text(said, encoding="utf-8")
        self._socket = folder / "podman.sock"

    def podman(self, *arguments: str | Path, status: int = 0) -> str:
        """What it prints on standard output; AssertionError when it does not end with `status`."""
        done = subprocess.run(self._podman(*arguments), capture_output=True, text=True, check=False, env=self._env())
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.podman("inspect", name))[0]
        return found

    @contextmanager
    def container(self, *options: str | Path) -> Iterator[str]:
        """`podman run` in the background; its id. What it said is printed when the caller fails."""
        name = self.podman("run", "--detach", *options)
        try:
            yield name
        except BaseException:
            subprocess.run(self._podman("logs", name), check=False, env=self._env())
            raise
        finally:
            self.podman("rm", "--force", "--volumes", "--time=1", name)

    @contextmanager
    def docker(self) -> Iterator[dict[str, str]]:
        """The environment in which a client of Docker finds this machine, while podman listens."""
        listening = subprocess.Popen(
            self._podman("system", "service", "--time=0", f"unix://{self._socket}"),
            env=self._env(),
            stderr=subprocess.DEVNULL,
        )
        try:
            yield self._env() | {"DOCKER_HOST": f"unix://{self._socket}"}
        finally:
            listening.terminate()
            listening.wait()

    @contextmanager
    def asked_for_health(self) -> Iterator[None]:
        """Meanwhile all containers are asked for their health once a second: podman leaves it to systemd's timers."""
        ended = threading.Event()

        def ask() -> None:
            while not ended.wait(_ASK_EVERY):
                for name in self.podman("ps", "--quiet").split():
                    subprocess.run(
                        self._podman("healthcheck", "run", name), capture_output=True, check=False, env=self._env()
                    )

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            ended.set()
            asking.join()

    def install_debian(self) -> None:
        """The images that are pulled elsewhere."""
        root = self.folder / "debian"
        # dpkg need not wait for the disk after each file of what is thrown away.
        environment = {**os.environ, "DPKG_FORCE": "unsafe-io"}
        words = ("--variant=minbase", f"--include={','.join(INSTALLED)}", "bookworm", root)
        run("debootstrap", *words, environment=environment)
        shutil.rmtree(root / "var" / "cache" / "apt")
        run("tar", f"--directory={root}", "--create", f"--file={root}.tar", ".")
        self.podman("import", "--quiet", f"{root}.tar", BASE)
        shutil.rmtree(root)
        Path(f"{root}.tar").unlink()
        services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
        for name in ("prometheus", "alertmanager"):
            self.build(services[name]["image"], _STAND_IN.format(base=BASE, name=name), self.folder)

    def build(self, tag: str, containerfile: str, context: Path, *options: str) -> None:
        """An image of that text."""
        file = self.folder / "Containerfile"
        file.write_text(containerfile, encoding="utf-8")
        self._build(tag, context, f"--file={file}", *options)

    def build_ours(self) -> None:
        """The image that ships, by the Dockerfile; pip is told what it is told here, for as long as it builds."""
        settings = _pip_settings()
        mounts = []
        if authority := settings.get("cert"):
            mounts = [f"--volume={authority}:{_BUILD_AUTHORITY}:ro"]
            settings["cert"] = _BUILD_AUTHORITY
        pip = self.folder / "pip.conf"
        pip.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
        self._build(f"docker.io/library/{IMAGE}", ROOT, f"--secret=id=pip.conf,src={pip}", *mounts)

    def _build(self, tag: str, context: Path, *options: str) -> None:
        # Docker's format, because that alone keeps HEALTHCHECK.
        self.podman(
            *("build", "--quiet", "--format=docker", "--pull=never", "--isolation=chroot", f"--tag={tag}"),
            *options,
            context,
        )

    def _podman(self, *arguments: str | Path) -> Sequence[str | Path]:
        own = (f"--root={self.folder}/root", f"--runroot={self.folder}/run", f"--tmpdir={self.folder}/tmp")
        return [command("podman"), "--log-level=fatal", *own, *arguments]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_CONF": str(self._configuration)}


def _pip_settings() -> dict[str, str]:
    """How pip reaches an index from here."""
    said = sorted(run("pip", "config", "list").splitlines(), key=lambda line: line.startswith(":env:"))  # which wins
    found = [re.fullmatch(r"\S+?\.(index-url|extra-index-url|trusted-host|proxy|cert)='(.*)'", line) for line in said]
    return {each[1]: each[2] for each in found if each}
