"""Incidents outlive a restart, open on bad news, and end on good news only."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.history import History, Incident, formats
from exporter.history.incident import LONGEST, SAID_AT_MOST
from exporter.history.incidents import REOPENS_WITHIN, SEEN_EVERY
from exporter.model import Answer, Cause, Confidence, State
from exporter.verdict import Verdict

BEFORE_THERE_WERE_FORMATS = """
CREATE TABLE IF NOT EXISTS incidents (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    worst TEXT NOT NULL,
    sentences TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open ON incidents (service) WHERE ended IS NULL;
INSERT INTO incidents VALUES (1, 'tiktok', 5.0, 65.0, 'down', 'a' || char(10) || 'b');
INSERT INTO incidents VALUES (2, 'tiktok', 900.0, NULL, 'partial', 'c');
"""


def verdict(answer: Answer, sentence: str = "because", *more: str) -> Verdict:
    return Verdict("tiktok", "TikTok", answer, {}, {}, (sentence, *more))


def hit(answer: Answer, features: str, regions: str, sentence: str = "because") -> Verdict:
    """One whose features, and each of them in these regions, are down; elsewhere they are up."""
    states = {(f, r): State.DOWN if r in regions.split() else State.UP for f in features.split() for r in ("gb", "jp")}
    return replace(verdict(answer, sentence), features=dict.fromkeys(features.split(), Answer.PARTIAL), states=states)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    kept = History(tmp_path)
    yield kept
    kept.close()


def only(history: History) -> Incident:
    (incident,) = history.incidents.incidents("tiktok")
    return incident


def test_an_incident_lasts_from_the_first_bad_verdict_to_up_and_remembers_its_worst(history: History) -> None:
    for at, answer in enumerate((Answer.UP, Answer.PARTIAL, Answer.DOWN, Answer.DEGRADED, Answer.UP), start=100):
        history.incidents.note(verdict(answer, f"{answer} at {at}"), at)
    incident = only(history)
    assert (incident.started, incident.ended, incident.worst) == (101.0, 104.0, Answer.DOWN)
    assert incident.sentences == ("down at 102",)


def test_it_begins_with_the_first_evidence_and_not_with_its_proof(history: History) -> None:
    history.incidents.note(replace(verdict(Answer.DOWN), since=82.0), 100.0)
    assert only(history).started == 82.0


def test_evidence_from_the_future_is_of_now(history: History) -> None:
    history.incidents.note(replace(verdict(Answer.DOWN), since=900.0), 100.0)
    assert only(history).started == 100.0


def test_its_peak_is_what_was_hit_at_once_and_its_names_are_all_that_ever_were(history: History) -> None:
    note = history.incidents.note
    note(hit(Answer.PARTIAL, "feed", "gb", "one feature in one region"), 100.0)
    note(hit(Answer.PARTIAL, "upload live", "gb jp", "two features everywhere"), 101.0)
    note(hit(Answer.PARTIAL, "feed", "jp", "one feature again"), 102.0)
    incident = only(history)
    assert (incident.peak_regions, incident.peak_features) == (2, 2)
    assert (set(incident.regions), set(incident.features)) == ({"gb", "jp"}, {"feed", "upload", "live"})
    assert incident.sentences == ("two features everywhere",)


def test_a_cause_is_dated_by_when_it_was_first_named(history: History) -> None:
    for at, cause in enumerate((Cause.UNKNOWN, Cause.TECHNICAL, Cause.UPSTREAM, Cause.TECHNICAL), start=100):
        history.incidents.note(replace(verdict(Answer.DOWN), cause=cause, because=f"says {at}"), at)
    causes = [(one.cause, one.at, one.because) for one in only(history).causes]
    assert causes == [(Cause.TECHNICAL, 101.0, "says 101"), (Cause.UPSTREAM, 102.0, "says 102")]


def test_the_first_sentence_of_each_kind_is_kept_and_what_only_counts_on_is_not(history: History) -> None:
    history.incidents.note(verdict(Answer.DEGRADED, "upload is down in 1 of 3 regions (gb): refused."), 100.0)
    history.incidents.note(verdict(Answer.DEGRADED, "upload is down in 2 of 3 regions (gb, jp): refused."), 101.0)
    history.incidents.note(verdict(Answer.DEGRADED, "Users report failures: 84 in 15 minutes."), 102.0)
    said = [(said.at, said.sentence) for said in only(history).evidence]
    assert said == [
        (100.0, "upload is down in 1 of 3 regions (gb): refused."),
        (102.0, "Users report failures: 84 in 15 minutes."),
    ]


def test_what_strangers_say_cannot_make_an_incident_grow_without_end(history: History) -> None:
    letters = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(400)]
    history.incidents.note(verdict(Answer.DEGRADED, *(f"{word} {'x' * 5000}" for word in letters)), 100.0)
    incident = only(history)
    for kept in (incident.sentences, [said.sentence for said in incident.evidence]):
        assert len(kept) == SAID_AT_MOST
        assert {len(sentence) for sentence in kept} == {LONGEST}


def test_its_confidence_is_the_highest_that_there_was(history: History) -> None:
    for confidence in (Confidence.LOW, Confidence.HIGH, Confidence.MEDIUM):
        history.incidents.note(replace(verdict(Answer.DOWN), confidence=confidence), 100.0)
    assert only(history).confidence is Confidence.HIGH


def test_what_comes_back_soon_is_the_same_incident_continued(history: History) -> None:
    for at, answer in ((100.0, Answer.DOWN), (200.0, Answer.UP), (200.0 + REOPENS_WITHIN, Answer.PARTIAL)):
        history.incidents.note(verdict(answer), at)
    incident = only(history)
    assert (incident.started, incident.ended, incident.worst, incident.reopened) == (100.0, None, Answer.DOWN, 1)


def test_what_comes_back_later_is_another_one(history: History) -> None:
    for at, answer in ((100.0, Answer.DOWN), (200.0, Answer.UP), (201.0 + REOPENS_WITHIN, Answer.PARTIAL)):
        history.incidents.note(verdict(answer), at)
    second, first = history.incidents.incidents("tiktok")
    assert (first.ended, second.ended, second.worst) == (200.0, None, Answer.PARTIAL)
    assert first.id != second.id


def test_not_being_able_to_tell_neither_opens_nor_ends_an_incident(history: History) -> None:
    history.incidents.note(verdict(Answer.UNKNOWN), 1.0)
    assert history.incidents.incidents("tiktok") == []
    history.incidents.note(verdict(Answer.DOWN), 2.0)
    history.incidents.note(verdict(Answer.UNKNOWN), 3.0)
    open_one = history.incidents.open_incident("tiktok")
    assert open_one is not None
    assert open_one.ended is None


def test_nothing_is_written_while_nothing_changes_but_that_it_lasts(tmp_path: Path, history: History) -> None:
    history.incidents.note(verdict(Answer.DOWN), 100.0)
    with sqlite3.connect(tmp_path / "history.sqlite") as reader:
        (before,) = reader.execute("PRAGMA data_version").fetchone()
        for tick in range(1, int(SEEN_EVERY) - 1):
            history.incidents.note(verdict(Answer.DOWN), 100.0 + tick / 2)
        assert reader.execute("PRAGMA data_version").fetchone() == (before,)
        history.incidents.note(verdict(Answer.DOWN), 100.0 + SEEN_EVERY)
        assert reader.execute("PRAGMA data_version").fetchone() != (before,)
    reader.close()
    assert only(history).last_bad == 100.0 + SEEN_EVERY


def test_a_change_is_dated_and_that_it_lasts_is_none(history: History) -> None:
    for now, said in ((100.0, verdict(Answer.PARTIAL)), (250.0, verdict(Answer.DOWN)), (400.0, verdict(Answer.DOWN))):
        history.incidents.note(said, now)
    assert (only(history).changed, only(history).last_bad) == (250.0, 400.0)
    history.incidents.note(verdict(Answer.UP), 500.0)
    assert only(history).changed == 500.0
    history.incidents.note(verdict(Answer.DOWN), 600.0)
    assert only(history).changed == 600.0


def test_a_restart_continues_what_was_open_and_keeps_when_it_was_last_seen(tmp_path: Path) -> None:
    first = History(tmp_path)
    first.incidents.note(verdict(Answer.DOWN), 100.0)
    first.close()
    second = History(tmp_path)
    second.incidents.note(verdict(Answer.UP), 9000.0)
    incident = only(second)
    assert (incident.started, incident.last_bad, incident.ended) == (100.0, 100.0, 9000.0)
    second.close()


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


def test_a_database_of_an_earlier_version_keeps_its_incidents_and_goes_on(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    old.executescript(BEFORE_THERE_WERE_FORMATS)
    old.close()
    for _ in range(2):
        history = History(tmp_path)
        second, first = history.incidents.incidents("tiktok")
        assert (first.id, first.started, first.ended, first.last_bad, first.changed) == (1, 5.0, 65.0, 65.0, 65.0)
        assert (first.worst, first.sentences, first.confidence) == (Answer.DOWN, ("a", "b"), None)
        assert (second.id, second.ended, second.last_bad) == (2, None, 900.0)
        history.close()
    history = History(tmp_path)
    history.incidents.note(replace(verdict(Answer.DOWN), confidence=Confidence.MEDIUM), 1000.0)
    history.incidents.note(verdict(Answer.UP), 1001.0)
    (newest, _) = history.incidents.incidents("tiktok")
    assert (newest.id, newest.started, newest.ended, newest.worst) == (2, 900.0, 1001.0, Answer.DOWN)
    history.close()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    History(tmp_path).close()
    newer = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    newer.execute(f"PRAGMA user_version = {len(formats.STEPS) + 1}")
    with pytest.raises(
        OSError, match=r"history\.sqlite: a newer version of this program wrote it \(format 3, .*folder"
    ):
        History(tmp_path)
    assert newer.execute("PRAGMA user_version").fetchone() == (len(formats.STEPS) + 1,)
    newer.close()


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    old.executescript(BEFORE_THERE_WERE_FORMATS)
    with monkeypatch.context() as patch:
        patch.setattr(formats, "STEPS", (*formats.STEPS, ("CREATE TABLE two (x)", "no statement")))
        with pytest.raises(OSError, match=r"history\.sqlite: near"):
            History(tmp_path)
    assert old.execute("PRAGMA user_version").fetchone() == (0,)
    assert old.execute("SELECT count(*) FROM pragma_table_info('incidents')").fetchone() == (6,)
    old.close()
    History(tmp_path).close()


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"this is no database, it is a text that is long enough" * 100)
    with pytest.raises(OSError, match=r"history\.sqlite"):
        History(tmp_path)


def test_a_disk_that_takes_no_more_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.close()
    with pytest.raises(OSError, match=r"history\.sqlite"):
        history.incidents.note(verdict(Answer.DOWN), 1.0)


def test_an_outline_is_what_the_incident_is_now(history: History) -> None:
    def same() -> bool:
        whole = history.incidents.incidents("tiktok")
        fields = ("id", "service", "started", "ended", "last_bad", "worst", "features", "lasted")
        told = [[getattr(one, name) for name in fields] for one in history.incidents.outlines("tiktok")]
        return told == [[getattr(one, name) for name in fields] for one in whole] != []

    history.incidents.note(hit(Answer.DEGRADED, "feed", "us"), 100.0)
    assert same()
    history.incidents.note(hit(Answer.DOWN, "feed video", "us"), 130.0)
    assert same()
    history.incidents.note(verdict(Answer.UP), 160.0)
    assert same()
    assert history.incidents.outlines("tiktok")[0].lasted == 60.0
    history.incidents.note(verdict(Answer.DOWN), 161.0 + REOPENS_WITHIN)
    assert same()
    assert history.incidents.outlines("tiktok")[0].lasted is None
