"""The configuration as people see it, and its schema as editors see it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter import config
from exporter.errors import ConfigError

SECRETS = """
defaults: {interval: 2m}
regions:
  here: {kind: local}
  eu: {kind: proxy, url: "socks5h://me:hunter0@proxy.example:1080", location: {lat: 53.3, lon: -6.3}}
  us: {kind: proxy, url: "http://proxy.example:3128", username: me, password: hunter1}
controls:
  gstatic: {url: "http://connectivitycheck.gstatic.com/generate_204"}
services:
  tiktok:
    title: ${TITLE}
    alternatives: [youtube]
    objective: 0.999
    features:
      feed:
        core: true
        endpoints:
          basic: {url: "https://a.example/", http: &auth {basic_auth: {username: me, password: hunter2}}}
          again: {url: "https://b.example/", http: *auth}
          bearer: {url: "https://c.example/", http: {authorization: {credentials: hunter3}}}
          header: {url: "https://d.example/", http: {headers: {Authorization: Token hunter4, Accept: text/html}}}
          headers: {url: "https://e.example/", http: {http_headers: {X-Key: {secrets: [hunter5]}}}}
          proxied: {url: "https://f.example/", http: {proxy_url: "http://me:hunter6@p.example:1"}}
          from_environment: {url: "https://g.example/?token=${HUNTER7}", http: {body: "$${price}"}}
          client: {kind: tcp, target: "h.example:443", tcp: {tls_config: {cert: public, key: hunter8}}}
  youtube:
    features: {watch: {core: true, endpoints: {web: {url: "https://i.example/"}}}}
"""
ENVIRONMENT = {"HUNTER7": "hunter7", "TITLE": "TikTok, the service"}


@pytest.fixture
def shown(tmp_path: Path) -> str:
    path = tmp_path / "outage.yaml"
    path.write_text(SECRETS)
    return config.load([path], ENVIRONMENT).shown


def test_secrets_are_never_shown(shown: str) -> None:
    assert "hunter" not in shown
    assert shown.count("<secret>") == 9


def test_what_is_no_secret_is_shown_as_it_was_written(shown: str) -> None:
    read: dict[str, Any] = yaml.safe_load(shown)
    assert list(read) == ["defaults", "regions", "controls", "services"]
    assert read["defaults"] == {"interval": "2m"}
    assert read["regions"]["eu"]["url"] == "socks5h://<secret>@proxy.example:1080"
    assert read["regions"]["us"]["url"] == "http://proxy.example:3128"
    assert read["services"]["tiktok"]["title"] == "${TITLE}"
    assert read["services"]["tiktok"]["alternatives"] == ["youtube"]
    assert read["services"]["tiktok"]["objective"] == 0.999
    endpoints = read["services"]["tiktok"]["features"]["feed"]["endpoints"]
    assert endpoints["header"]["http"]["headers"]["Accept"] == "text/html"
    assert endpoints["from_environment"]["url"] == "https://g.example/?token=${HUNTER7}"


def test_what_is_shown_loads_again_as_the_same(tmp_path: Path, shown: str) -> None:
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    loaded, first = config.load([again], ENVIRONMENT), config.load([tmp_path / "outage.yaml"], ENVIRONMENT)
    assert loaded.shown == shown
    assert (loaded.services[0].alternatives, loaded.services[0].objective) == (("youtube",), 0.999)
    assert [pair.key for pair in loaded.pairs] == [pair.key for pair in first.pairs]
    read_again, read_first = (
        {pair.endpoint.name: pair.endpoint for pair in each.pairs}["from_environment"] for each in (loaded, first)
    )
    assert read_again == read_first


def test_a_secret_is_not_repeated_by_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "outage.yaml"
    path.write_text(
        SECRETS.replace("password: hunter2", "passwort: hunter2")
        .replace("{credentials: hunter3}", "hunter3")
        .replace("secrets: [hunter5]", "secrets: hunter5")
        .replace("http://me:hunter6@", "ftp://me:hunter6@")
        .replace("socks5h://me:hunter0@", "socks9://me:hunter0@")
        .replace("https://a.example/", "https://me:hunter9@a.example/")
        .replace("key: hunter8", "key: [hunter8]")
    )
    with pytest.raises(ConfigError) as caught:
        config.load([path], ENVIRONMENT)
    assert len(caught.value.mistakes) >= 7
    assert "hunter" not in str(caught.value)


def refused(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(config.schema())
    return [error.json_path for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one_and_accepts_the_shipped_configuration() -> None:
    jsonschema.Draft202012Validator.check_schema(config.schema())
    assert refused(config.shipped().read_text()) == []
    assert refused(SECRETS) == []


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("defaults:", "default:", "$"),
        ("interval: 2m", "intervall: 2m", "$.defaults"),
        ("kind: local", "kind: locall", "$.regions.here"),
        ("lat: 53.3", "lat: 533", "$.regions.eu"),
        ("title:", "titel:", "$.services.tiktok"),
        ("alternatives: [youtube]", "alternatives: youtube", "$.services.tiktok.alternatives"),
        ("objective: 0.999", "objective: 99.9", "$.services.tiktok.objective"),
        ("objective: 0.999", "objective: 1", "$.services.tiktok.objective"),
        ("core: true", "cores: true", "$.services.tiktok.features.feed"),
        ("secrets:", "secret:", "$.services.tiktok.features.feed.endpoints.headers.http"),
        ("target:", "traget:", "$.services.tiktok.features.feed.endpoints.client"),
        ("gstatic:", "GSTATIC:", "$.controls"),
    ],
)
def test_the_schema_refuses(right: str, wrong: str, place: str) -> None:
    assert refused(SECRETS.replace(right, wrong, 1)) == [place]


def test_the_schema_hides_no_default_of_a_person_behind_a_number_of_seconds() -> None:
    defaults = config.schema()["$defs"]["Defaults"]["properties"]
    assert "default" not in defaults["interval"]
    assert defaults["histograms"]["default"] is True


def test_the_environment_of_this_process_is_not_consulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TITLE", "leaked")
    path = tmp_path / "outage.yaml"
    path.write_text(SECRETS)
    with pytest.raises(ConfigError, match="TITLE is not set"):
        config.load([path], {"HUNTER7": "x"})
