"""Readings made in code: what people, officials, upstreams and censors say, for tests that need no servers."""

from __future__ import annotations

from dataclasses import replace

from exporter.evidence import Blockage, Evidence, Statement, Upstream
from exporter.readings import Crowd, Notice

NOW = 100_000.0

CALM = Crowd("reports", "reports", "tiktok", "upload", 3, 3.0, 0.0, NOW)
SPIKE = replace(CALM, count=84, score=14.8, spiking=True, since=NOW - 600.0)
CHATTER = replace(SPIKE, signal="bluesky", kind="jetstream", feature="", count=84, out_of=60000)
REVIEWS = replace(SPIKE, signal="apple", kind="appstore", feature="", out_of=200, alone=False)
NOTICE = Notice(
    title="Uploads fail",
    url="https://status.example/1",
    level="major",
    opened_at=NOW - 300.0,
    quote="We are looking into failing uploads.",
)
STATEMENT = Statement("tiktok_business", NOTICE)
ASHBURN = Upstream("oracle", "us-ashburn-1", replace(NOTICE, title="Compute disrupted", locations=("us-ashburn-1",)))


def blocked(country: str, *regions: str, source: str = "ooni", kind: str = "blocked") -> Evidence:
    """Evidence that `country`, where `regions` of ours are, blocks the service."""
    return Evidence(restrictions=(Blockage(source, country, regions, kind, "40 of 44 measurements in 2 days fail"),))
