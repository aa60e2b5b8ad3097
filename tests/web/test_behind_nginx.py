"""The public pages behind Debian's nginx, by the very file that ships: kept, asked for again, reported through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from exporter import kinds
from exporter.model import Signal
from tests.configurations import ok
from tests.servers.ports import free_port
from tests.servers.program import until
from tests.web.served import Served

BADGE = "/tiktok/badge.svg"
SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "outage.conf"
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format asked '$request_uri $upstream_status'; access_log {folder}/asked.log asked; log_subrequest on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  scgi_temp_path {folder}/d; uwsgi_temp_path {folder}/e;
  {shipped}
}}
"""


class Nginx:
    """In front of `served`, under a name that no resolver knows."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.port, self._folder = free_port(), folder
        shipped = SHIPPED.read_text()
        for written, here in (
            ("127.0.0.1:19721", f"127.0.0.1:{served.public_port}"),
            ("listen 80", f"listen 127.0.0.1:{self.port}"),
            ("/var/cache/nginx", str(folder)),
        ):
            assert written in shipped
            shipped = shipped.replace(written, here)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, shipped=shipped))

    async def __aenter__(self) -> Self:
        command = ("nginx", "-e", str(self._folder / "error.log"), "-c", str(self._folder / "nginx.conf"))
        self._process = await asyncio.create_subprocess_exec(*command)
        self.name = f"tiktok-status.example:{self.port}"
        self.address = f"http://127.0.0.1:{self.port}"
        self.session = aiohttp.ClientSession(self.address, headers={"Host": self.name})
        await until(self._listens, bool)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        self._process.terminate()
        await self._process.wait()

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        async with self.session.get(path, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def report(self, machine: int, origin: str, forged: str) -> tuple[int, Any]:
        """Status, and whether it was counted, of a report from 127.0.0.`machine` that says it came from elsewhere."""
        headers = {"Host": self.name, "Origin": origin, "X-Forwarded-For": forged}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(f"127.0.0.{machine}", 0))) as session,
            session.post(self.address + "/api/v1/reports", json={"service": "tiktok"}, headers=headers) as answer,
        ):
            return answer.status, (await answer.json()).get("counted")

    def asked(self, path: str) -> list[str]:
        """The statuses with which the exporter answered, once for each time that it was asked for `path`."""
        lines = [line.split() for line in (self._folder / "asked.log").read_text().splitlines()]
        return [status for asked, status in lines if asked == path and status != "-"]

    async def _listens(self) -> bool:
        try:
            (await asyncio.open_connection("127.0.0.1", self.port))[1].close()
        except ConnectionError:
            return False
        return True


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        options = kinds.module("signals", "reports").Options(
            visitor_header="X-Forwarded-For", trusted_proxies=(ip_network("127.0.0.1/32"),)
        )
        people = Signal("people", "reports", options, 10.0, ("tiktok",))
        running.apply(replace(running.running.store.config, signals=(people,)))
        running.running.take("gstatic", ok(), "controls")
        yield running


@pytest.fixture
async def nginx(tmp_path: Path, served: Served) -> AsyncIterator[Nginx]:
    async with Nginx(tmp_path, served) as running:
        yield running


async def test_a_crowd_asks_the_exporter_once(nginx: Nginx) -> None:
    answers = await asyncio.gather(*(nginx.get("/tiktok") for _ in range(200)))
    assert {status for status, _, _ in answers} == {200}
    assert len({text for _, text, _ in answers}) == 1
    assert len(nginx.asked("/tiktok")) == 1


async def test_who_has_a_page_is_told_so_by_nginx_and_nginx_by_the_exporter(nginx: Nginx) -> None:
    _, _, headers = await nginx.get(BADGE)
    status, text, _ = await nginx.get(BADGE, **{"If-None-Match": headers["ETag"]})
    assert (status, text, nginx.asked(BADGE)) == (304, "", ["200"])

    async def again() -> list[str]:
        await nginx.get(BADGE)
        return nginx.asked(BADGE)

    # It is fresh for five seconds.
    assert await until(again, lambda asked: len(asked) > 1) == ["200", "304"]


async def test_a_slash_too_many_is_led_back_through_the_proxy(nginx: Nginx) -> None:
    assert (await nginx.get("/robots.txt/"))[0] == 200


async def test_when_the_exporter_is_gone_the_last_page_is_still_there_for_everybody(
    nginx: Nginx, served: Served
) -> None:
    _, page, headers = await nginx.get("/tiktok")
    assert headers["Content-Encoding"] == "gzip"
    await served.server.close()

    async def again() -> str:
        status, text, headers = await nginx.get("/tiktok", **{"Accept-Encoding": "identity"})
        assert (status, text, headers.get("Content-Encoding")) == (200, page, None)
        return str(headers["X-Cache"])

    # Five seconds it is fresh; what is asked for beyond shows that nobody answers.
    await until(again, lambda cache: cache in ("STALE", "UPDATING"))


async def test_each_visitor_counts_once_whatever_is_written_into_the_header(nginx: Nginx, served: Served) -> None:
    own = f"http://{nginx.name}"
    told = [await nginx.report(who, own, said) for who, said in ((1, "203.0.113.1"), (2, "x"), (2, "203.0.113.1"))]
    assert told == [(202, True), (202, True), (202, False)]
    assert served.intake.refused["foreign"] == 0


async def test_another_sites_page_cannot_report_through_the_proxy(nginx: Nginx) -> None:
    assert (await nginx.report(1, "https://evil.example", ""))[0] == 403


async def test_events_come_through_as_they_happen(nginx: Nginx, served: Served) -> None:
    async def ring() -> None:
        while True:
            served.site.streams.ring()
            await asyncio.sleep(0.05)

    ringing = asyncio.create_task(ring())
    told = b""
    async with asyncio.timeout(10), nginx.session.get("/tiktok/events?v=old") as answer:
        assert answer.content_type == "text/event-stream"
        while b"\n\n" not in told.partition(b"event: glance")[2]:
            told += await answer.content.readany()
    ringing.cancel()
    data = next(line for line in told.decode().splitlines() if line.startswith("data: {"))
    assert "html" in json.loads(data.removeprefix("data: "))


@pytest.mark.parametrize("path", ["/config", "/metrics", "/probes", "/probes/tiktok/home/here", "/%63onfig"])
async def test_what_operators_see_is_not_behind_the_proxy(nginx: Nginx, path: str) -> None:
    assert (await nginx.get(path))[0] == 404
