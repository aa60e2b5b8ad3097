"""Incidents outlive a restart, open on bad news, and end on good news only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.history import History
from exporter.model import Answer
from exporter.verdict import Verdict


def verdict(answer: Answer, sentence: str = "because") -> Verdict:
    return Verdict("tiktok", "TikTok", answer, {}, {}, (sentence,))


def test_an_incident_lasts_from_the_first_bad_verdict_to_up_and_remembers_its_worst(tmp_path: Path) -> None:
    history = History(tmp_path)
    for at, answer in enumerate((Answer.UP, Answer.PARTIAL, Answer.DOWN, Answer.DEGRADED, Answer.UP), start=100):
        history.incidents.note(verdict(answer, f"{answer} at {at}"), at)
    (incident,) = history.incidents.incidents("tiktok")
    assert (incident.started, incident.ended, incident.worst) == (101.0, 104.0, Answer.DOWN)
    assert incident.sentences == ("down at 102",)
    history.close()


def test_not_being_able_to_tell_neither_opens_nor_ends_an_incident(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.incidents.note(verdict(Answer.UNKNOWN), 1.0)
    assert history.incidents.incidents("tiktok") == []
    history.incidents.note(verdict(Answer.DOWN), 2.0)
    history.incidents.note(verdict(Answer.UNKNOWN), 3.0)
    open_one = history.incidents.open_incident("tiktok")
    assert open_one is not None
    assert open_one.ended is None
    history.close()


def test_an_open_incident_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from exporter.history import History\nfrom exporter.model import Answer\n"
        "from exporter.verdict import Verdict\n"
        "history = History(pathlib.Path(sys.argv[1]))\n"
        "history.incidents.note(Verdict('tiktok', 'TikTok', Answer.DOWN, {}, {}, ('x',)), 5.0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    history = History(tmp_path)
    assert [incident.started for incident in history.incidents.incidents("tiktok")] == [5.0]
    history.close()


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"this is no database, it is a text that is long enough" * 100)
    with pytest.raises(OSError, match=r"history\.sqlite"):
        History(tmp_path)


def test_a_disk_that_takes_no_more_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.close()
    with pytest.raises(OSError, match=r"history\.sqlite"):
        history.incidents.note(verdict(Answer.DOWN), 1.0)
