"""`outage-exporter replay`: documented outages as history that Prometheus takes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from exporter import check, cli, config, replay
from exporter.errors import ConfigError
from exporter.model import Reason
from exporter.replay import officials
from exporter.replay.people import People
from exporter.simulation import Effect, Simulation, fleet

OUTAGE = """outages:
  2026-03-03:
    start: "2026-03-03T13:24:00Z"
    end: "2026-03-04T09:24:00Z"
    scope: US
    features: [upload]
    cause: A data centre.
    probes_see_it: "yes"
    reason: timeout
    corroborated: true
    source: the press
"""


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "outages.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        config.past_outages(file)
    return [str(mistake).removeprefix(f"{folder}/") for mistake in refused.value.mistakes]


def samples(text: str, series: str) -> dict[int, float]:
    """Values by unix seconds."""
    lines = [line.removeprefix(series).split() for line in text.splitlines() if line.startswith(f"{series} ")]
    return {int(at): float(value) for value, at in lines}


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert cli.main(["replay", *arguments]) == 0
    found = capsys.readouterr()
    return found.out, found.err


def test_without_an_id_it_lists_every_documented_outage_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listed, _ = replayed(capsys)
    assert [line.split()[0] for line in listed.splitlines()] == [outage.name for outage in config.past_outages()]
    assert "2019-11-15, time assumed" in listed


def test_an_unknown_id_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "2026-03-30"]) == 1
    said = capsys.readouterr().err
    assert said == "outage-exporter: '2026-03-30' is not a documented outage; did you mean 2026-03-03?\n"


@pytest.mark.parametrize("flag", [["--step", "6m"], ["--step", "soon"], ["--regions", "us-east,mars"]])
def test_a_step_or_a_region_that_cannot_be_is_refused(flag: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["replay", "2020-07-gcp", *flag])


def test_an_outage_is_down_from_its_start_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    text, said = replayed(capsys, "2020-07-gcp", "--step", "2m")
    [outage] = [outage for outage in config.past_outages() if outage.name == "2020-07-gcp"]
    down = samples(text, 'outage_verdict{service="tiktok",verdict="down"}')
    assert (min(down), max(down)) == (outage.start - 3600, outage.end + 3600)
    times = [at for at, holds in down.items() if holds]
    assert outage.start < times[0] < outage.start + 300
    assert outage.end <= times[-1] < outage.end + 300
    assert text.endswith("# EOF\n")
    assert said.startswith("2020-07-gcp: probes saw it. No source gives its times")


def test_what_probes_could_not_see_stays_up_in_the_states_and_is_degraded_by_what_people_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text, said = replayed(capsys, "2020-07-10", "--step", "5m")
    [outage] = [outage for outage in config.past_outages() if outage.name == "2020-07-10"]
    assert "2020-07-10: probes saw nothing: people's reports did" in said
    assert set(samples(text, 'outage_state{service="tiktok",feature="feed",region="gb",state="up"}').values()) == {1.0}
    assert max(samples(text, 'outage_reports_score{signal="people",service="tiktok",feature="feed"}').values()) > 8
    degraded = samples(text, 'outage_verdict{service="tiktok",verdict="degraded"}')
    times = [at for at, holds in degraded.items() if holds]
    assert outage.start < times[0] <= outage.start + 900
    # The reports fade out within half an hour, and the spike rule waits for half an hour of calm.
    assert outage.end <= times[-1] < outage.end + 3600
    assert set(samples(text, 'outage_verdict{service="tiktok",verdict="up"}').values()) == {0.0, 1.0}


def test_a_shutdown_in_a_country_is_replayed_with_who_told_of_it() -> None:
    [whole] = [outage for outage in config.past_outages() if outage.name == "2025-01-19"]
    outage = replace(whole, end=whole.start + 5400)
    narrowed = check.narrow(config.load([config.shipped()], {}), ["tiktok"])
    text = "".join(replay.replay(replay.scene(narrowed, outage, ["us-east", "gb"]), 300.0))
    assert "That OONI told of the block in US after 60 min is assumed." in replay.note(outage)
    blocked = samples(text, 'outage_blocked{service="tiktok",region="us-east",source="ooni"}')
    assert outage.start + 3600 <= min(blocked) <= outage.start + 3900
    assert not samples(text, 'outage_blocked{service="tiktok",region="gb",source="ooni"}')
    state = samples(text, 'outage_state{service="tiktok",feature="feed",region="us-east",state="blocked"}')
    assert {at for at, holds in state.items() if holds} == set(blocked)


def test_what_outages_name_is_what_a_replay_listens_to() -> None:
    outages = config.past_outages()
    assert {outage.upstream for outage in outages if outage.upstream} <= set(officials.UPSTREAMS)
    assert {outage.name: outage.blocked_in for outage in outages if outage.blocked_in} == {"2025-01-19": "US"}
    assert {outage.name: outage.upstream for outage in outages if outage.upstream} == {
        "2026-03-03": "oracle:us-ashburn-1"
    }


def test_quiet_people_are_as_many_as_is_said_and_never_a_spike() -> None:
    loaded = replay.listening(fleet(config.load([config.shipped()], {}), ["gb"]))
    crowd = People(loaded, None, 0.0, 6 * 3600.0, 60.0)
    counts = []
    for at in range(900, 6 * 3600, 900):
        found = {one.feature: one for one in crowd.crowds(float(at))}
        assert not any(one.spiking or one.rising for one in found.values())
        counts.append(found[""].count)
    assert 2.5 < sum(counts) / len(counts) < 5.5


def test_prometheus_tools_take_it_as_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, blocks = tmp_path / "replay.txt", tmp_path / "data"
    replayed(capsys, "2020-07-gcp", "--step", "5m", "--histograms", "--output", str(file))
    promtool = shutil.which("promtool") or pytest.fail("promtool is not installed")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(file), str(blocks)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert list(blocks.glob("*/index"))


def test_each_family_stands_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = replayed(capsys, "2020-07-gcp", "--step", "5m")
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert {"outage_state", "outage_cause", "outage_reports", "outage_signal_errors", "probe_success"} <= set(types)
    assert {"probe_attempts", "probe_all_success"} <= set(types)
    names = [name for name, _ in groupby(line.partition("{")[0] for line in text.splitlines() if line[0] != "#")]
    summary = {"probe_all_success_sum", "probe_all_success_count"}
    assert len([name for name in names if name not in summary]) == len(set(names) - summary)


def test_two_replays_are_the_same_to_the_byte(capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(capsys, "2020-07-gcp", "--step", "5m") == replayed(capsys, "2020-07-gcp", "--step", "5m")


def test_a_failure_asks_the_controls_of_its_region_at_once() -> None:
    loaded = fleet(config.load([config.shipped()], {}), ["gb", "jp"])
    simulation = Simulation(loaded, [Effect(3600, 3660, Reason.CONNECT, ("upload",), ("gb",))], 0.0)
    simulation.advance(3600)
    before = {region: simulation.store.records["controls", "google", region].attempts for region in ("gb", "jp")}
    simulation.advance(3660)
    asked = {region: simulation.store.records["controls", "google", region].attempts for region in ("gb", "jp")}
    assert asked["jp"] == before["jp"] + 1
    assert asked["gb"] > before["gb"] + 1


def test_a_dead_line_makes_states_unknown_and_never_down() -> None:
    loaded = fleet(config.load([config.shipped()], {}), ["gb", "jp"])
    simulation = Simulation(loaded, [Effect(3600, 5400, Reason.CONNECT)], 0.0)
    simulation.advance(3600)
    assert simulation.steady
    simulation.advance(5400)
    assert {change.after for at, change in simulation.changes if at > 3600} == {"unknown"}


def test_the_documented_outages_are_read_as_they_are_written() -> None:
    outages = {outage.name: outage for outage in config.past_outages()}
    assert len(outages) == 14
    longest = outages["2026-01-25"]
    assert longest.end - longest.start == 7 * 86400
    assert [name for name, outage in outages.items() if not outage.corroborated] == [
        "2019-11",
        "2020-07-gcp",
        "2020-12",
    ]
    assert [name for name, outage in outages.items() if not outage.dated] == [
        "2019-11",
        "2020-07-gcp",
        "2020-12",
        "2021-11-11",
    ]


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("    source: the press\n", "    sauce: x\n", "unknown key; did you mean source?"),
        ("13:24:00Z", "13:24", "start: '2026-03-03T13:24' is not a time; write it as 2026-03-03T13:24:00Z"),
        ("2026-03-04T09", "2026-03-02T09", "end: must be after the start"),
        ('"2026-03-04T09:24:00Z"', "null", "write both `start` and `end`, or null for both"),
        ("    reason: timeout\n", "", "probes see it: add the `reason` for which they fail"),
        ("reason: timeout", "reason: timout", "reason: "),
        ("scope: US", "scope: US\n    blocked_in: us", "blocked_in: 'us' is not a country's code of two capitals"),
        ('"yes"', "perhaps", "'perhaps' is not allowed (yes, partly, no, unknown)"),
        ("outages:", "outage:", "outage: unknown key; allowed is outages"),
    ],
)
def test_a_mistake_in_the_data_is_named_with_its_place(tmp_path: Path, there: str, instead: str, said: str) -> None:
    found = mistakes(tmp_path, OUTAGE.replace(there, instead))
    assert any(said in mistake and mistake.startswith("outages.yaml:") for mistake in found), found


def test_a_week_is_written_in_bigger_steps_than_an_hour() -> None:
    outages = {outage.name: outage for outage in config.past_outages()}
    assert replay.default_step(outages["2020-07-gcp"]) == 60
    assert replay.default_step(outages["2026-01-25"]) == 240
