"""Tracks and verdicts made in code: a service with two features, and what its endpoints did lately."""

from __future__ import annotations

from exporter.evidence import NOTHING, Evidence
from exporter.model import Endpoint, Feature, Reason, Result, Service
from exporter.tracks import Sight, Track, advance
from exporter.verdict import Verdict, judge

INTERVAL = 60.0


def ok(at: float = 0.0, duration: float = 0.1) -> Result:
    return Result(ok=True, reason=None, message="", started=at, duration=duration)


def failed(reason: Reason = Reason.CONNECT, at: float = 0.0) -> Result:
    return Result(ok=False, reason=reason, message=f"failed by {reason}", started=at, duration=0.1)


def after(*results: Result, degraded_above: float | None = None, seen_at: float = 0.0) -> Track:
    track = Track()
    for result in results:
        track = advance(track, result, degraded_above, seen_at)
    return track


def endpoint(name: str, feature: str = "feed", service: str = "tiktok") -> Endpoint:
    return Endpoint(service, feature, name, "http", "https://example.test/", None, INTERVAL, 10.0)


TIKTOK = Service(
    "tiktok",
    "TikTok",
    (
        Feature("feed", True, (endpoint("home"),)),
        Feature("upload", False, (endpoint("gateway", "upload"),)),
    ),
)
SEEING = Sight(True)
BLIND = Sight(False, sentence="none of its 2 controls answers")
FINE = after(ok(at=90.0))
FAILURES = (failed(at=60.0), failed(at=65.0), failed(at=75.0))
DEAD = after(*FAILURES, seen_at=62.0)


def verdict(tracks: dict[tuple[str, str], Track], evidence: Evidence = NOTHING, **sights: Sight) -> Verdict:
    of_tiktok = {("tiktok", name, region): track for (name, region), track in tracks.items()}
    return judge(TIKTOK, of_tiktok, sights, 100.0, evidence)


REGIONS = ("us", "gb", "de", "jp", "in")
EVERYWHERE = {(name, region): FINE for name in ("home", "gateway") for region in REGIONS}
ALL_SEE = dict.fromkeys(REGIONS, SEEING)


def failing(name: str, *regions: str) -> dict[tuple[str, str], Track]:
    return EVERYWHERE | {(name, region): DEAD for region in regions}
