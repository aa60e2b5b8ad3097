"""Strangers in the box: what a probe of Globalping finds at a host of the box, by what is broken in its region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.servers.faults import Fault, Mode, read
from tests.servers.globalping import Found, answered, failed
from tests.servers.shapes import Shape

_FAILED = {
    Mode.REFUSE: ("target", "connect ECONNREFUSED"),
    Mode.RESET: ("target", "read ECONNRESET"),
    Mode.SILENCE: ("target", "Request timeout"),
    Mode.NXDOMAIN: ("resolver", "getaddrinfo ENOTFOUND"),
}


def read_countries(*files: Path) -> dict[str, str]:
    """The regions of configurations that are strangers', by their countries."""
    regions: list[tuple[str, Any]] = [found for file in files for found in (read(file).get("regions") or {}).items()]
    return {block["country"]: name for name, block in regions if block["kind"] == "globalping"}


def find(shape: Shape, secure: bool, fault: Fault | None) -> Found:
    """The result of one test of a page with this shape."""
    mode = fault.mode if fault else None
    if mode in _FAILED:
        return failed(*_FAILED[mode])
    headers = {"content-type": shape.kind, **({"location": shape.location} if shape.location else {})}
    late = round(fault.delay * 1000) if fault and mode is Mode.SLOW else 0
    return answered(
        shape.status,
        shape.body.decode(),
        headers,
        first_byte=50 + late,
        trusted=mode is not Mode.BAD_CERTIFICATE,
        secure=secure,
    )
