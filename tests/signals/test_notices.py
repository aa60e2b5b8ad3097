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
from exporter.model import NetworkOptions, Signal
from exporter.options import Secret
from exporter.readings import Fault, Reading
from exporter.signals import aws, feed, google, instatus, ioda, ooni, oracle, radar, statuspage
from tests.servers.origin import Origin, Reply, Request
from tests.signals import case_feed, case_google, case_oracle, case_statuspage
from tests.signals.case import TIKTOK
from tests.signals.times import iso, rfc

NOW = 1_795_600_000.0


async def read(kind: str, options: Callable[[str], Any], body: bytes) -> Reading:
    """What the kind makes of a server that answers every path with `body`."""
    async with Origin(lambda request: Reply(body)) as origin:
        fetch = Fetch(NetworkOptions(), lambda: NOW)
        signal = Signal(kind, kind, options(origin.url), 60.0, ("tiktok",))
        try:
            found: Reading = await kinds.module("signals", kind).read(signal, (TIKTOK,), fetch, "")
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


async def test_a_maintenance_under_way_is_open() -> None:
    def begin(page: Any) -> None:
        page["scheduled_maintenances"][0]["status"] = "in_progress"

    body = changed(case_statuspage.calm(Request("/api/v2/summary.json"), NOW), begin)
    assert [one.title for one in (await read("statuspage", lambda url: statuspage.Options(url=url), body)).notices] == [
        "Works"
    ]


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


def rss(*items: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{"".join(items)}</channel></rss>'.encode()


def item(title: str, at: float, link: str = "https://a.example/1") -> str:
    return f"<item><title>{title}</title><link>{link}</link><pubDate>{rfc(at)}</pubDate></item>"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item("Major Disruption", NOW - 60)], ["major"]),
        ([item("Low Disruption", NOW - 60)], ["minor"]),
        ([item("No Known Issue", NOW - 60)], []),
        ([item("Major Disruption", NOW - 90000)], []),
        ([item("Major Disruption", NOW - 600), item("Resolved: Major Disruption", NOW - 60)], []),
        ([item("Major Disruption", NOW - 60), item("Resolved: Major Disruption", NOW - 600)], ["major"]),
        ([item("Something else", NOW - 60, "a"), item("Major Disruption", NOW - 50, "b")], ["major", "unknown"]),
    ],
)
async def test_a_feed_tells_what_is_young_and_not_over(items: list[str], expected: list[str]) -> None:
    found = await read("feed", lambda url: feed.Options(url=url), rss(*items))
    assert [notice.level for notice in found.notices] == expected


async def test_atom_is_a_feed_as_well() -> None:
    entry = f"<entry><title>Outage</title><updated>{iso(NOW - 60)}</updated><link href='https://a.example/'/></entry>"
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{entry}</feed>'.encode()
    (notice,) = (await read("feed", lambda url: feed.Options(url=url), body)).notices
    assert (notice.title, notice.url, notice.level) == ("Outage", "https://a.example/", "major")


async def test_a_feed_that_is_cut_off_is_not_read() -> None:
    whole = case_feed.trouble(Request(case_feed.PATH), NOW)
    with pytest.raises(SignalError) as caught:
        await read("feed", lambda url: feed.Options(url=url), whole[:-60])
    assert caught.value.fault is Fault.FORMAT


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
