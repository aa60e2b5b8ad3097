"""What kinds of regions measure stands on the page beside what the probe measures."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter import kinds
from exporter.metrics import Own, exposition
from exporter.model import Config, Pair, Region
from tests.configurations import NOW, Running, endpoint, ok

WITH_FAMILIES = [kind for kind in kinds.names("regions") if hasattr(kinds.module("regions", kind), "FAMILIES")]


def shown(running: Running, openmetrics: bool = False) -> str:
    return b"".join(exposition(running.page, Own(), running.store, openmetrics)).decode()


def running_in(kind: str) -> Running:
    here = Region("here", kind, None)
    return Running(Config((), (), (here,), (Pair(endpoint("home"), here),)))


@pytest.mark.parametrize("kind", WITH_FAMILIES)
def test_every_family_of_a_regions_kind_is_taken_by_the_parsers_and_by_promtool(kind: str) -> None:
    families = kinds.module("regions", kind).FAMILIES
    samples = {(f.name, *("x" for _ in f.labels)) if f.labels else f.name: 1.0 for f in families}
    running = running_in(kind)
    running.take("home", replace(ok(), samples={**ok().samples, **samples}))
    names = {family.name for family in parse_openmetrics(shown(running, openmetrics=True))}
    assert names >= {*(family.name for family in families), "probe_ip_protocol"}
    linted = subprocess.run(["promtool", "check", "metrics"], input=shown(running), capture_output=True, text=True)
    assert linted.stderr == ""


def test_another_edge_takes_the_place_of_the_last_one() -> None:
    running = running_in("edge")
    for number, address in enumerate(("192.0.2.1", "192.0.2.2")):
        info = ("probe_edge_info", address, "9.9.9.11", "24")
        running.take("home", replace(ok(NOW + number), samples={info: 1.0}))
        assert [line.split(",")[4] for line in shown(running).splitlines() if line.startswith("probe_edge_info{")] == [
            f'address="{address}"'
        ]


def test_a_sample_of_a_region_of_another_kind_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        running_in("local").take("home", replace(ok(), samples={("probe_edge_info", "192.0.2.1", "x", "24"): 1.0}))
