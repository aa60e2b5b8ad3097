"""Every alert that ships, fired for real: TikTok in a box, the exporter, Prometheus, Alertmanager and a pager.

The rules are those that ship with all their durations divided, so that a warning of hours takes half a minute; nothing
else of them changes. The last test holds the list of those that fired against the list of those that exist.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
import yaml

from tests.servers.alertmanager import Alertmanager
from tests.servers.box import Box
from tests.servers.faults import CONTROLS
from tests.servers.pages import DEADMAN, PAGER, Pages
from tests.servers.ports import free_port
from tests.servers.program import Exporter, hastened, until
from tests.servers.proxies import Microsocks, Tinyproxy
from tests.stack.prometheus import RULES, Prometheus

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASTE = {"expr": 100, "for": 400, "keep_firing_for": 400}
"""A rate needs two scrapes in its window; a wait needs nothing."""

SOCKS, CONNECT = "eu-west", "us-east"

NEVER_READ = "ioda"
"""A signal whose source answers with a page for people, from the beginning."""

VISITORS = 60
"""So many that report are a spike, also when a new quarter of an hour begins amid them."""

# Rules with faults of their own, for the alerts about rules.
FAULTY = """
groups:
  - name: fails
    rules: [{record: "never", expr: "up * on () up"}]
  - name: slow
    interval: 1ms
    rules: [{record: "late", expr: "count(probe_failures_total)"}]
"""


@dataclass(frozen=True, slots=True)
class Alerting:
    """Everything, running."""

    box: Box
    socks: Microsocks
    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    pages: Pages
    folder: Path

    async def until_fires(self, alert: str, says: str = "", within: float = 60.0, **labels: str) -> str:
        """The description of that alert, as soon as it fires with these labels and these words match."""

        async def ask() -> list[str]:
            wanted = {"alertname": alert, **labels}.items()
            firing = [one for one in await self.prometheus.alerts() if one["state"] == "firing"]
            return [one["annotations"]["description"] for one in firing if wanted <= one["labels"].items()]

        found = await until(ask, lambda texts: any(re.search(says, text) for text in texts), within)
        return next(text for text in found if re.search(says, text))


def hastened_rules(folder: Path) -> Path:
    """A copy of the rules that ship, every duration divided as `HASTE` says."""
    rules = folder / "rules"
    rules.mkdir()
    for file in RULES.glob("*.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in content["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule |= {key: _divided(rule[key], HASTE[key]) for key in HASTE.keys() & rule.keys()}
        (rules / file.name).write_text(yaml.safe_dump(content), encoding="utf-8")
    (rules / "faulty.yml").write_text(FAULTY, encoding="utf-8")
    return rules


def _divided(text: str, by: int) -> str:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return re.sub(r"\b(\d+)([smhd])\b", lambda found: f"{int(found[1]) * seconds[found[2]] * 1000 // by}ms", text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alerting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alerting]:
    """The stack, all well."""
    folder = tmp_path_factory.mktemp("alerts")
    async with AsyncExitStack() as running:
        box = await running.enter_async_context(Box())
        socks = await running.enter_async_context(Microsocks(box, SOCKS, user="box", password="box"))
        connect = await running.enter_async_context(Tinyproxy(box, CONNECT))
        box.publish(NEVER_READ, "wrong")
        files = (hastened(folder, 2.0), box.write_config(folder, [socks, connect]))
        exporter = await running.enter_async_context(Exporter(folder, *files, arguments=("--workers=1",)))
        pages = await running.enter_async_context(Pages())
        config = pages.write_config(folder)
        alertmanager = await running.enter_async_context(Alertmanager(folder, config, pages.environment))
        prometheus = await running.enter_async_context(
            Prometheus(
                folder,
                f"127.0.0.1:{exporter.port}",
                alertmanager=f"127.0.0.1:{alertmanager.port}",
                rules=hastened_rules(folder),
            )
        )
        await exporter.until_answer("tiktok", "up")
        yield Alerting(box, socks, exporter, prometheus, alertmanager, pages, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def healthy(alerting: Alerting) -> AsyncIterator[Alerting]:
    """All well before and again after, but for what was never read."""
    await alerting.exporter.until_answer("tiktok", "up")
    yield alerting
    alerting.box.mend()
    alerting.box.publish(NEVER_READ, "wrong")


async def test_rules_that_fail_or_are_late_are_told(healthy: Alerting) -> None:
    await healthy.until_fires("OutageRulesFailing", "rules of fails")
    await healthy.until_fires("OutageRulesSlow", "of slow: they take longer")
    # What is late for its interval of a millisecond keeps a processor busy.
    (healthy.folder / "rules" / "faulty.yml").unlink()
    healthy.prometheus.reload(f"127.0.0.1:{healthy.alertmanager.port}")


async def test_features_that_half_work_burn_the_budget_though_none_is_down(healthy: Alerting) -> None:
    healthy.box.break_(host="vm.tiktok.com", mode="status 503")
    for host in ("p16-sign-va.tiktokcdn.com", "api.tiktokv.com", "webcast.tiktok.com"):
        healthy.box.break_(host=host, mode="reset")
    await healthy.until_fires("OutageDegraded", service="tiktok", feature="feed")
    for window in ("1h", "6h"):
        await healthy.until_fires("OutageErrorBudgetBurn", service="tiktok", severity="critical", window=window)


async def test_a_statement_of_officials_is_news(healthy: Alerting) -> None:
    healthy.box.publish("tiktok_business")
    told = r"^A statement about TikTok is open at tiktok_business since \d\d:\d\d UTC\."
    await healthy.until_fires("OutageOfficialStatement", told, service="tiktok", source="tiktok_business")


async def test_an_outage_of_everything_pages_once_as_the_service(healthy: Alerting) -> None:
    healthy.box.publish("oracle")
    incident = 'outage_upstream_incident{provider="oracle",location="us-ashburn-1",service="tiktok"} == 1'
    await healthy.prometheus.until_holds(incident)
    # Not refused: what tinyproxy says of that is no word about the target, and its region would not vote.
    healthy.box.break_(mode="reset")
    headline = r"^TikTok is down in 3 of 3 regions since \d\d:\d\d UTC\.\n"
    said = await healthy.until_fires("OutageServiceDown", headline, service="tiktok")
    assert said.endswith("Working now: Instagram Reels, Snapchat Spotlight, YouTube Shorts.")
    named = r"Likely cause: upstream\. Incident open at oracle us-ashburn-1\. Officials: "
    await healthy.until_fires("OutageServiceDown", named, service="tiktok")
    await healthy.until_fires("OutageFeatureDown", service="tiktok", feature="upload")
    await healthy.until_fires("OutageRegionFailing", service="tiktok", feature="feed", region=SOCKS)
    await healthy.pages.until(lambda notice: notice.channel == PAGER and "TikTok is down in " in notice.title)


async def test_a_bot_wall_is_a_warning(healthy: Alerting) -> None:
    healthy.box.break_(feature="api", mode="blocked")
    await healthy.until_fires("OutageProbeBlocked", "user_info from here", service="tiktok", feature="api")


async def test_a_certificate_that_has_ended_is_told(healthy: Alerting) -> None:
    healthy.box.break_(feature="ads", mode="bad certificate")
    await healthy.until_fires("OutageCertificateExpiring", "certificate of ads_manager has ended")


async def test_a_region_without_its_proxy_is_missed(healthy: Alerting) -> None:
    await healthy.socks.stop()
    try:
        said = await healthy.until_fires("OutageFewRegionsSee", "^Only 2 of 3 regions see the internet")
        assert f"Blind: {SOCKS}." in said
    finally:
        await healthy.socks.start()


async def test_a_cut_line_pages_about_the_line(healthy: Alerting) -> None:
    healthy.box.break_(mode="refuse")
    healthy.box.break_(feature=CONTROLS, mode="refuse")
    await healthy.until_fires("OutageOwnLineCut", "^Our own line is cut: none of our regions sees the internet")


async def test_workers_that_keep_dying_and_stalled_probes_are_told(healthy: Alerting) -> None:
    async def kill_workers() -> bool:
        for worker in healthy.exporter.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        firing = {one["labels"]["alertname"] for one in await healthy.prometheus.alerts() if one["state"] == "firing"}
        return {"OutageWorkerRestarting", "OutageProbesStalled"} <= firing

    await until(kill_workers, bool, 60.0)


async def test_a_refused_configuration_is_told(healthy: Alerting) -> None:
    file = healthy.folder / "tiktok.yaml"
    shipped = file.read_text(encoding="utf-8")
    file.write_text(shipped + "oops: true\n", encoding="utf-8")
    try:
        assert (await healthy.exporter.post("/-/reload"))[0] == 400
        await healthy.until_fires("OutageReloadFailed")
    finally:
        file.write_text(shipped, encoding="utf-8")
        assert (await healthy.exporter.post("/-/reload"))[0] == 200


async def test_a_page_that_is_not_delivered_is_told(healthy: Alerting) -> None:
    key = healthy.folder / "secrets" / "pagerduty_routing_key"
    right = key.read_text(encoding="utf-8")
    key.write_text("f" * 32, encoding="utf-8")
    healthy.box.break_(feature="upload", mode="refuse")
    try:
        await healthy.until_fires("OutagePagesNotDelivered", "by pagerduty")
    finally:
        key.write_text(right, encoding="utf-8")


async def test_the_watchdog_reaches_the_dead_mans_switch(healthy: Alerting) -> None:
    # Prometheus says it again after a minute: what it says first may come before it has found Alertmanager.
    await healthy.pages.until(lambda notice: notice.channel == DEADMAN and notice.title == "Watchdog", 90)


async def test_failures_of_hours_are_a_warning_of_days(healthy: Alerting) -> None:
    for window in ("1d", "3d"):
        await healthy.until_fires(
            "OutageErrorBudgetBurn", within=180, service="tiktok", severity="warning", window=window
        )


async def test_a_signal_that_was_never_read_is_told(healthy: Alerting) -> None:
    told = rf"^The signal {NEVER_READ} has never been read\.\nErrors in 3 h: (?:\w+ \(\d+\), )*format \(\d+\)"
    # Three hours, hastened; the tests before have taken longer.
    await healthy.until_fires("OutageSignalSilent", told, within=150, signal=NEVER_READ)


async def test_what_people_report_and_no_probe_sees_is_a_warning_and_no_page(healthy: Alerting) -> None:
    """The last in which all is well: people are believed for half an hour."""
    await asyncio.gather(*(report_upload(healthy, f"127.0.77.{number + 1}") for number in range(VISITORS)))
    heard = r"Heard from: people \(score \d+\.\d\)\. Users: \d+ reports in 15 min, usual 4 \(people\)\."
    told = rf"^TikTok upload is broken for people since .*\n{heard}\nOur probes: not down in any of 3 regions\."
    await healthy.until_fires("OutageReportedByPeople", told, service="tiktok", feature="upload")
    alone = ("degraded", "up")
    await until(
        lambda: healthy.exporter.verdict("tiktok"), lambda found: (found["answer"], found["by_probes"]) == alone
    )
    firing = [one["labels"] for one in await healthy.prometheus.alerts() if one["state"] == "firing"]
    assert not [labels for labels in firing if labels["severity"] == "critical"]


async def report_upload(alerting: Alerting, visitor: str) -> None:
    """As somebody at that address."""
    connector = aiohttp.TCPConnector(local_addr=(visitor, 0))
    async with (
        aiohttp.ClientSession(alerting.exporter.url, connector=connector) as session,
        session.post("/api/v1/reports", json={"service": "tiktok", "feature": "upload"}) as answer,
    ):
        assert answer.status == 202


async def test_a_page_does_not_resolve_because_the_exporter_is_gone(alerting: Alerting) -> None:
    alerting.box.break_(feature="live", mode="reset")
    await alerting.until_fires("OutageFeatureDown", "^TikTok live is down in 3 of 3 regions", feature="live")
    alerting.exporter.process.terminate()
    await alerting.until_fires("OutageExporterGone")
    await alerting.until_fires("OutageExporterAbsent")
    await alerting.until_fires("OutageRegionSilent", region=CONNECT)
    await alerting.until_fires(
        "OutageFeatureDown", "^TikTok live is down in 3 of 3 regions .*, by what each said last", feature="live"
    )


async def test_prometheus_without_its_alertmanager_is_told(alerting: Alerting) -> None:
    alerting.prometheus.reload()
    await alerting.until_fires("OutageAlertmanagerUnreachable")
    alerting.prometheus.reload(f"127.0.0.1:{free_port()}")
    await alerting.until_fires("OutageAlertsNotSent")


async def test_a_configuration_that_prometheus_refuses_is_told(alerting: Alerting) -> None:
    alerting.prometheus.reload(mistake="oops: true\n")
    await alerting.until_fires("OutageMonitoringReloadFailed", "^prometheus ")


async def test_every_alert_that_ships_has_fired(alerting: Alerting) -> None:
    """The last of this module: it looks back over all the tests before."""
    shipped = {
        rule["alert"]
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    fired = await alerting.prometheus.query('max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[1h]))')
    assert {labels["alertname"] for labels, _ in fired} == shipped
