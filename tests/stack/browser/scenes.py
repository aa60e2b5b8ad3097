"""Every verdict as a site made in code, with a past, so that pages can be looked at without waiting for an outage.

    with staged("down", folder) as site: ...

The configuration is the one that ships, from five regions; nothing is probed.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from exporter import config, web
from exporter.crowd import Crowds
from exporter.history import History
from exporter.history.availability import DAY, SLOT, SLOTS_KEPT
from exporter.metrics import Own, Page
from exporter.model import CONTROLS, Answer, Config, Pair, Reason, Result, State
from exporter.readings import PUSHED, Heard, Notice, Reading, Tally
from exporter.signals.reports import Intake
from exporter.state import Store
from exporter.verdict import Verdict

REGIONS = """
regions:
  eu-west: {kind: proxy, url: "socks5://127.0.0.1:1", country: DE}
  us-east: {kind: proxy, url: "socks5://127.0.0.1:1", country: US}
  us-west: {kind: proxy, url: "socks5://127.0.0.1:1", country: US}
  ap-south: {kind: proxy, url: "socks5://127.0.0.1:1", country: JP}
"""
INDIA = 'regions: {mumbai: {kind: proxy, url: "socks5://127.0.0.1:1", country: IN}}\n'
MANY = "regions:\n" + "".join(
    f'  region-{number}: {{kind: proxy, url: "socks5://127.0.0.1:1", country: FR}}\n' for number in range(1, 26)
)

QUOTE = Notice(
    title="Uploads fail",
    url="https://ads.tiktok.com/help/status/1",
    level="major",
    quote="We are aware that some of you cannot upload or watch videos, and are working on it.",
)
ASHBURN = Notice(
    title="Compute and Networking disrupted",
    url="https://ocistatus.oraclecloud.com/incidents/1",
    level="critical",
    locations=("us-ashburn-1",),
)


Fails = Callable[[Pair], Reason | None]


@dataclass(frozen=True, slots=True)
class Scene:
    """`fails` says of a pair why it does, `reports` how many times the usual number; `extra` is more configuration.

    `notices` are open, by signal; without `probed` no probe has come back yet, without `past` nothing is kept.
    """

    fails: Fails = lambda _: None
    reports: float = 1.0
    notices: Mapping[str, Notice] = field(default_factory=dict)
    extra: str = ""
    regions: str = REGIONS
    probed: bool = True
    past: bool = True


def _tiktok(*features: str, regions: tuple[str, ...] = (), reason: Reason = Reason.TIMEOUT) -> Fails:
    """TikTok's features fail in these regions, all of them when none is named."""

    def fails(pair: Pair) -> Reason | None:
        hit = pair.endpoint.service == "tiktok" and (not features or pair.endpoint.feature in features)
        return reason if hit and (not regions or pair.region.name in regions) else None

    return fails


def _instagram_too(pair: Pair) -> Reason | None:
    return Reason.CONNECT if pair.endpoint.service == "instagram_reels" else _tiktok()(pair)


SCENES = {
    "up": Scene(),
    "down": Scene(_instagram_too, 40.0, {"tiktok_business": QUOTE, "oracle": ASHBURN}),
    "partial": Scene(_tiktok("upload", "live", regions=("us-east", "us-west", "here")), 9.0),
    "degraded": Scene(reports=14.0),
    "blocked": Scene(_tiktok(regions=("mumbai",), reason=Reason.CONNECT), extra=INDIA),
    "line": Scene(lambda _: Reason.CONNECT),
    "walls": Scene(_tiktok(reason=Reason.BLOCKED)),
    "pending": Scene(probed=False, past=False),
    "many": Scene(_tiktok("upload", regions=("region-3", "region-17")), extra=MANY),
    "new": Scene(past=False),
    "alone": Scene(_tiktok("upload"), regions=""),
}


@contextmanager
def staged(name: str, folder: Path, now: float | None = None) -> Iterator[web.Site]:
    """The site of a scene; `folder` keeps its history."""
    scene, at = SCENES[name], now or time.time()
    loaded = _loaded(scene, folder)
    history = History(folder / "data", {"tiktok": config.past_outages()})
    crowds = Crowds(history.buckets, lambda: at)
    intake = Intake(crowds.add, lambda: at)
    store = Store(lambda: at)
    store.apply(loaded)
    crowds.apply(loaded)
    intake.apply(loaded)
    if scene.past:
        _remember(history, folder / "data" / "history.sqlite", loaded, at)
        _report(crowds, loaded, scene, at)
    if scene.probed:
        _probe(store, scene, at)
    heard = {} if not scene.probed else {one.name: _hear(one.name, one.kind, scene, at) for one in loaded.signals}
    store.hear(heard, crowds.crowds())
    store.judge()
    for verdict in store.verdicts.values():
        history.incidents.note(verdict, at)
    yield web.Site(store, Page(), Own(), history, _no_reload, lambda: scene.probed, crowds, intake)
    history.close()


async def _no_reload() -> list[str]:
    return []


def _loaded(scene: Scene, folder: Path) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    files = [config.shipped()]
    for number, text in enumerate(filter(None, ("globalping: off\n", scene.regions, scene.extra))):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(text, encoding="utf-8")
    return config.load(files, {})


def _hear(signal: str, kind: str, scene: Scene, at: float) -> Heard:
    notice = scene.notices.get(signal)
    notices = (replace(notice, opened_at=at - 1500.0),) if notice else ()
    return Heard(signal, kind, Reading(at, notices=notices), at, fresh=True)


def _probe(store: Store, scene: Scene, at: float) -> None:
    """Good runs first; what fails has failed for half an hour, while controls answered."""
    dice = random.Random(5)
    for key in store.records:
        for back in (300.0, 240.0):
            store.record(key, _ok(at - 1800.0 - back, 0.08 + dice.random() / 8))
    for back in (1800.0, 1790.0, 1780.0, 20.0):
        for key, record in sorted(store.records.items(), key=lambda one: one[0][0] != CONTROLS):
            reason = scene.fails(record.pair)
            store.record(key, _failed(reason, at - back + 1) if reason else _ok(at - back, 0.1 + dice.random() / 8))


def _ok(at: float, duration: float) -> Result:
    return Result(True, None, "", at, duration, {"connect": duration})


def _failed(reason: Reason, at: float) -> Result:
    words = {
        Reason.TIMEOUT: "no answer within 10 s",
        Reason.CONNECT: "no connection to 203.0.113.7:443: connection refused",
        Reason.BLOCKED: "status 403 of a bot wall",
    }
    return Result(False, reason, words[reason], at, 10.0, {"connect": 0.02, "first byte": 9.98})


def _report(crowds: Crowds, loaded: Config, scene: Scene, at: float) -> None:
    """Two weeks of reports with the hours of a day in them, and the last half hour as the scene says."""
    signal = next(one for one in loaded.signals if one.kind == PUSHED)
    dice, tallies = random.Random(7), []
    first = int((at - 15 * DAY) // SLOT)
    for slot in range(first, int(at // SLOT) + 1):
        usual = 3.0 + 2.5 * ((slot % 96) / 96)
        loud = scene.reports if slot * SLOT >= at - 1800.0 - SLOT else 1.0
        count = round(usual * loud * (0.7 + 0.6 * dice.random()))
        tallies += [Tally("tiktok", "", slot * SLOT, count), Tally("tiktok", "upload", slot * SLOT, count // 2)]
    crowds.add(signal, Reading(at, tuple(tallies), since=first * SLOT))


_PAST = ((2, 1500.0, Answer.DEGRADED), (9, 2600.0, Answer.PARTIAL), (31, 5400.0, Answer.DOWN), (78, 900.0, Answer.DOWN))
"""Days ago, seconds, and the worst of past incidents."""


def _remember(history: History, file: Path, loaded: Config, at: float) -> None:
    for days, seconds, worst in reversed(_PAST):
        begin = at - days * DAY - 3.7 * 3600
        for at_last in (begin, begin + seconds - 60.0):
            history.incidents.note(_bad("tiktok", worst, begin), at_last)
        history.incidents.note(replace(_bad("tiktok", Answer.UP, begin), since=None), begin + seconds)
    services = [service.name for service in loaded.services]
    with sqlite3.connect(file) as database:
        database.executemany("INSERT INTO answered VALUES (?, ?, ?, ?)", _days(services, at))
        database.executemany("INSERT INTO answered_lately VALUES (?, ?, ?, ?)", _slots(services, at))
        database.executemany("INSERT INTO paces VALUES (?, ?, ?, ?, ?, '[]')", _paces(services, at))
    database.close()


def _bad(service: str, answer: Answer, since: float) -> Verdict:
    return Verdict(
        service,
        "TikTok",
        answer,
        {"feed": answer, "upload": answer},
        {("feed", "us-east"): State.DOWN, ("upload", "eu-west"): State.DOWN},
        ("feed is down in 1 of 5 regions (us-east): no answer within 10 s.",),
        since=since,
    )


def _days(services: list[str], at: float) -> Iterator[tuple[str, int, Answer, float]]:
    """Watched for 80 days, but for one on which nobody did."""
    for service in services:
        for back in range(80):
            bad = next(((s, worst) for days, s, worst in _PAST if days == back and service == "tiktok"), None)
            if back != 50:
                yield service, int(at // DAY) - back, Answer.UP, at % DAY if not back else DAY - (bad[0] if bad else 0)
            if bad:
                yield service, int(at // DAY) - back, bad[1], bad[0]


def _slots(services: list[str], at: float) -> Iterator[tuple[str, int, Answer, float]]:
    """An hour of bad answers this night, two hours in which nobody watched, and all well else."""
    newest = int(at // SLOT)
    for service in services:
        for back in range(SLOTS_KEPT):
            worst = {61: Answer.DEGRADED, 60: Answer.PARTIAL, 59: Answer.DOWN, 58: Answer.PARTIAL}.get(back)
            if worst and service == "tiktok":
                yield service, newest - back, worst, 500.0
                yield service, newest - back, Answer.UP, 400.0
            elif not 76 <= back < 84:
                yield service, newest - back, Answer.UP, SLOT if back else at % SLOT


def _paces(services: list[str], at: float) -> Iterator[tuple[str, int, int, int, float]]:
    dice, newest = random.Random(3), int(at // SLOT)
    for service in services:
        for back in range(SLOTS_KEPT):
            hit = 57 < back < 62 and service == "tiktok"
            if not 76 <= back < 84:
                median = 0.11 + 0.02 * dice.random() + (0.16 if hit else 0.0) + 0.03 * (back % 96 > 50)
                yield service, newest - back, 60, 30 if hit else 0, median
