"""Regions as people write them down."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import config, model

CONFIGURATION = """
regions:
  here: {kind: local}
  de: {kind: edge, subnet: 203.0.113.0/24, resolvers: [9.9.9.11, "8.8.8.8:53", "[2620:fe::11]:53"], country: DE}
  tokyo:
    kind: remote
    url: https://prober.example:9115/probe
    modules: {http: http_ok, shop/pay: tcp_tls}
    basic_auth: {username: ann, password: hidden-password}
    http_headers: {X-Key: {secrets: [hidden-key]}}
    proxy_url: http://user:hidden-proxy@proxy.example:3128
    tls_config: {insecure_skip_verify: true}
controls:
  address: {kind: icmp, target: 192.0.2.1}
services:
  shop:
    features:
      checkout:
        core: true
        endpoints:
          page: {url: "https://shop.example/"}
          pay: {kind: tcp, target: "pay.example:443"}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> model.Config:
    file = tmp_path / "outage.yaml"
    file.write_text(CONFIGURATION)
    return config.load([file], {})


def test_every_endpoint_runs_in_every_region_and_a_control_may_be_an_address(loaded: model.Config) -> None:
    assert {pair.key for pair in loaded.pairs} == {
        (service, name, region)
        for service, name in (("shop", "page"), ("shop", "pay"), ("controls", "address"))
        for region in ("here", "de", "tokyo")
    }
    assert loaded.regions[1].options.resolvers == ("9.9.9.11", "8.8.8.8:53", "[2620:fe::11]:53")


def test_the_module_of_an_endpoint_wins_over_that_of_its_kind_and_this_over_the_usual_one(loaded: model.Config) -> None:
    options = loaded.regions[2].options
    modules = {pair.endpoint.name: options.module(pair.endpoint) for pair in loaded.pairs}
    assert modules == {"page": "http_ok", "pay": "tcp_tls", "address": "icmp"}


def test_secrets_of_a_remote_are_not_shown(loaded: model.Config) -> None:
    assert "hidden" not in loaded.shown
    assert "http://<secret>@proxy.example:3128" in loaded.shown
