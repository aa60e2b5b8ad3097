"""The pages, asked over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.model import Reason, Signal
from exporter.readings import Fault, Heard, Notice, Reading
from exporter.web import connections
from tests.configurations import NOW, failed, ok
from tests.web.served import Served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        running.running.take("gstatic", ok(), "controls")
        running.running.take("home", ok(address="192.0.2.1"))
        running.running.take("page", failed(message="<script>alert(1)</script>"))
        yield running


async def test_the_front_page_says_the_verdict_in_words_and_holds_no_script(served: Served) -> None:
    status, text, headers = await served.get("/")
    assert status == 200
    assert "TikTok" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert text.count("<script") == text.count('<script src="/static/') == 1


async def test_what_a_server_said_is_escaped(served: Served) -> None:
    for path in ("/probes", "/probes/tiktok/page/here"):
        _, text, _ = await served.get(path)
        assert "&lt;script&gt;" in text
        assert "<script" not in text


async def test_a_pairs_page_shows_every_hop_for_a_person_to_read(served: Served) -> None:
    hops = [{"url": "http://a.example/", "status": 301}, {"url": "https://b.example/", "phases": {"tls": 0.02}}]
    served.running.take("home", replace(ok(), facts={"hops": hops}))
    _, text, _ = await served.get("/probes/tiktok/home/here")
    assert "https://b.example/" in text
    assert "0.02" in text
    assert "&#39;url&#39;" not in text


async def test_the_probes_page_filters_what_fails(served: Served) -> None:
    _, text, _ = await served.get("/probes?failing")
    assert "tiktok / page" in text
    assert "tiktok / home" not in text


async def test_a_pair_that_is_not_configured_is_said_so(served: Served) -> None:
    status, text, _ = await served.get("/probes/tiktok/nothing/here")
    assert (status, text) == (404, "404: no such pair is configured; see /probes.\n")


@pytest.mark.parametrize("page", ["0", "99", "-1", "x", "9" * 400])
async def test_a_page_number_from_anywhere_is_no_error(served: Served, page: str) -> None:
    status, _, _ = await served.get(f"/probes?page={page}")
    assert status == 200


async def test_status_is_json_with_the_verdict_and_the_regions(served: Served) -> None:
    _, text, _ = await served.get("/api/v1/status")
    said = json.loads(text)
    assert said["services"][0]["service"] == "tiktok"
    assert said["regions"] == [{"region": "here", "seeing": True, "sentence": ""}]


def with_signals(served: Served, *notices: Notice) -> None:
    """TikTok's page says these, and another signal nothing."""
    page = Signal("tiktok_business", "feed", None, 300.0, ("tiktok",))
    silent = Signal("ioda", "ioda", None, 900.0)
    served.running.apply(replace(served.running.store.config, signals=(page, silent)))
    heard = {
        "tiktok_business": Heard("tiktok_business", "feed", Reading(NOW, notices=notices), NOW, fresh=True),
        "ioda": Heard("ioda", "ioda", failure="<b>html</b> for JSON", failed_at=NOW, errors={Fault.FORMAT: 3}),
    }
    served.running.store.hear(heard, ())
    served.running.store.judge()


NOTICE = Notice("Uploads fail", "https://status.example/1", "major", NOW, quote="Uploads <b>fail</b>.")


async def test_status_says_cause_confidence_evidence_and_every_signal(served: Served) -> None:
    for number in (1, 2):
        served.running.take("gstatic", ok(NOW + number), "controls")
        served.running.take("page", failed(Reason.STATUS, NOW + number, message="status 500"))
    with_signals(served, NOTICE)
    said = json.loads((await served.get("/api/v1/status"))[1])
    tiktok = said["services"][0]
    assert (tiktok["answer"], tiktok["cause"], tiktok["by_probes"]) == ("degraded", "technical", "degraded")
    assert (
        tiktok["because"]
        == "1 of 1 failing probes (here) get wrong answers or none, mostly a wrong status: status 500."
    )
    assert tiktok["confidence"] == "high"
    assert tiktok["first_evidence"] == NOW
    assert tiktok["evidence"]["statements"][0]["notice"]["url"] == "https://status.example/1"
    assert tiktok["evidence"]["silent"] == ["ioda has not spoken yet: <b>html</b> for JSON."]
    assert [(one["signal"], one["fresh"], one["errors"]) for one in said["signals"]] == [
        ("tiktok_business", True, {}),
        ("ioda", False, {"format": 3}),
    ]
    assert said["signals"][1]["succeeded_at"] is None


async def test_metrics_are_negotiated_and_compressed_when_asked(served: Served) -> None:
    _, text, headers = await served.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    async with served.as_sent.get("/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert gzip.decompress(await answer.read()).endswith(b"# EOF\n")
    assert "probe_success" in text


@pytest.mark.parametrize(
    ("header", "packed"), [("gzip;q=0", False), ("br, gzip;q=0.1", True), ("GZIP", True), ("", False)]
)
async def test_gzip_is_sent_only_to_who_takes_it(served: Served, header: str, packed: bool) -> None:
    async with served.as_sent.get("/metrics", headers={"Accept-Encoding": header}) as answer:
        assert (answer.headers.get("Content-Encoding") == "gzip") is packed
        assert (await answer.read()).startswith(b"\x1f\x8b") is packed


@pytest.mark.parametrize("path", ["/", "/metrics", "/probes", "/config", "/-/healthy", "/api/v1/status"])
async def test_head_says_what_get_would_and_every_page_has_security_headers(served: Served, path: str) -> None:
    async with served.session.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with served.session.get(path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_connection_that_never_asks_is_closed_and_one_that_asks_is_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SILENT_FOR", 0.5)
    asking, answers = await asyncio.open_connection("127.0.0.1", served.port)
    answers.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await asking.readuntil(b"\r\n")
    silent, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET / HTTP/1.1\r\nHo")
    async with asyncio.timeout(10):
        assert await silent.read() == b""
    answers.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"HTTP/1.1 200 OK" in await asking.readuntil(b"HTTP/1.1 200 OK")
    for one in (writer, answers):
        one.close()


async def test_a_header_without_end_is_refused(served: Served) -> None:
    status, _, _ = await served.get("/", headers={"X-Long": "x" * 100_000})
    assert status == 431


async def test_ready_waits_for_the_first_result_and_healthy_does_not(served: Served) -> None:
    served.ready = False
    assert (await served.get("/-/ready"))[0] == 503
    assert (await served.get("/-/healthy"))[0] == 200


async def test_reload_answers_with_the_mistakes_and_takes_no_get(served: Served) -> None:
    served.mistakes = ["outage.yaml:3: regions: wrong"]
    async with served.session.post("/-/reload") as answer:
        assert answer.status == 400
        assert await answer.text() == "outage.yaml:3: regions: wrong\n1 mistake; nothing was applied.\n"
    served.mistakes = []
    async with served.session.post("/-/reload") as answer:
        assert answer.status == 200
    status, _, headers = await served.get("/-/reload")
    assert (status, headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("name", "value"),
    # Where a page came by http and not from this machine, browsers tell nothing but its origin.
    [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example"), ("Origin", "null")],
)
async def test_a_reload_from_another_sites_page_is_refused(served: Served, name: str, value: str) -> None:
    async with served.session.post("/-/reload", headers={name: value}) as answer:
        assert answer.status == 403


async def test_a_fault_of_ours_is_a_sentence_and_no_traceback(served: Served) -> None:
    served.running.store.verdicts = None  # type: ignore[assignment]
    status, text, _ = await served.get("/")
    assert status == 500
    assert "Traceback" not in text
    served.running.store.verdicts = {}
