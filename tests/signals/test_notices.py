"""What official pages, clouds and those who measure censorship say, as the formats have it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Any

import pytest

from exporter import kinds
from exporter.errors import SignalError
from exporter.fetch import Fetch
from exporter.languages import of
from exporter.model import NetworkOptions, Service, Signal
from exporter.options import Secret
from exporter.readings import Fault, Reading
from exporter.signals import aws, google, instatus, ioda, ooni, oracle, radar, statuspage
from tests.servers.origin import Origin, Reply, Request
from tests.signals import case_google, case_oracle, case_statuspage
from tests.signals.case import TIKTOK
from tests.signals.times import iso

NOW = 1_795_600_000.0


async def read(
    kind: str, options: Callable[[str], Any], body: bytes, services: tuple[Service, ...] = (TIKTOK,)
) -> Reading:
    """What the kind makes of a server that answers every path with `body`."""
    async with Origin(lambda request: Reply(body)) as origin:
        fetch = Fetch(NetworkOptions(), lambda: NOW)
        signal = Signal(kind, kind, options(origin.url), 60.0, tuple(service.name for service in services))
        try:
            found: Reading = await kinds.module("signals", kind).read(signal, services, fetch, "")
        finally:
            await fetch.close()
        return found


def changed(body: bytes, change: Callable[[Any], None]) -> bytes:
    value = json.loads(body)
    change(value)
    return json.dumps(value).encode()


async def test_an_open_incident_is_told_with_its_words_and_without_its_markup() -> None:
    body = case_statuspage.trouble(Request("/api/v2/summary.json"), NOW)
    (notice,) = (await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices
    assert (notice.title, notice.level, notice.locations) == ("Errors at the edge", "major", ("CDN",))
    assert notice.quote == "We are looking into it."
    assert notice.opened_at == NOW - 600


async def test_what_is_resolved_or_only_scheduled_is_not_open() -> None:
    def resolve(page: Any) -> None:
        page["incidents"][0]["status"] = "resolved"
        page["status"]["indicator"] = "none"

    body = changed(case_statuspage.trouble(Request("/api/v2/summary.json"), NOW), resolve)
    assert (await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices == ()


@pytest.mark.parametrize(("services", "expected"), [((TIKTOK,), [("Works", NOW - 60)]), ((), [])])
async def test_a_maintenance_under_way_is_a_statement_of_a_service_and_never_an_incident_upstream(
    services: tuple[Service, ...], expected: list[tuple[str, float]]
) -> None:
    def begin(page: Any) -> None:
        page["scheduled_maintenances"][0] |= {"status": "in_progress", "scheduled_for": iso(NOW - 60)}

    body = changed(case_statuspage.calm(Request("/api/v2/summary.json"), NOW), begin)
    found = await read("statuspage", lambda url: statuspage.Options(url=url), body, services)
    assert [(one.title, one.opened_at) for one in found.notices] == expected


async def test_what_a_statuspage_leaves_null_is_unsaid() -> None:
    def forget(page: Any) -> None:
        page["page"]["updated_at"] = None
        names = ("impact", "created_at", "shortlink", "incident_updates", "components")
        page["incidents"][0] |= dict.fromkeys(names)

    body = changed(case_statuspage.trouble(Request("/api/v2/summary.json"), NOW), forget)
    (notice,) = (await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices
    assert (notice.title, notice.level, notice.opened_at) == ("Errors at the edge", "unknown", None)
    assert (notice.locations, notice.quote) == ((), "")


async def test_an_indicator_that_is_unknown_hides_no_open_incident() -> None:
    def repaint(page: Any) -> None:
        page["status"]["indicator"] = "purple"

    body = changed(case_statuspage.trouble(Request("/api/v2/summary.json"), NOW), repaint)
    assert len((await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices) == 1


async def test_an_indicator_without_an_incident_is_told_by_its_description() -> None:
    def redden(page: Any) -> None:
        page["status"] = {"indicator": "critical", "description": "Major Service Outage"}

    body = changed(case_statuspage.calm(Request("/api/v2/summary.json"), NOW), redden)
    (notice,) = (await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices
    assert (notice.title, notice.level) == ("Major Service Outage", "critical")


@pytest.mark.parametrize(
    ("kind", "options", "body"),
    [
        (
            "statuspage",
            lambda url: statuspage.Options(url=url),
            b'{"page": {"name": "a"}, "status": {"indicator": "purple"}}',
        ),
        ("instatus", lambda url: instatus.Options(url=url), b'{"page": {"name": "a", "status": "PURPLE"}}'),
    ],
)
async def test_an_unknown_indicator_is_never_operational(kind: str, options: Any, body: bytes) -> None:
    with pytest.raises(SignalError, match=r"must be one of .*(purple|PURPLE)") as caught:
        await read(kind, options, body)
    assert caught.value.fault is Fault.FORMAT


async def test_oracle_tells_each_region_that_is_not_normal_and_no_other() -> None:
    body = case_oracle.trouble(Request("/api/v2/components.json"), NOW)
    (notice,) = (await read("oracle", lambda url: oracle.Options(url=url), body)).notices
    assert (notice.locations, notice.level) == (("us-ashburn-1",), "major")
    assert notice.title == "Oracle Cloud, US East (Ashburn): Compute not normal"


async def test_an_unknown_status_of_oracle_is_a_notice_of_unknown_level() -> None:
    def rename(page: Any) -> None:
        page["regionHealthReports"][0]["serviceHealthReports"][0]["serviceStatus"] = "Wobbly"

    body = changed(case_oracle.trouble(Request("/api/v2/components.json"), NOW), rename)
    (notice,) = (await read("oracle", lambda url: oracle.Options(url=url), body)).notices
    assert (notice.level, notice.quote) == ("unknown", "Wobbly")


async def test_oracle_names_its_incidents() -> None:
    def number(page: Any) -> None:
        page["regionHealthReports"][0]["serviceHealthReports"][0]["incidents"] = [{"incidentId": "ABC-1"}]

    body = changed(case_oracle.trouble(Request("/api/v2/components.json"), NOW), number)
    (notice,) = (await read("oracle", lambda url: oracle.Options(url=url), body)).notices
    assert notice.quote == "ServiceDisruption (incidents: ABC-1)"


async def test_no_region_at_all_is_no_green_page() -> None:
    with pytest.raises(SignalError, match="regionHealthReports: is empty"):
        await read("oracle", lambda url: oracle.Options(url=url), b'{"regionHealthReports": []}')


async def test_google_tells_the_places_that_are_affected_now() -> None:
    body = case_google.trouble(Request("/incidents.json"), NOW)
    (notice,) = (await read("google", lambda url: google.Options(url=url), body)).notices
    assert (notice.locations, notice.level) == (("us-central1",), "critical")
    assert notice.url.endswith("/incidents/abc")


async def test_aws_is_read_as_utf_16_and_its_region_comes_from_the_arn() -> None:
    event = {"date": f"{NOW - 600:.0f}", "arn": "arn:aws:health:us-east-1::event/x", "status": "3", "summary": "Errors"}
    body = codecs.BOM_UTF16_BE + json.dumps([event, {**event, "status": "0"}]).encode("utf-16-be")
    (notice,) = (await read("aws", lambda url: aws.Options(url=url), body)).notices
    assert (notice.locations, notice.level, notice.opened_at) == (("us-east-1",), "critical", NOW - 600)


async def test_an_incident_of_a_whole_cloud_names_no_place() -> None:
    def spread(incidents: Any) -> None:
        incidents[0]["currently_affected_locations"].append({"id": "global", "title": "Global"})

    body = changed(case_google.trouble(Request("/incidents.json"), NOW), spread)
    (notice,) = (await read("google", lambda url: google.Options(url=url), body)).notices
    assert notice.locations == ()
    event = {"date": f"{NOW - 600:.0f}", "arn": "arn:aws:health:global::event/IAM/x", "status": "2", "summary": None}
    (notice,) = (await read("aws", lambda url: aws.Options(url=url), json.dumps([event]).encode())).notices
    assert (notice.locations, notice.title) == ((), "AWS: an event")


async def test_the_newest_words_of_an_aws_event_are_quoted_wherever_they_stand() -> None:
    log = [{"message": "It is over.", "timestamp": NOW - 60}, {"message": "It begins.", "timestamp": NOW - 600}]
    for updates in (log, log[::-1]):
        body = json.dumps([{"status": "1", "event_log": updates}]).encode()
        (notice,) = (await read("aws", lambda url: aws.Options(url=url), body)).notices
        assert notice.quote == "It is over."


def country(name: str, anomalies: int, confirmed: int, fine: int) -> dict[str, Any]:
    return {"probe_cc": name, "anomaly_count": anomalies, "confirmed_count": confirmed, "ok_count": fine}


@pytest.mark.parametrize(
    ("countries", "expected"),
    [
        ([country("IN", 40, 0, 4), country("DE", 0, 0, 50)], ["IN"]),
        ([country("IN", 15, 0, 1), country("DE", 0, 0, 50)], []),  # too few
        ([country("IN", 0, 9, 60), country("DE", 0, 0, 50)], ["IN"]),  # a seventh of it confirmed
        ([country("US", 3, 1, 3000), country("DE", 0, 0, 50)], []),  # one provider of thousands
        ([country("IN", 40, 0, 4), country("DE", 38, 0, 12), country("US", 70, 0, 30)], []),  # everywhere: an outage
        ([country("IN", 40, 0, 4)], []),  # nobody else to compare with
        # Most of those that are measured fail: one country that does not is no proof that the rest blocks.
        ([*(country(name, 40, 0, 4) for name in ("IN", "US", "GB")), country("DE", 0, 0, 900)], []),
    ],
)
async def test_a_country_blocks_only_while_others_are_fine(
    countries: list[dict[str, Any]], expected: list[str]
) -> None:
    body = json.dumps({"v": 0, "result": countries}).encode()
    found = await read("ooni", lambda url: ooni.Options(url=url, domains={"tiktok": "www.tiktok.com"}), body)
    assert [one.country for one in found.restrictions] == expected
    assert all(one.service == "tiktok" and one.kind == "blocked" for one in found.restrictions)


def event(source: str, ago: float, duration: float = 600.0) -> dict[str, Any]:
    return {"location": "country/IR", "start": NOW - ago, "duration": duration, "datasource": source}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("bgp", 900), event("merit-nt", 900)], ["IR"]),
        ([event("bgp", 900)], []),
        ([event("bgp", 900), event("bgp", 900)], []),
        ([event("bgp", 80000), event("merit-nt", 80000)], []),
    ],
)
async def test_a_country_is_cut_off_when_two_sources_say_so_now(
    events: list[dict[str, Any]], expected: list[str]
) -> None:
    body = json.dumps({"error": None, "data": events}).encode()
    found = await read("ioda", lambda url: ioda.Options(url=url), body)
    assert [one.country for one in found.restrictions] == expected


async def test_a_country_that_was_not_asked_for_is_not_told() -> None:
    body = json.dumps({"data": [event("bgp", 900), event("merit-nt", 900)]}).encode()
    for countries, expected in (("IR",), 1), (("US",), 0):
        found = await read("ioda", lambda url, asked=countries: ioda.Options(url=url, countries=asked), body)
        assert len(found.restrictions) == expected


@pytest.mark.parametrize(
    ("outage", "asns", "end", "expected"),
    [
        ({"outageType": "NATIONWIDE"}, [], None, ["IR"]),
        ({"outageType": "REGIONAL"}, [], None, []),
        ({}, [64496], None, []),
        ({"outageType": "NATIONWIDE"}, [], iso(NOW - 60), []),
    ],
)
async def test_radar_counts_what_is_nationwide_and_has_no_end(
    outage: dict[str, str], asns: list[int], end: str | None, expected: list[str]
) -> None:
    one = {"locations": ["IR"], "startDate": iso(NOW - 600), "endDate": end, "asns": asns, "outage": outage}
    body = json.dumps({"success": True, "result": {"annotations": [one]}}).encode()
    found = await read("radar", lambda url: radar.Options(url=url, token=Secret("t")), body)
    assert [one.country for one in found.restrictions] == expected


def outage(**more: Any) -> dict[str, Any]:
    return {"locations": ["IR"], "startDate": iso(NOW - 600), "outage": {"outageType": "NATIONWIDE"} | more}


@pytest.mark.parametrize(
    ("kind", "options", "body", "said"),
    [
        (
            "ooni",
            lambda url: ooni.Options(url=url, domains={"tiktok": "www.tiktok.com"}),
            {"v": 0, "result": [country("IN", 40, 1, 3), country("DE", 0, 0, 50)]},
            "41 von 44 Messungen in 2 Tagen schlagen fehl, davon 1 als Sperre bestätigt",
        ),
        (
            "ioda",
            lambda url: ioda.Options(url=url),
            {"data": [event("bgp", 900), event("merit-nt", 900)]},
            "2 Quellen sehen einen Ausfall (bgp, merit-nt)",
        ),
        (
            "radar",
            lambda url: radar.Options(url=url, token=Secret("t")),
            {"success": True, "result": {"annotations": [outage(outageCause="POWER_OUTAGE")]}},
            "ein Ausfall ist vermerkt (power outage)",
        ),
        (
            "radar",
            lambda url: radar.Options(url=url, token=Secret("t")),
            {"success": True, "result": {"annotations": [outage()]}},
            "ein Ausfall ist vermerkt (Ursache unbekannt)",
        ),
    ],
)
async def test_what_is_found_of_a_country_is_told_in_another_language(
    kind: str, options: Callable[[str], Any], body: dict[str, Any], said: str
) -> None:
    (found,) = (await read(kind, options, json.dumps(body).encode())).restrictions
    assert of("de").tell(found.because) == said
