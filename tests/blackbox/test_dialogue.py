"""Dialogues in a module file: what stands beside a probe's labels on /metrics does not stand there on /probe."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import kinds
from exporter.config import load_modules
from exporter.dialogue import Label, Step
from exporter.errors import ConfigError

KINDS = ("tcp", "unix", "websocket")


def written(folder: Path, kind: str, step: str) -> Path:
    file = folder / "blackbox.yml"
    file.write_text(f"modules:\n  m:\n    prober: {kind}\n    {kind}:\n      query_response:\n        - {step}\n")
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_may_call_its_labels_as_it_likes(kind: str, tmp_path: Path) -> None:
    step = '{expect: "^(.*)$", labels: [{name: region, value: "${1}"}, {name: service}]}'
    module = load_modules(written(tmp_path, kind, step))["m"]
    assert module.options.query_response == (
        Step(expect="^(.*)$", labels=(Label(name="region", value="${1}"), Label(name="service"))),
    )
    assert kinds.module("probes", kind).families(module.options)[-1].labels == ("region", "service")


@pytest.mark.parametrize(
    ("kind", "step", "complaint"),
    [
        ("tcp", "{expect: a, expect_bytes: a}", "set expect or expect_bytes, not both"),
        ("unix", "{expect: a, expect_bytes: a}", "set expect or expect_bytes, not both"),
        ("tcp", "{expect: a, labels: [{name: a-b}]}", "'a-b' is not a label's name"),
        ("unix", "{expect: a, labels: [{name: __name}]}", "'__name' is taken"),
        ("websocket", "{starttls: true}", "a WebSocket has no starttls; write wss:// as the target"),
        ("websocket", "{expect_bytes: a}", "a WebSocket has messages, not bytes; write expect"),
        ("websocket", "{expekt: a}", "unknown key; did you mean expect?"),
    ],
)
def test_a_step_that_means_nothing_is_told_with_its_line(kind: str, step: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_modules(written(tmp_path, kind, step))
    (mistake,) = caught.value.mistakes
    assert complaint in mistake.message
    assert mistake.line > 3
