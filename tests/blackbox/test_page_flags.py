"""The flags of `/probe` say what is wrong with them."""

from __future__ import annotations

import pytest

from exporter import cli


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--blackbox.allow", "10.0.0.1/8"), "10.0.0.1/8 has host bits set"),
        (("--blackbox.allow", "everything"), "'everything' is neither a network"),
        (("--blackbox.deny", "public"), "'public' can be allowed only"),
        (("--blackbox.concurrency", "0"), "'0' is not a number from 1 to 100000"),
        (("--timeout-offset", "-1"), "'-1' is not a number of seconds"),
        (("--timeout-offset", "nan"), "'nan' is not a number of seconds"),
        (("--history.limit", "many"), "'many' is not a number from 0 to 100000"),
    ],
)
def test_a_wrong_flag_is_told(flags: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "=".join(flags)])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
