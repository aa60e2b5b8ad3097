"""Which results tell how a service does: scheduled runs that say something of it, and nothing of our own line."""

from __future__ import annotations

import pytest

from exporter.model import CONTROLS, NOT_THE_SERVICE, Reason
from exporter.state import Store
from tests.configurations import NOW, Running, config, failed, ok

KEY = ("tiktok", "a", "here")


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
