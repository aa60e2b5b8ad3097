"""What can be broken in the box: which endpoints, seen from which region, in which way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

CONTROLS = "controls"
"""The feature, and the service, that stands for all control hosts."""


class Mode(StrEnum):
    REFUSE = "refuse"
    """Nothing listens. For one region only, the connection is accepted and reset at once instead."""
    RESET = "reset"
    """Accepted, then RST before any byte."""
    SILENCE = "silence"
    """Accepted, then nothing, ever."""
    NXDOMAIN = "nxdomain"
    BAD_CERTIFICATE = "bad certificate"
    """A certificate of the right names that expired yesterday."""
    SLOW = "slow"
    """Answers `delay` seconds late: the response over HTTP, the handshake of other endpoints."""
    STATUS_500 = "status 500"
    STATUS_503 = "status 503"
    BLOCKED = "blocked"
    """403 with a captcha page."""
    WRONG_BODY = "wrong body"
    """200 with somebody else's page."""


HTTP_MODES = frozenset({Mode.STATUS_500, Mode.STATUS_503, Mode.BLOCKED, Mode.WRONG_BODY})
"""These need a request, so they touch http endpoints alone, and of a shared host only the paths selected."""


@dataclass(frozen=True, slots=True)
class Probed:
    """An endpoint of a configuration file, as a server sees it; `path` is None when it is never sent a request."""

    service: str
    feature: str
    name: str
    host: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    mode: Mode
    endpoints: frozenset[Probed]
    region: str | None
    delay: float

    def touches(self, host: str, region: str | None, path: str | None = None) -> bool:
        """True for that host seen from that region; a fault that needs a request also asks for its path."""
        return self.region in (None, region) and any(
            endpoint.host == host and (self.mode not in HTTP_MODES or (path is not None and endpoint.path == path))
            for endpoint in self.endpoints
        )


def read(file: Path) -> dict[str, Any]:
    """What a configuration file holds, not to be changed."""
    return _parsed(file.read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> dict[str, Any]:
    """A tenth of a second for the shipped one, of which every test with a box would pay its own."""
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def read_endpoints(file: Path) -> tuple[Probed, ...]:
    """Every endpoint of a configuration file, controls included."""
    content = read(file)
    found = [_probed(CONTROLS, CONTROLS, name, block) for name, block in content.get("controls", {}).items()]
    for service, inside in content.get("services", {}).items():
        for feature, block in inside["features"].items():
            found += [_probed(service, feature, name, endpoint) for name, endpoint in block["endpoints"].items()]
    return tuple(found)


def read_asked(file: Path) -> set[str]:
    """The hosts that a configuration lets a visitor's browser ask."""
    content = read(file)
    urls = [*content.get("browser_controls", ())]
    for service in content.get("services", {}).values():
        urls += service.get("browser_checks", ())
    return {urlsplit(url).hostname or "" for url in urls}


def _probed(service: str, feature: str, name: str, block: dict[str, str]) -> Probed:
    if "url" in block:
        url = urlsplit(block["url"])
        return Probed(service, feature, name, url.hostname or "", url.path or "/")
    return Probed(service, feature, name, block["target"].rpartition(":")[0], None)


def select(
    endpoints: tuple[Probed, ...], host: str | None, feature: str | None, service: str | None
) -> frozenset[Probed]:
    """Those of that host, feature and service, where given; with none, all but the controls. ValueError if none is."""
    chosen = frozenset(
        endpoint
        for endpoint in endpoints
        if host in (None, endpoint.host)
        and feature in (None, endpoint.feature)
        and service in (None, endpoint.service)
        and (host or feature or service or endpoint.feature != CONTROLS)
    )
    if not chosen:
        raise ValueError(f"the box holds no endpoint with host {host!r}, feature {feature!r} and service {service!r}")
    return chosen
