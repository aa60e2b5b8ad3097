"""The real Alertmanager with the shipped configuration: alerts go in, and what people are told comes out.

One night is played once, on three Alertmanagers at the same time, with the waiting times that ship (75 s in all);
the tests look at what was told.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.alertmanager import Alertmanager
from tests.servers.pages import CHAT, DEADMAN, EMAIL, PAGER, Notice, Pages

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN = 120.0
"""Seconds; the longest wait is for the second beat, 75 s."""


@dataclass(frozen=True)
class Alert:
    """An alert whose first line is like no other's."""

    name: str
    severity: str
    labels: dict[str, str] = field(default_factory=dict)

    def of(self, service: str) -> Alert:
        return Alert(self.name, self.severity, {**self.labels, "service": service})

    @property
    def line(self) -> str:
        return f"{' '.join((self.name, self.severity, *self.labels.values()))} is here."

    @property
    def channel(self) -> str:
        """Where it is said soonest."""
        return PAGER if self.severity == "critical" else CHAT

    def firing(self) -> dict[str, Any]:
        labels = {"alertname": self.name, "severity": self.severity, **self.labels}
        return {"labels": labels, "annotations": {"description": f"{self.line}\nDo: look."}}

    def resolved(self) -> dict[str, Any]:
        return {**self.firing(), "endsAt": datetime.now(UTC).isoformat()}


FEED = {"feature": "feed"}
SERVICE = Alert("OutageServiceDown", "critical")
FEATURE = Alert("OutageFeatureDown", "critical", FEED)
UPLOAD = Alert("OutageFeatureDown", "critical", {"feature": "upload"})
BURN = Alert("OutageErrorBudgetBurn", "critical", {"window": "1h"})
SLOW_BURN = Alert("OutageErrorBudgetBurn", "warning", {"window": "3d"})
REGION = Alert("OutageRegionFailing", "warning", FEED | {"region": "de"})
DEGRADED = Alert("OutageDegraded", "warning", FEED)
DEGRADED_UPLOAD = Alert("OutageDegraded", "warning", {"feature": "upload"})
PEOPLE = Alert("OutageReportedByPeople", "warning", FEED)
BLOCKED = Alert("OutageProbeBlocked", "warning", FEED)
LINE = Alert("OutageOwnLineCut", "critical")
ABSENT = Alert("OutageExporterAbsent", "critical")
GONE = Alert("OutageExporterGone", "warning", {"job": "outage-exporter", "instance": "a"})
STALLED = Alert("OutageProbesStalled", "warning", {"instance": "a", "region": "de"})
SILENT = Alert("OutageRegionSilent", "warning", {"region": "de"})
SIGNAL = Alert("OutageSignalSilent", "warning", {"signal": "jetstream"})
FEW = Alert("OutageFewRegionsSee", "warning")
WORKER = Alert("OutageWorkerRestarting", "warning", {"instance": "a"})
LAST = Alert("OutageReloadFailed", "warning", {"instance": "last"})
WATCHDOG = Alert("Watchdog", "none")


@dataclass(frozen=True)
class Scene:
    """Alerts of one service that fire together: which are said, and which are not because of those."""

    service: str
    said: tuple[Alert, ...]
    hidden: tuple[Alert, ...] = ()

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [alert.firing() for alert in (*self.said, *self.hidden)]


def scene(service: str, said: tuple[Alert, ...], hidden: tuple[Alert, ...] = ()) -> Scene:
    return Scene(service, tuple(each.of(service) for each in said), tuple(each.of(service) for each in hidden))


# What hides whose alerts: a scene's service is its name.
SCENES = (
    scene("a-service", (SERVICE,), (FEATURE, REGION, DEGRADED, PEOPLE, BURN, SLOW_BURN)),
    scene("a-feature", (FEATURE, DEGRADED_UPLOAD), (REGION, DEGRADED, PEOPLE, BURN, SLOW_BURN)),
    scene("a-fast-burn", (BURN,), (SLOW_BURN,)),
    scene("warnings-hide-nothing", (DEGRADED, REGION, PEOPLE, BLOCKED, UPLOAD)),
    scene("another-service", (FEATURE, BLOCKED)),
    Scene("no-exporter", (ABSENT, WORKER), (GONE, STALLED, SILENT, SIGNAL, FEW)),
)
OWN_LINE = Scene(
    "own-line",
    (LINE, WORKER),
    (
        FEW, STALLED, SILENT, SIGNAL,
        *(each.of("tiktok") for each in (SERVICE, FEATURE, REGION, DEGRADED, PEOPLE, BLOCKED, BURN, SLOW_BURN)),
    ),
)  # fmt: skip
REGIONS = [Alert("OutageRegionFailing", "warning", {"service": "grouped", "region": name}) for name in ("de", "jp")]
HEALS = FEATURE.of("heals")


@dataclass(frozen=True)
class Night:
    """What was told by the three, and what the first two said of their alerts at the end."""

    town: Pages
    cut: Pages
    quiet: Pages
    states: dict[str, dict[str, str]]
    complaints: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Night]:
    async with (
        paged(tmp_path_factory.mktemp("town")) as (town, one),
        paged(tmp_path_factory.mktemp("cut")) as (cut, two),
        paged(tmp_path_factory.mktemp("quiet"), quiet=True) as (quiet, three),
    ):
        await asyncio.gather(play_town(town, one), play_cut(cut, two), play_quiet(quiet, three))
        states = {"town": await states_of(one), "cut": await states_of(two)}
        yield Night(town, cut, quiet, states, [*one.complaints, *two.complaints, *three.complaints])


@asynccontextmanager
async def paged(folder: Path, *, quiet: bool = False) -> AsyncIterator[tuple[Pages, Alertmanager]]:
    """As shipped, but that mail does not wait for five minutes."""
    async with Pages() as pages:
        config = pages.write_config(folder, quiet=quiet)
        text, changes = re.subn("group_wait: 5m", "group_wait: 30s", config.read_text(encoding="utf-8"))
        assert changes == 1
        config.write_text(text, encoding="utf-8")
        async with Alertmanager(folder, config, pages.environment) as alertmanager:
            yield pages, alertmanager


async def play_town(pages: Pages, alertmanager: Alertmanager) -> None:
    """Every scene, an alert from several regions, one that heals, and the watchdog."""
    await alertmanager.post(WATCHDOG.firing(), HEALS.firing(), *(alert.firing() for alert in REGIONS))
    for played in SCENES:
        await alertmanager.post(*played.alerts)
    await until_told(pages, HEALS)
    await alertmanager.post(HEALS.resolved())
    await until_settled(pages, alertmanager, SCENES)
    await pages.until(lambda notice: notice.channel == PAGER and notice.resolved, WITHIN)
    await pages.until(lambda notice: notice.channel == CHAT and notice.resolved, WITHIN)
    await pages.until(lambda _: len(pages.of(DEADMAN)) > 1, WITHIN)


async def play_cut(pages: Pages, alertmanager: Alertmanager) -> None:
    await alertmanager.post(WATCHDOG.firing(), *OWN_LINE.alerts)
    await until_settled(pages, alertmanager, (OWN_LINE,))


async def play_quiet(pages: Pages, alertmanager: Alertmanager) -> None:
    """A warning, and when it has been mailed a page: by then chat would have told of the warning."""
    await alertmanager.post(DEGRADED.firing())
    await pages.until(lambda notice: notice.channel == EMAIL, WITHIN)
    await alertmanager.post(FEATURE.firing())
    await pages.until(lambda notice: notice.channel == CHAT, WITHIN)


async def until_settled(pages: Pages, alertmanager: Alertmanager, scenes: tuple[Scene, ...]) -> None:
    """All that should be said has been, and then a warning that came later: nothing older still waits to be told."""
    for played in scenes:
        for alert in played.said:
            await until_told(pages, alert)
    await alertmanager.post(LAST.firing())
    await until_told(pages, LAST)


async def until_told(pages: Pages, alert: Alert) -> None:
    await pages.until(lambda notice: notice.channel == alert.channel and tells(notice, alert), WITHIN)


def tells(notice: Notice, alert: Alert) -> bool:
    return alert.line in f"{notice.title}\n{notice.body}"


def about(pages: Pages, alert: Alert) -> list[Notice]:
    return [notice for notice in pages.notices if tells(notice, alert)]


async def states_of(alertmanager: Alertmanager) -> dict[str, str]:
    """The state of each alert, by its first line."""
    found = await alertmanager.alerts()
    return {alert["annotations"]["description"].splitlines()[0]: alert["status"]["state"] for alert in found}


@pytest.mark.parametrize("played", SCENES, ids=lambda played: played.service)
async def test_an_alert_is_not_said_while_another_says_the_same_and_more(night: Night, played: Scene) -> None:
    assert [alert.line for alert in played.said if not about(night.town, alert)] == []
    assert [alert.line for alert in played.hidden if about(night.town, alert)] == []
    assert {night.states["town"][alert.line] for alert in played.hidden} <= {"suppressed"}


async def test_a_cut_line_is_one_page_and_no_word_about_any_service(night: Night) -> None:
    assert [notice.title for notice in night.cut.of(PAGER)] == [f"[PAGE] {LINE.line}"]
    told = {alert.line for alert in (*OWN_LINE.said, *OWN_LINE.hidden) if about(night.cut, alert)}
    assert told == {LINE.line, WORKER.line}


async def test_several_regions_are_one_notification(night: Night) -> None:
    (notice,) = {notice.title for notice in night.town.of(CHAT) if tells(notice, REGIONS[0])}
    assert notice == "[WARN] grouped: 2 x region failing: de, jp."
    assert about(night.town, REGIONS[0]) == about(night.town, REGIONS[1])


async def test_a_page_is_said_in_chat_too_and_never_mailed(night: Night) -> None:
    channels = [notice.channel for notice in about(night.town, FEATURE.of("another-service"))]
    assert sorted(channels) == [CHAT, PAGER]
    assert not [notice for notice in night.town.of(EMAIL) if "[PAGE]" in notice.title]


async def test_a_warning_is_said_in_chat_and_mailed_and_wakes_nobody(night: Night) -> None:
    channels = [notice.channel for notice in about(night.town, BLOCKED.of("another-service"))]
    assert sorted(channels) == [CHAT, EMAIL]


async def test_the_pager_closes_what_it_opened_and_says_after_how_long(night: Night) -> None:
    opened, closed = (notice for notice in about_what_heals(night) if notice.channel == PAGER)
    assert (opened.resolved, closed.resolved) == (False, True)
    assert opened.key == closed.key
    assert re.fullmatch(r"\[RESOLVED\] after \d+ s: OutageFeatureDown critical feed heals was here\.", closed.title)
    assert "Lasted" in closed.body


async def test_chat_is_told_that_it_is_over(night: Night) -> None:
    opened, closed = (notice for notice in about_what_heals(night) if notice.channel == CHAT)
    assert (opened.resolved, closed.resolved) == (False, True)


def about_what_heals(night: Night) -> list[Notice]:
    return [notice for notice in night.town.notices if "feed heals" in notice.title]


async def test_the_dead_mans_switch_hears_a_beat_again_and_again(night: Night) -> None:
    beats = night.town.of(DEADMAN)
    assert len(beats) > 1
    assert {(beat.title, beat.resolved) for beat in beats} == {("Watchdog", False)}
    assert not [notice for notice in night.town.notices if "Watchdog" in notice.title and notice.channel != DEADMAN]


async def test_the_dead_mans_switch_hears_a_beat_while_the_line_is_cut(night: Night) -> None:
    assert night.cut.of(DEADMAN)


async def test_quiet_hours_keep_warnings_out_of_chat_but_not_out_of_the_mailbox(night: Night) -> None:
    assert [notice.channel for notice in about(night.quiet, DEGRADED)] == [EMAIL]


async def test_quiet_hours_keep_no_page(night: Night) -> None:
    assert sorted(notice.channel for notice in about(night.quiet, FEATURE)) == [CHAT, PAGER]


async def test_nothing_fails_on_the_way(night: Night) -> None:
    assert night.complaints == []
