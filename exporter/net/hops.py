"""The hops of one probe, for a person: where each went, what it answered, how long each of its phases took."""

from __future__ import annotations

from typing import Any

from exporter.net.attempt import Attempt


class Hops:
    """Writes `net.facts["hops"]`: url, status (0 for none), address, phases in seconds."""

    def __init__(self, net: Attempt) -> None:
        self._net = net
        self._all: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._before: dict[str, float] = {}
        net.facts["hops"] = self._all

    def enter(self, url: str) -> None:
        """A new hop begins, and the one before has ended."""
        self.leave()
        self._open = {"url": url, "status": 0, "address": "", "phases": {}}
        self._all.append(self._open)

    def answered(self, status: int) -> None:
        """The hop has its status."""
        if self._open is not None:
            self._open["status"] = status

    def leave(self) -> None:
        """The hop has ended, and its last phase with it."""
        if self._open is None:
            return
        phases, before = self._net.phases, self._before
        route = self._net.route
        self._open["address"] = route.address if route else str(self._net.facts.get("address", ""))
        self._open["phases"] = {name: phases[name] - before.get(name, 0.0) for name in phases}
        self._before = dict(phases)
        self._open = None
