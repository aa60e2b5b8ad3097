"""The log is read by people in terminals and by machines line by line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from exporter import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.mark.parametrize("style", logs.FORMATS)
def test_what_a_stranger_sent_is_one_line_without_a_terminals_commands(
    capsys: pytest.CaptureFixture[str], style: str
) -> None:
    logs.configure("info", style)
    logging.getLogger("x").error(
        "page failed", extra={"path": "/\x1b[2J\r\nlevel=info\x85\u2028msg=fine", "short": "é"}
    )
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.strip("\n").isprintable()
    if style == "logfmt":
        assert r'path="/\u001b[2J\r\nlevel=info\u0085\u2028msg=fine" short=é' in said
    else:
        assert json.loads(said)["path"].startswith("/\x1b[2J")


def test_several_mistakes_are_told_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logging.getLogger("x").error("not applied", extra={"mistakes": ["a.yml:3: no", "a.yml:7: nor this"]})
    assert capsys.readouterr().err.endswith('mistakes="a.yml:3: no; a.yml:7: nor this"\n')
