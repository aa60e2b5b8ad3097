"""What somebody who counts is asked: planned to stay below, and held to it by a file, with the time handed in."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporter.budget import HOUR, SCHEDULED, Ledger, Need, hourly, pace

NOW = 1_700_000_000.0
QUOTA = 200


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def most_in_an_hour(spent: list[tuple[float, int]]) -> int:
    return max(sum(cost for at, cost in spent if begin <= at < begin + HOUR) for begin, _ in spent)


def test_equal_pairs_share_two_thirds_of_an_hour() -> None:
    needs = [Need(3, 60.0)] * 16 + [Need(1, 60.0)] * 8
    found = pace(needs, QUOTA)
    assert hourly(needs, found) == pytest.approx(QUOTA * SCHEDULED)
    assert found == pytest.approx(56 / (QUOTA * SCHEDULED) * HOUR)


def test_what_is_configured_to_run_more_rarely_leaves_its_share_to_the_others() -> None:
    needs = [Need(3, 60.0)] * 20 + [Need(30, 86400.0)]
    found = pace(needs, QUOTA)
    assert found < pace([Need(90, 60.0)], QUOTA)
    assert hourly(needs, found) == pytest.approx(QUOTA * SCHEDULED)


def test_a_few_pairs_run_as_often_as_they_are_configured_to() -> None:
    needs = [Need(1, 360.0)]
    assert max(needs[0].interval, pace(needs, QUOTA)) == 360.0
    assert pace([], QUOTA) == 0.0


def test_an_hour_has_so_many_tests_and_says_when_there_are_more(file: Path) -> None:
    ledger = Ledger(file, 10)
    assert [ledger.spend(NOW + at, 4) for at in (0, 60)] == [0.0, 0.0]
    assert ledger.spend(NOW + 120, 4) == NOW + HOUR
    assert ledger.spend(NOW + 120, 2) == 0.0
    assert ledger.spend(NOW + HOUR - 0.1, 4) == NOW + HOUR
    assert ledger.spend(NOW + HOUR, 4) == 0.0


def test_who_asks_for_more_than_an_hour_has_never_gets_it(file: Path) -> None:
    assert Ledger(file, 10).spend(NOW, 11) > NOW


def test_no_hour_has_more_over_days_of_greed_and_restarts(file: Path) -> None:
    chance, now, spent = random.Random(7), NOW, []
    for _ in range(3000):
        now += chance.expovariate(1 / 30.0)
        cost = chance.choice((1, 3, 3, 24))
        # Each is another start of the program: nothing but the file remembers.
        if Ledger(file, QUOTA).spend(now, cost) == 0.0:
            spent.append((now, cost))
    assert now - NOW > 20 * HOUR
    assert QUOTA - 24 < most_in_an_hour(spent) <= QUOTA


def spend_greedily(file: Path) -> int:
    ledger = Ledger(file, QUOTA)
    return sum(ledger.spend(NOW, 1) == 0.0 for _ in range(QUOTA))


def test_workers_that_spend_at_once_share_one_hour(file: Path) -> None:
    # A lock belongs to whoever has opened the file, so threads exclude one another as processes do.
    with ThreadPoolExecutor(3) as workers:
        assert sum(workers.map(spend_greedily, [file] * 3)) == QUOTA


def test_a_clock_that_is_set_back_gives_no_second_hour(file: Path) -> None:
    ledger = Ledger(file, 10)
    assert ledger.spend(NOW, 10) == 0.0
    back = NOW - 86400
    assert ledger.spend(back, 1) == back + HOUR
    assert ledger.spend(back + HOUR, 1) == 0.0


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"spent": [[1]], "left": 0, "until": 0}', "\0\0"])
def test_a_ledger_that_cannot_be_read_counts_as_full_for_an_hour(file: Path, text: str) -> None:
    file.write_text(text)
    ledger = Ledger(file, 10)
    assert ledger.spend(NOW, 1) == NOW + HOUR
    assert ledger.spend(NOW + HOUR - 1, 1) == NOW + HOUR
    assert ledger.spend(NOW + HOUR, 1) == 0.0


def test_what_the_other_side_says_is_left_holds_where_it_is_less(file: Path) -> None:
    ledger = Ledger(file, QUOTA)
    ledger.told(NOW, 4, 600.0)
    assert ledger.spend(NOW + 1, 3) == 0.0
    assert ledger.spend(NOW + 2, 3) == NOW + 600
    assert ledger.spend(NOW + 2, 1) == 0.0
    ledger.told(NOW + 3, 100, 600.0)  # an answer that was overtaken
    assert ledger.spend(NOW + 4, 1) == NOW + 600
    assert ledger.spend(NOW + 600, 3) == 0.0


def test_what_was_never_asked_for_is_given_back_once(file: Path) -> None:
    ledger = Ledger(file, 10)
    ledger.told(NOW, 10, 600.0)
    assert ledger.spend(NOW, 6) == 0.0
    assert ledger.spend(NOW + 1, 4) == 0.0
    for _ in range(2):
        ledger.give_back(NOW + 2, NOW, 6)
    assert ledger.spend(NOW + 2, 7) > NOW
    assert ledger.spend(NOW + 2, 6) == 0.0


def test_nothing_that_the_other_side_says_holds_for_more_than_an_hour(file: Path) -> None:
    ledger = Ledger(file, QUOTA)
    ledger.told(NOW, 0, 1e12)
    assert ledger.spend(NOW + HOUR, 1) == 0.0


def test_the_file_does_not_grow(file: Path) -> None:
    ledger = Ledger(file, QUOTA)
    for minute in range(600):
        ledger.spend(NOW + 60 * minute, 3)
    assert len(json.loads(file.read_text())["spent"]) <= 60
    assert ledger.spent(NOW + 60 * 599) <= QUOTA


def test_a_folder_that_is_not_there_is_an_error_to_tell(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Ledger(tmp_path / "gone" / "ledger", QUOTA).spend(NOW, 1)
