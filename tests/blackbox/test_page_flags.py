"""The flags of `/probe` say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import cli
from tests.blackbox.asked import LOOPBACK, write_modules
from tests.servers.program import Exporter


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


async def test_who_comes_for_probe_alone_has_nobody_else_contacted(tmp_path: Path) -> None:
    modules = write_modules(tmp_path / "blackbox.yml", {"http_2xx": {"prober": "http"}})
    arguments = ("--blackbox.config", str(modules), *LOOPBACK)
    async with Exporter(tmp_path, arguments=arguments) as alone:
        status, page = await alone.get(f"/probe?target={alone.url}/-/healthy")
        assert (status, "probe_success 1\n" in page) == (200, True)
        for path in ("/", "/status", "/probes", "/config", "/metrics", "/api/v1/status", "/-/ready", "/export.tar"):
            assert (await alone.get(path))[0] == 200, path
        assert "Nothing is watched here." in (await alone.get("/"))[1]
        assert (await alone.post("/-/reload"))[0] == 200
        metrics = await alone.metrics()
        assert not metrics.series("probe_attempts_total")
        assert not metrics.series("outage_signal_fresh")
