"""Globalping in a configuration: who runs there, how often so that the quota holds, and the one line that ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import budget, config, model, portion
from exporter.regions import globalping

TEXT = """
regions:
  here: {kind: local}
  us: {kind: globalping, country: US}
  br: {kind: globalping, country: BR, probes: 1}
controls:
  gateway: {kind: tcp, target: "192.0.2.1:443"}
  apple: {url: "http://captive.apple.com/hotspot-detect.html"}
  google: {url: "http://connectivitycheck.gstatic.com/generate_204"}
services:
  tiktok:
    features:
      feed:
        core: true
        endpoints:
          homepage: {url: "https://www.tiktok.com/"}
          short_links: {url: "https://vm.tiktok.com/", globalping: true}
          rare: {url: "https://m.tiktok.com/", interval: 12h, regions: [us]}
"""


def load(folder: Path, *texts: str) -> model.Config:
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return config.load(files, {})


def running(loaded: model.Config, region: str) -> dict[str, model.Endpoint]:
    return {pair.endpoint.name: pair.endpoint for pair in loaded.pairs if pair.region.name == region}


def spent_hourly(loaded: model.Config) -> float:
    return sum(
        globalping.cost(pair.endpoint, pair.region.options) * budget.HOUR / pair.endpoint.interval
        for pair in loaded.pairs
        if pair.region.kind == "globalping"
    )


def test_an_endpoint_runs_there_when_it_says_so_and_the_first_control_that_strangers_can_ask(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    assert set(running(loaded, "us")) == {"short_links", "rare", "apple"}
    assert set(running(loaded, "br")) == {"short_links", "apple"}
    assert set(running(loaded, "here")) == {"homepage", "short_links", "gateway", "apple", "google"}
    assert [region.country for region in loaded.regions] == [None, "US", "BR"]


def test_what_runs_there_uses_two_thirds_of_the_quota_and_elsewhere_keeps_its_interval(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    assert loaded.network.quota.tests_per_hour == 200
    assert spent_hourly(loaded) == pytest.approx(200 * 2 / 3)
    assert running(loaded, "us")["rare"].interval == 12 * 3600
    intervals = {running(loaded, region)[name].interval for region in ("us", "br") for name in ("short_links", "apple")}
    assert len(intervals) == 1
    assert running(loaded, "here")["short_links"].interval == 60.0


def test_there_is_time_to_ask_for_what_was_found(tmp_path: Path) -> None:
    there = running(load(tmp_path, "defaults: {interval: 2s, timeout: 1s}\n" + TEXT), "us")["short_links"]
    assert there.timeout == 1 + globalping.PATIENCE
    assert there.interval > there.timeout


def test_with_a_token_it_is_asked_more_often(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT, "globalping: {token: secret}")
    assert spent_hourly(loaded) == pytest.approx(400 * 2 / 3)
    assert spent_hourly(load(tmp_path, TEXT, "globalping: {tests_per_hour: 60}")) == pytest.approx(40)
    assert "secret" not in loaded.shown.replace("<secret>", "")


@pytest.mark.parametrize("off", ["off", "'off'"])
def test_one_line_ends_it(tmp_path: Path, off: str) -> None:
    loaded = load(tmp_path, TEXT, f"globalping: {off}")
    assert {region.name for region in loaded.regions} == {"here"}
    assert {pair.region.name for pair in loaded.pairs} == {"here"}
    assert {"homepage", "short_links"} <= set(running(loaded, "here"))


def test_a_region_where_nothing_runs_is_left_out_and_its_control_costs_nothing(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT.replace(", globalping: true", ""))
    assert {region.name for region in loaded.regions} == {"here", "us"}
    assert running(loaded, "br") == {}


def test_of_shards_the_first_alone_asks_because_they_may_share_an_address(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    first, second = (portion.of_shard(loaded, (index, 2)) for index in (1, 2))
    assert set(running(first, "us")) == {"short_links", "rare", "apple"}
    assert {region.name for region in second.regions} == {"here"}
    assert {pair.region.name for pair in second.pairs} == {"here"}
    mine = [pair for pair in loaded.pairs if pair.region.name == "here" and pair.endpoint.service != model.CONTROLS]
    assert all((pair in first.pairs) != (pair in second.pairs) for pair in mine)


def test_the_log_is_told_how_much_is_asked_and_what_ends_it(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    plan = portion.plan(loaded)
    assert plan is not None
    assert (plan["regions"], plan["pairs"], plan["tests_per_hour"], plan["of"]) == (2, 5, 133, 200)
    assert plan["to_end_it"] == "globalping: off"
    assert portion.plan(load(tmp_path, TEXT, "globalping: off")) is None


def test_what_is_asked_is_counted_in_the_data_directory(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    assert portion.counted(loaded, tmp_path).network.quota.ledger == str(tmp_path / portion.LEDGER)
    alone = portion.unmetered(loaded)
    assert portion.counted(alone, tmp_path) is alone
