"""A store that lives through half an hour of health and then an outage, for what needs more than the last attempts."""

from __future__ import annotations

from dataclasses import replace

from exporter.model import CONTROLS, Answer, Config, Feature, Pair, Reason, Region, Result, SampleKey, Service, Signal
from exporter.readings import Heard, Reading
from exporter.state import Store
from exporter.verdict import Verdict
from tests.judging import endpoint

START = 100_000.0
OUTAGE = START + 30 * 60.0
CUT = "no answer within 10 s while connecting to 192.0.2.1:443"
COUNTRIES = {"us": "US", "gb": "GB", "de": "DE", "jp": "JP", "in": "IN"}


class Scene:
    """TikTok with two endpoints in each region, healthy for half an hour; `usual` is what a run takes, in seconds."""

    def __init__(self, countries: dict[str, str | None] | None = None, usual: float = 0.2) -> None:
        self.now = START
        regions = tuple(
            Region(name, "local", None, country=country) for name, country in (countries or COUNTRIES).items()
        )
        endpoints = (
            replace(endpoint("home"), degraded_above=2.0),
            replace(endpoint("shop", "upload"), degraded_above=2.0),
        )
        features = (Feature("feed", True, endpoints[:1]), Feature("upload", True, endpoints[1:]))
        service = Service("tiktok", "TikTok", features, upstreams=("oracle:us-ashburn-1",))
        control = endpoint("control", "internet", CONTROLS)
        self.pairs = tuple(Pair(one, region) for region in regions for one in (control, *endpoints))
        signals = (Signal("oracle", "oracle", None, 300.0), Signal("ooni", "ooni", None, 3600.0, ("tiktok",)))
        reports = Signal("reports", "reports", None, 60.0)
        self.store = Store(lambda: self.now)
        self.store.apply(Config((service,), (control,), regions, self.pairs, signals=(*signals, reports)))
        for number in range(30):
            self.run(START + 60.0 * number, duration=usual)
        assert self.judge().answer is Answer.UP

    def run(
        self,
        at: float,
        reason: Reason | None = None,
        message: str = "",
        regions: tuple[str, ...] = (),
        duration: float = 0.2,
        phases: tuple[str, ...] = ("connect",),
        status: int = 0,
    ) -> None:
        """One run of every pair: those of the service in `regions`, all when empty, fail for `reason`."""
        samples: dict[SampleKey, float] = {"probe_http_status_code": float(status)}
        for pair in self.pairs:
            hit = pair.endpoint.service != CONTROLS and (not regions or pair.region.name in regions)
            result = Result(True, None, "", at, duration if hit else 0.2)
            if hit and reason is not None:
                result = Result(False, reason, message, at, 0.2, dict.fromkeys(phases, 0.1), samples)
            self.store.record(pair.key, result)
        self.now = at + 1.0

    def fail(self, reason: Reason, message: str = "", **more: object) -> None:
        for number in range(3):
            self.run(OUTAGE + 60.0 * number, reason, message, **more)  # type: ignore[arg-type]

    def hear(self, signal: str, **reading: object) -> None:
        known = Heard(signal, signal, Reading(self.now, **reading), self.now, fresh=True)  # type: ignore[arg-type]
        self.store.hear({**self.store.heard, signal: known}, self.store.crowds)

    def judge(self) -> Verdict:
        self.store.judge()
        return self.store.verdicts["tiktok"]
