"""The programs under measurement and the web server they probe, each an own process that ends with its context."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.servers.certificates import Authority

BLACKBOX = "prometheus-blackbox-exporter"
BODY = "x" * 1024
TIMEOUT = "950ms"
"""Below the shortest interval that a benchmark uses."""

_NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 9000; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fast;
  scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi; default_type text/plain;
  server {{ listen 127.0.0.1:{http} backlog=4096; location / {{ return 200 "{body}"; }} }}
  server {{
    listen 127.0.0.1:{https} ssl backlog=4096; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; location / {{ return 200 "{body}"; }}
  }}
  server {{
    listen 127.0.0.1:{status}; keepalive_requests 1000000; keepalive_timeout 1h; location / {{ stub_status; }}
  }}
}}
"""


class Nginx:
    """Answers 200 with a kilobyte, plain and over TLS 1.3, and counts the connections that it accepted."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder / "ca")
        leaf = authority.leaf("127.0.0.1")
        self.ca_file = authority.file
        ports = [free_port() for _ in range(3)]
        self.urls = {"http": f"http://127.0.0.1:{ports[0]}/", "https": f"https://127.0.0.1:{ports[1]}/"}
        places = dict(zip(("http", "https", "status"), ports, strict=True))
        file = folder / "nginx.conf"
        file.write_text(
            _NGINX.format(folder=folder, body=BODY, certificate=leaf.certificate, key=leaf.key, **places),
            encoding="utf-8",
        )
        self.process = start("nginx", "-c", str(file), "-e", str(folder / "nginx.log"))
        await_port(ports[2], self.process)
        self._status = http.client.HTTPConnection("127.0.0.1", ports[2])

    def accepted(self) -> int:
        """Connections accepted so far; asking opens none but the first time."""
        self._status.request("GET", "/")
        found = re.search(rb"requests\s+(\d+)", self._status.getresponse().read())
        assert found
        return int(found[1])


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    server = Nginx(folder)
    with ended(server.process):
        yield server


@contextlib.contextmanager
def exporter(
    folder: Path, *files: Path, arguments: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Ours with these configuration files: its main process and the address of its metrics page."""
    port = free_port()
    process = start(
        str(Path(sys.executable).with_name("outage-exporter")), "run", *(f"--config.file={file}" for file in files),
        f"--web.listen-address=127.0.0.1:{port}", f"--data.dir={folder / 'data'}", "--log.level=error", *arguments,
    )  # fmt: skip
    with ended(process):
        await_port(port, process)
        yield process, f"http://127.0.0.1:{port}/metrics"


@contextlib.contextmanager
def blackbox(
    folder: Path, ca_file: Path | None = None, timeout: str = TIMEOUT
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Theirs, with the module of `write_modules`: its process and its port."""
    file = write_modules(folder, ca_file, timeout)
    port = free_port()
    process = start(BLACKBOX, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    with ended(process):
        await_port(port, process)
        yield process, port


def write_modules(folder: Path, ca_file: Path | None = None, timeout: str = TIMEOUT) -> Path:
    """A module file with one module `http`, which verifies chains against `ca_file`."""
    http_options: dict[str, Any] = {"preferred_ip_protocol": "ip4"}
    if ca_file:
        http_options["tls_config"] = {"ca_file": str(ca_file)}
    file = folder / "blackbox.yml"
    file.write_text(json.dumps({"modules": {"http": {"prober": "http", "timeout": timeout, "http": http_options}}}))
    return file


def write_config(
    folder: Path, url: str, pairs: int, interval: float, ca_file: Path | None = None, timeout: str = TIMEOUT
) -> Path:
    """A configuration of `pairs` probes of `url`: up to a hundred local regions times as many endpoints as it takes."""
    regions = min(100, pairs)
    http_options = {"preferred_ip_protocol": "ip4"}
    endpoints = {f"e{number}": {"url": f"{url}{number}", "http": http_options} for number in range(pairs // regions)}
    config: dict[str, Any] = {
        "defaults": {"interval": f"{interval:g}s", "timeout": timeout},
        "regions": {f"r{number}": {"kind": "local"} for number in range(regions)},
        "controls": {"control": {"url": url, "http": http_options, "interval": "60s"}},
        "services": {"bench": {"title": "Bench", "features": {"load": {"core": True, "endpoints": endpoints}}}},
    }
    if ca_file:
        config["network"] = {"ca_file": str(ca_file)}
    file = folder / f"outage-{pairs}-{interval:g}.yaml"
    file.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return file


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The process and all that it started."""
    top = psutil.Process(process.pid)
    return [top, *top.children(recursive=True)]


def resident(process: subprocess.Popen[bytes]) -> int:
    """Bytes of memory that the whole process tree has."""
    return sum(int(one.memory_info().rss) for one in tree(process))


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """User and system time that the whole process tree has used."""
    return sum(times.user + times.system for times in (one.cpu_times() for one in tree(process)))


def start(*command: str, stdin: int = subprocess.DEVNULL, stdout: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=stdin, stdout=stdout)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Return when something listens there; RuntimeError when the process has ended or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process when the block does."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
