"""Configurations, stores and results made in code, for tests that need no files."""

from __future__ import annotations

from collections.abc import Callable

from exporter import kinds
from exporter.metrics import Page
from exporter.model import CONTROLS, Buckets, Config, Endpoint, Feature, Location, Pair, Reason, Region, Result, Service
from exporter.state import Store

NOW = 1_700_000_000.0


def region(name: str, location: Location | None = None) -> Region:
    return Region(name, "local", kinds.module("regions", "local").Options(), location)


def endpoint(name: str, feature: str = "feed", service: str = "tiktok", target: str = "127.0.0.1:1") -> Endpoint:
    options = kinds.module("probes", "tcp").Options()
    return Endpoint(service, feature, name, "tcp", target, options, interval=60.0, timeout=5.0)


def config(*names: str, histograms: Buckets = False) -> Config:
    """TikTok with tcp endpoints called `names`, all of the core feature `feed`, one region and one control.

    Its alternative is probed by another shard: it has no pair here.
    """
    here = region("here", Location(53.3, -6.3))
    feed = Feature("feed", True, tuple(endpoint(name) for name in names))
    control = endpoint("gstatic", "internet", CONTROLS)
    return Config(
        services=(Service("tiktok", "TikTok", (feed,), alternatives=("youtube_shorts",)), YOUTUBE),
        controls=(control,),
        regions=(here,),
        pairs=tuple(Pair(e, here) for e in (*feed.endpoints, control)),
        histograms=histograms,
        shown="services: {}\n",
    )


YOUTUBE = Service(
    "youtube_shorts",
    "YouTube Shorts",
    (Feature("watch", True, (endpoint("youtube_web", "watch", "youtube_shorts"),)), Feature("post", False, ())),
    objective=0.99,
)


def ok(started: float = NOW, **facts: str) -> Result:
    return Result(
        ok=True,
        reason=None,
        message="",
        started=started,
        duration=0.25,
        phases={"connect": 0.25},
        samples={"probe_ip_protocol": 4.0, ("probe_tls_version_info", "TLS 1.3"): 1.0},
        facts=facts,
    )


def failed(reason: Reason = Reason.CONNECT, started: float = NOW, attempt: int = 0, message: str = "refused") -> Result:
    samples = {"probe_ip_protocol": 4.0}
    return Result(False, reason, message, started, 0.5, {"connect": 0.5}, samples, attempt=attempt)


class Running:
    """A store and its metrics page, fed as the main process feeds them."""

    def __init__(self, loaded: Config, now: Callable[[], float] = lambda: NOW + 1.0) -> None:
        self.store = Store(now)
        self.page = Page(now)
        self.apply(loaded)

    def apply(self, loaded: Config) -> None:
        for key in self.store.apply(loaded):
            self.page.remove(key)
        for record in self.store.records.values():
            self.page.add(record, loaded.histograms)
        self.store.judge()

    def take(self, name: str, result: Result, service: str = "tiktok") -> None:
        record = self.store.record((service, name, "here"), result)
        assert record is not None
        self.page.update(record, result)
        self.store.judge()
