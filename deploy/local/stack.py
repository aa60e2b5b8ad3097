"""The whole stack in one command: exporter, Prometheus, Alertmanager, and Grafana where it is installed.

    make run                            # or: python -m deploy.local.stack
    make run DATA=/srv/outage ARGS="--port prometheus=9091"

All listen on 127.0.0.1; Ctrl-C stops all. What they keep is in one folder: `prometheus/`, `alertmanager/`,
`grafana/`, the exporter's incidents, and `secrets/`, where Alertmanager finds whom to tell.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import http
import http.client
import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from deploy.local.derived import Mute, write_alertmanager, write_prometheus
from deploy.local.programs import HOST, PROGRAMS, ROOT, Local, Program
from deploy.local.supervision import Started, supervise

_ASK_EVERY = 0.1
_ASK_TIMEOUT = 2.0


def run(local: Local) -> int:
    """Run until stopped; 1 when a program ended by itself. OSError or ValueError says why it cannot start."""
    began = time.monotonic()
    found = {program: path for program in PROGRAMS if (path := program.find())}
    _require_free(local, found)
    with _claim(local.data):
        mutes = _prepare(local, found)
        _greet(local, found, mutes)
        ended = threading.Event()
        waiting = threading.Thread(target=_say_when_ready, args=(local, tuple(found), began, ended), daemon=True)
        # Started only once all programs are: to fork a process of two threads is to ask for a deadlock.
        death = supervise([_start(program, path, local) for program, path in found.items()], waiting.start)
        ended.set()
    if death is None:
        print("All stopped.", flush=True)
        return 0
    title = next(program.title for program in PROGRAMS if program.name == death.name)
    print(f"stack: {title} {death}, so all was stopped. What it said is above.", file=sys.stderr)
    return 1


def _require_free(local: Local, programs: Mapping[Program, str]) -> None:
    taken = [program for program in programs if not _is_free(local.ports[program.name])]
    if taken:
        ports = " and ".join(f"port {local.ports[program.name]} ({program.title})" for program in taken)
        others = " ".join(f"--port {program.name}=PORT" for program in taken)
        verb = "is" if len(taken) == 1 else "are"
        raise OSError(f'{ports} {verb} taken; choose another with {others} (with make: ARGS="{others}")')


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise OSError(f"port {port}: {error.strerror}") from error
        return False
    return True


def _claim(data: Path) -> TextIO:
    """Make the folder and hold it until the file is closed: two Prometheus in one folder ruin it."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OSError(f"{data} is in use by another stack; choose another with --data (with make: DATA=...)") from None
    return lock


def _prepare(local: Local, programs: Mapping[Program, str]) -> list[Mute]:
    """Write what they read; who would tell nobody."""
    (local.data / "secrets").mkdir(mode=0o700, exist_ok=True)
    names = {program.name for program in programs}
    if "prometheus" in names:
        write_prometheus(local, names)
    return write_alertmanager(local) if "alertmanager" in names else []


def _start(program: Program, path: str, local: Local) -> Started:
    return Started(program.name, program.command(path, local), program.environment(path, local))


def _greet(local: Local, programs: Mapping[Program, str], mutes: Sequence[Mute]) -> None:
    for program in PROGRAMS:
        where = f"{local.url(program.name)}/" if program in programs else f"not installed: {program.absent}"
        print(f"  {program.title:<12}  {where}")
    for mute in mutes:
        print(f"no {mute.receiver}: put its secret into {mute.secret} and start again")
    if mutes:
        print(f"Until then such alerts are seen at {local.url('alertmanager')}/ alone.")
    print(f"Data: {local.data}. Ctrl-C stops all.", flush=True)


def _say_when_ready(local: Local, programs: Sequence[Program], began: float, ended: threading.Event) -> None:
    waiting = list(programs)
    while waiting and not ended.wait(_ASK_EVERY):
        waiting = [program for program in waiting if not _answers(local.ports[program.name], program.ready)]
    if not ended.is_set():
        with suppress(OSError):  # nobody reads any more: supervision ends it all
            print(f"Everything answers, {time.monotonic() - began:.1f} s after the start.", flush=True)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ASK_TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def parse_port(text: str) -> tuple[str, int]:
    """NAME=PORT of the command line."""
    name, _, number = text.partition("=")
    names = [program.name for program in PROGRAMS]
    if name not in names or not number.isdecimal() or not 0 < int(number) < 65536:
        allowed = ", ".join(names)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT with a name of {allowed} and a port up to 65535")
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stack", description="Exporter, Prometheus, Alertmanager and Grafana.")
    parser.add_argument("--data", metavar="DIR", type=Path, default=Path("data"), help="default: %(default)s")
    parser.add_argument(
        "--port", metavar="NAME=PORT", type=parse_port, action="append", default=[], help="another port for a program"
    )
    parser.add_argument(
        "--config.file",
        dest="files",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="for the exporter; repeat to merge (default: the TikTok configuration that ships)",
    )
    parser.add_argument(
        "--alertmanager.file",
        dest="alertmanager_file",
        metavar="PATH",
        type=Path,
        default=ROOT / "alerts" / "alertmanager.yml",
        help="the configuration to derive from (default: alerts/alertmanager.yml)",
    )
    parser.add_argument("--log.level", dest="log_level", default="info", help="the exporter's (default: %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack as the command line says; its exit status."""
    options = _parser().parse_args(arguments)
    ports = {program.name: program.port for program in PROGRAMS} | dict(options.port)
    local = Local(options.data, ports, tuple(options.files), options.alertmanager_file, options.log_level)
    # honcho counts on what a fork inherits; Python 3.14 would not fork.
    multiprocessing.set_start_method("fork")
    try:
        return run(local)
    except KeyboardInterrupt:
        return 0  # before anything was started; later supervision hears it
    except (OSError, ValueError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
