"""What of the readings counts, and for which service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.evidence import Blockage, Evidence, Upstream, gather
from exporter.model import Config, Feature, Region, Service, Signal
from exporter.readings import BUCKET, Crowd, Heard, Notice, Reading, Restriction
from tests.evidence import CALM, NOTICE, NOW, SPIKE

OTHER = Service("other", "Other", (Feature("watch", True, ()),))
TIKTOK = Service("tiktok", "TikTok", (), upstreams=("oracle:us-ashburn-1", "cdn"), expected_blocked=("IN",))
SIGNALS = (
    Signal("reports", "reports", None, 60.0),
    Signal("bluesky", "jetstream", None, 60.0, ("tiktok",)),
    Signal("tiktok_business", "feed", None, 300.0, ("tiktok",)),
    Signal("oracle", "oracle", None, 300.0),
    Signal("cdn", "statuspage", None, 300.0),
    Signal("ooni", "ooni", None, 3600.0, ("tiktok",)),
    Signal("ioda", "ioda", None, 900.0),
)
REGIONS = (Region("us", "local", None, country="US"), Region("in", "local", None, country="IN"))
CONFIG = Config((TIKTOK, OTHER), (), (*REGIONS, Region("here", "local", None)), (), signals=SIGNALS)


def said(signal: str, fresh: bool = True, **reading: object) -> dict[str, Heard]:
    kind = next(one.kind for one in SIGNALS if one.name == signal)
    return {signal: Heard(signal, kind, Reading(NOW, **reading), NOW, fresh)}  # type: ignore[arg-type]


def of(heard: dict[str, Heard], *crowds: Crowd, service: str = "tiktok") -> Evidence:
    return gather(CONFIG, heard, crowds, NOW)[service]


def test_a_notice_of_a_page_that_is_about_the_service_is_a_statement_and_about_another_is_none() -> None:
    heard = said("tiktok_business", notices=(NOTICE,))
    assert [(one.signal, one.notice) for one in of(heard).statements] == [("tiktok_business", NOTICE)]
    assert of(heard, service="other").statements == ()
    assert of(heard).upstreams == ()


@pytest.mark.parametrize(
    ("signal", "locations", "found"),
    [
        ("oracle", ("us-ashburn-1", "us-phoenix-1"), [("us-ashburn-1", True)]),
        ("oracle", ("US-Ashburn-1",), [("us-ashburn-1", True)]),
        ("oracle", ("us-phoenix-1",), []),
        ("oracle", (), [("us-ashburn-1", False)]),
        ("cdn", ("Frankfurt",), [("", True)]),
        ("cdn", (), [("", True)]),
    ],
)
def test_an_incident_upstream_counts_in_its_place_and_without_a_place_only_as_somewhere(
    signal: str, locations: tuple[str, ...], found: list[tuple[str, bool]]
) -> None:
    notice = replace(NOTICE, locations=locations)
    upstreams = of(said(signal, notices=(notice,))).upstreams
    assert upstreams == tuple(Upstream(signal, location, notice, exact) for location, exact in found)
    assert of(said(signal, notices=(notice,)), service="other").upstreams == ()


def test_a_country_is_blocked_by_who_says_so_with_our_regions_there() -> None:
    heard = said("ooni", restrictions=(Restriction("US", "blocked", "40 of 44 fail", "tiktok"),))
    assert of(heard).restrictions == (
        Blockage("expected", "IN", ("in",), "blocked", "the configuration expects it"),
        Blockage("ooni", "US", ("us",), "blocked", "40 of 44 fail"),
    )
    assert of(heard, service="other").restrictions == ()


def test_a_country_that_is_cut_off_is_so_for_every_service() -> None:
    heard = said("ioda", restrictions=(Restriction("IR", "cut off", "bgp fell"),))
    assert of(heard, service="other").restrictions == (Blockage("ioda", "IR", (), "cut off", "bgp fell"),)


@pytest.mark.parametrize("signal", ["tiktok_business", "cdn", "ooni"])
def test_a_signal_that_is_not_fresh_changes_nothing_and_is_named(signal: str) -> None:
    restrictions = (Restriction("US", "blocked", "40 of 44 fail", "tiktok"),)
    heard = said(signal, fresh=False, notices=(NOTICE,), restrictions=restrictions)
    heard[signal] = replace(heard[signal], failure="the body is no JSON")
    found = of(heard)
    assert (found.statements, found.upstreams) == ((), ())
    assert [one.source for one in found.restrictions] == ["expected"]
    assert found.silent == (f"{signal} has been silent since 1970-01-02 03:46 UTC: the body is no JSON.",)
    assert of(heard, service="other").silent == ()


def test_a_signal_that_never_spoke_is_said_so() -> None:
    heard = {"ioda": Heard("ioda", "ioda", failure="connection refused")}
    assert of(heard).silent == of(heard, service="other").silent == ("ioda has not spoken yet: connection refused.",)


def test_a_crowd_counts_for_its_service_while_its_signal_is_fresh_and_its_bucket_new() -> None:
    bluesky = replace(SPIKE, signal="bluesky", kind="jetstream")
    assert of(said("bluesky"), bluesky).crowds == (bluesky,)
    assert of(said("bluesky"), bluesky, service="other").crowds == ()
    assert of(said("bluesky", fresh=False), bluesky).crowds == ()
    assert of({}, bluesky).crowds == ()
    assert of(said("bluesky"), replace(bluesky, at=NOW - 2 * BUCKET - 61.0)).crowds == ()


def test_our_own_intake_is_heard_without_being_read_and_a_stranger_is_not() -> None:
    assert of({}, CALM, replace(SPIKE, signal="gone")).crowds == (CALM,)


def test_a_notice_that_two_upstreams_share_is_told_of_each() -> None:
    both = replace(CONFIG, services=(replace(TIKTOK, upstreams=("oracle:a", "oracle:b")),))
    notice: Notice = replace(NOTICE, locations=("a", "b"))
    found = gather(both, said("oracle", notices=(notice,)), (), NOW)["tiktok"]
    assert [one.location for one in found.upstreams] == ["a", "b"]
