"""The unit for Debian and its like: systemd takes it, and has little to say against it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.commands import ROOT, command, run

UNIT = ROOT / "deploy" / "systemd" / "outage-exporter.service"
MOST_EXPOSED = 11
"""Tenths; 0 is nothing at all, 100 is root without any bound. It cannot be less without losing the network."""

INSTALLED = "/usr/local/bin/outage-exporter"


@pytest.fixture(name="unit")
def _unit(tmp_path: Path) -> Path:
    """The unit with the exporter where it is here."""
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(INSTALLED) == 1
    (tmp_path / UNIT.name).write_text(text.replace(INSTALLED, command("outage-exporter")), encoding="utf-8")
    return tmp_path / UNIT.name


def test_systemd_finds_no_fault_with_the_unit(unit: Path) -> None:
    assert run("systemd-analyze", "verify", "--recursive-errors=no", unit) == ""


def test_systemd_calls_the_exporter_hardly_exposed(unit: Path) -> None:
    run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)


def test_every_option_of_the_command_is_one_of_the_exporter(unit: Path) -> None:
    options = re.findall(r"(--[a-z.-]+)=", re.sub(r"\\\n", " ", unit.read_text(encoding="utf-8")))
    known = run("outage-exporter", "run", "--help")
    assert options
    assert [option for option in options if option not in known] == []
