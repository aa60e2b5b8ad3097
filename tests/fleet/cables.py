"""A centre in a network namespace of its own, and a cable of its own from each site, which can be cut.

    with Cables(4) as cables:
        cables.command("prometheus", ...)  # runs in the centre
        cables.centre(1)                   # the centre's address as site 1 has it
        cables.cut(1)                      # nothing arrives, in neither direction, and nobody is told

Sites are in this machine's own namespace, where the box and the exporters are. That needs root, and `ip` of iproute2.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.probing import needs


class Cables:
    """`count` of them, numbered from 0; the test is skipped where there can be no namespaces."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._name = f"outage-fleet-{os.getpid()}"
        self._ip = needs("ip")

    def __enter__(self) -> Self:
        try:
            self._run("netns", "add", self._name)
            self._inside("link", "set", "lo", "up")
            for number in range(self._count):
                self._lay(number)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The kernel takes the namespace's ends of the cables away with it, and with them ours; but later, when the
        # last socket has gone, and by then their addresses may be wanted again.
        for number in range(self._count):
            subprocess.run([self._ip, "link", "del", self._near(number)], capture_output=True, check=False)
        subprocess.run([self._ip, "netns", "del", self._name], capture_output=True, check=False)

    @staticmethod
    def centre(number: int) -> str:
        """The centre's address at the end of that cable."""
        return f"10.79.{number}.2"

    def command(self, *words: str) -> Sequence[str]:
        """What runs `words` in the centre."""
        return (self._ip, "netns", "exec", self._name, *words)

    def cut(self, number: int) -> None:
        """What is sent from now on is lost."""
        self._inside("link", "set", f"site{number}", "down")

    def mend(self, number: int) -> None:
        self._inside("link", "set", f"site{number}", "up")

    def _near(self, number: int) -> str:
        return f"of{os.getpid()}.{number}"[:15]

    def _lay(self, number: int) -> None:
        near, far = self._near(number), f"site{number}"
        self._run("link", "add", near, "type", "veth", "peer", "name", far, "netns", self._name)
        self._run("addr", "add", f"10.79.{number}.1/30", "dev", near)
        self._inside("addr", "add", f"{self.centre(number)}/30", "dev", far)
        self._run("link", "set", near, "up")
        self._inside("link", "set", far, "up")

    def _inside(self, *words: str) -> None:
        self._run("-n", self._name, *words)

    def _run(self, *words: str) -> None:
        done = subprocess.run([self._ip, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
