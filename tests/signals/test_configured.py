"""Chatter, reviews and Downdetector as the configuration writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import config
from exporter.errors import ConfigError
from exporter.model import Signal

REST = """
regions:
  here: {kind: local}
controls:
  gstatic: {url: "http://connectivitycheck.gstatic.com/generate_204"}
services:
  tiktok:
    complaints: ["(?i)tiktok is down"]
    features: {feed: {core: true, endpoints: {a: {url: "https://a.example/"}}}}
signals:
"""
ALL = """
  bluesky: {kind: jetstream, services: [tiktok]}
  x: {kind: x, services: [tiktok], token: t0ken, queries: {tiktok: '"tiktok down" -is:retweet'}}
  mastodon: {kind: mastodon, services: [tiktok], tags: {tiktok: [tiktok, tiktokdown]}}
  app_store: {kind: appstore, services: [tiktok], apps: {tiktok: 835599320}, countries: [US, GB]}
  downdetector: {kind: downdetector, services: [tiktok], token: s3cret, companies: {tiktok: [17]}}
"""


def load(folder: Path, signals: str) -> tuple[dict[str, Signal], str]:
    file = folder / "outage.yaml"
    file.write_text(REST + signals, encoding="utf-8")
    found = config.load([file], {})
    return {signal.name: signal for signal in found.signals}, found.shown


def test_each_kind_is_configured_in_a_line(tmp_path: Path) -> None:
    signals, _ = load(tmp_path, ALL)
    assert {name: signal.interval for name, signal in signals.items()} == {
        "bluesky": 5.0,
        "x": 60.0,
        "mastodon": 60.0,
        "app_store": 600.0,
        "downdetector": 300.0,
    }
    assert signals["mastodon"].options.tags == {"tiktok": ("tiktok", "tiktokdown")}
    assert signals["downdetector"].options.companies == {"tiktok": (17,)}


def test_credentials_are_not_shown(tmp_path: Path) -> None:
    _, shown = load(tmp_path, ALL)
    assert "t0ken" not in shown
    assert "s3cret" not in shown
    assert shown.count("<secret>") == 2


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("{kind: x, services: [tiktok], queries: {tiktok: down}}", "set token or token_file, one of them"),
        ("{kind: x, services: [tiktok], token: a}", "queries is empty; write a search for each service"),
        ("{kind: jetstream, services: [tiktok], urls: ['https://a.example/']}", "is not the address of a websocket"),
        ("{kind: mastodon, services: [tiktok], instances: [mastodon.social]}", "is not a URL such as"),
        ("{kind: mastodon, services: [tiktok], tags: {tiktok: ['#tiktok']}}", "write hashtags without #"),
        ("{kind: appstore, services: [tiktok]}", "apps is empty"),
        ("{kind: appstore, services: [tiktok], apps: {tiktok: x}}", "'x'"),
        ("{kind: downdetector, services: [tiktok], token: a, countries: [usa]}", "'usa' is not a country's code"),
    ],
)
def test_a_mistake_says_what_is_allowed(tmp_path: Path, signal: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"  s: {signal}\n")
    (mistake,) = caught.value.mistakes
    assert mistake.line == 11
    assert mistake.path.startswith("signals.s")
    assert words in mistake.message
