"""Which results tell how a service does, and that what stays up is judged no less truly than what is judged anew."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from exporter.model import CONTROLS, NOT_THE_SERVICE, Answer, Reason, Result, Signal
from exporter.state import Store
from exporter.verdict import Verdict, judge
from tests.configurations import NOW, Running, config, failed, ok
from tests.evidence import SPIKE

KEY = ("tiktok", "a", "here")
REPORTS = Signal(SPIKE.signal, SPIKE.kind, None, 60.0, ("tiktok",))


@pytest.fixture
def seeing() -> Store:
    running = Running(config("a"))
    running.take("gstatic", ok(), CONTROLS)
    return running.store


def test_a_scheduled_run_counts_and_its_confirmations_do_not(seeing: Store) -> None:
    assert seeing.counts(KEY, ok())
    assert seeing.counts(KEY, failed())
    assert not seeing.counts(KEY, failed(attempt=1))


@pytest.mark.parametrize("reason", sorted(NOT_THE_SERVICE))
def test_a_failure_that_is_not_of_the_service_does_not_count(seeing: Store, reason: Reason) -> None:
    assert not seeing.counts(KEY, failed(reason))


def test_a_control_is_no_service(seeing: Store) -> None:
    assert not seeing.counts((CONTROLS, "gstatic", "here"), ok())


def test_what_fails_where_no_control_answers_does_not_count_and_what_succeeds_there_does() -> None:
    blind = Running(config("a"))
    blind.take("gstatic", failed(started=NOW), CONTROLS)
    assert not blind.store.counts(KEY, failed())
    assert blind.store.counts(KEY, ok())
    assert not Store(lambda: NOW).counts(KEY, failed())


class Life:
    """A service, its control and its people through a while in which anything may happen, but mostly nothing does."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.now = NOW
        self.store = Store(lambda: self.now)
        self.store.apply(replace(config("a", "b"), signals=(REPORTS,)))
        self.store.judge()

    def goes_on(self) -> None:
        self.now += self.draw.choice((0.5, 0.5, 0.5, 20.0, 20.0, 200.0))
        for name, service in (("a", "tiktok"), ("b", "tiktok"), ("gstatic", CONTROLS)):
            if self.draw.random() < 0.5:
                self.store.record((service, name, "here"), self.result())
        if self.draw.random() < 0.05:
            people = replace(SPIKE, at=self.now, since=self.now)
            self.store.hear({}, self.draw.choice(((), (people,))))

    def result(self) -> Result:
        bad = self.draw.random() < 0.03
        return failed(self.draw.choice(list(Reason)), started=self.now) if bad else ok(started=self.now)

    def judged_anew(self, name: str, before: Verdict) -> Verdict:
        store = self.store
        tracks = {key: record.track for key, record in store.records.items()}
        service = store.config.service(name)
        return judge(service, tracks, store.sights, self.now, store.evidence[name], store.records, before.since)


@pytest.mark.parametrize("seed", range(8))
def test_a_verdict_that_is_kept_is_the_one_that_would_be_made_now(seed: int) -> None:
    life, kept, answers = Life(seed), 0, set()
    for _ in range(300):
        before = dict(life.store.verdicts)
        life.goes_on()
        life.store.judge()
        for name, verdict in life.store.verdicts.items():
            assert verdict == life.judged_anew(name, before[name])
            kept += verdict is before[name]
            answers.add(verdict.answer)
    assert kept > 10
    assert answers >= {Answer.UP, Answer.DEGRADED, Answer.UNKNOWN}
