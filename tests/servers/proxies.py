"""Real proxies as regions of the box: Debian's microsocks (SOCKS5) and tinyproxy (HTTP CONNECT).

    async with Microsocks(box, "eu-west", user="box", password="secret") as proxy:
        proxy.url  # socks5h://box:secret@127.30.0.2:1080

Each leaves from the source address of its region and asks the nameserver of its region: it runs in a mount namespace
of its own in which resolv.conf, hosts and nsswitch.conf are ours. That needs root, and `unshare` of util-linux.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

from tests.servers.box import Box, Vantage

READY_WITHIN = 10.0
"""Seconds for a proxy to listen."""


class MissingProgramError(RuntimeError):
    """A program that the proxies need is not installed."""


class _Subprocess:
    """What both proxies share: `stop` and `start` again stand for a vantage that is cut off and comes back."""

    program: ClassVar[str]
    package: ClassVar[str]
    scheme: ClassVar[str]
    port: ClassVar[int]

    def __init__(self, box: Box, region: str, *, user: str = "", password: str = "") -> None:
        self.region = region
        self._box = box
        self._user = user
        self._password = password
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """With the credentials, as a configuration wants it."""
        credentials = f"{quote(self._user)}:{quote(self._password)}@" if self._user else ""
        return f"{self.scheme}://{credentials}{self._vantage.source}:{self.port}"

    async def __aenter__(self) -> Self:
        for program, package in ((self.program, self.package), ("unshare", "util-linux")):
            if shutil.which(program) is None:
                raise MissingProgramError(f"{program} is not installed; apt-get install {package}")
        self._folder = tempfile.TemporaryDirectory(prefix="proxy-")
        try:
            self._vantage = await self._box.add_region(self.region)
            await self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self._folder.cleanup()

    async def start(self) -> None:
        """Run it until it accepts connections; RuntimeError with its own words when it does not."""
        folder = Path(self._folder.name)
        log = folder / "log"
        with log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *_in_namespace(folder, self._vantage, self.command(folder, self._vantage)), stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(READY_WITHIN):
                await self._accepts()
        except BaseException as error:
            await self.stop()
            raise RuntimeError(f"{self.program} does not listen: {log.read_text(errors='replace').strip()}") from error

    async def stop(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def _accepts(self) -> None:
        """Return at the first connection; a process tells nobody that it listens, so it is asked every 10 ms."""
        assert self._process is not None
        while self._process.returncode is None:
            with suppress(ConnectionError):
                _, writer = await asyncio.open_connection(self._vantage.source, self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.01)
        raise ChildProcessError(f"exit status {self._process.returncode}")

    def command(self, folder: Path, vantage: Vantage) -> list[str]:
        raise NotImplementedError


class Microsocks(_Subprocess):
    """SOCKS5; names are resolved by the proxy (`socks5h`)."""

    program = "microsocks"
    package = "microsocks"
    scheme = "socks5h"
    port = 1080

    def command(self, folder: Path, vantage: Vantage) -> list[str]:
        credentials = ["-u", self._user, "-P", self._password] if self._user else []
        return ["microsocks", "-i", vantage.source, "-p", str(self.port), "-b", vantage.source, *credentials]


class Tinyproxy(_Subprocess):
    """HTTP CONNECT, to any port."""

    program = "tinyproxy"
    package = "tinyproxy"
    scheme = "http"
    port = 8888

    def command(self, folder: Path, vantage: Vantage) -> list[str]:
        lines = [f"Port {self.port}", f"Listen {vantage.source}", f"Bind {vantage.source}", "LogLevel Error"]
        if self._user:
            lines.append(f"BasicAuth {self._user} {self._password}")
        file = folder / "tinyproxy.conf"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return ["tinyproxy", "-d", "-c", str(file)]


def _in_namespace(folder: Path, vantage: Vantage, command: list[str]) -> list[str]:
    """The command under files of ours, by `exec` all the way down: its process id stays the one we started."""
    files = {
        "/etc/resolv.conf": f"nameserver {vantage.nameserver}\noptions timeout:2 attempts:1\n",
        "/etc/hosts": "",
        "/etc/nsswitch.conf": "hosts: files dns\n",
    }
    steps = ["set -e"]
    for place, text in files.items():
        file = folder / Path(place).name
        file.write_text(text, encoding="utf-8")
        steps.append(f"mount --bind {shlex.quote(str(file))} {shlex.quote(os.path.realpath(place))}")
    script = "; ".join([*steps, f"exec {shlex.join(command)}"])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
