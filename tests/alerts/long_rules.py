"""All unit tests of the rules, those too that simulate many hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alerts.test_rules import UNIT_TESTS, promtool


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path) -> None:
    promtool("test", "rules", path)
