"""Where pages arrive: PagerDuty's Events API v2, a Slack webhook, a mailbox and a dead man's switch, on loopback.

    async with Pages() as pages:
        config = pages.write_config(folder)  # the shipped one, pointed here
        async with Alertmanager(folder, config, pages.environment) as alertmanager:
            await alertmanager.post(alert)
            notice = await pages.until(lambda notice: notice.channel == "pager")

Only those who know the secrets of `write_config` are heard, so that a notice proves that the secrets' files were read.
"""

from __future__ import annotations

import asyncio
import html
import re
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.servers.certificates import Authority
from tests.servers.mailbox import Mailbox

PAGER, CHAT, EMAIL, DEADMAN = "pager", "chat", "email", "deadman"
SHIPPED = Path(__file__).parents[2] / "alerts" / "alertmanager.yml"

_ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_PASSWORD = "open sesame"
_TOKEN = "still alive"
_SECRETS = "/etc/alertmanager/secrets"
_QUIET_HOURS = re.compile(r'start_time: "[\d:]+", end_time: "[\d:]+"')


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification as its reader sees it.

    `channel` is the receiver's name. `key` binds a resolution to its firing; chat and e-mail have none.
    """

    channel: str
    title: str
    body: str
    resolved: bool
    key: str = ""


class Pages:
    """Receives until left. `on_notice` is called with each notice as it comes."""

    def __init__(self, on_notice: Callable[[Notice], None] | None = None) -> None:
        self.notices: list[Notice] = []
        self._on_notice = on_notice
        self._news = asyncio.Condition()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pages-")))
            self._authority = Authority(folder)
            tls = self._authority.leaf("127.0.0.1").server_context()
            self._mailbox = await stack.enter_async_context(Mailbox(tls, _PASSWORD, self._hear_mail))
            self.url = await self._serve(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def smarthost(self) -> str:
        """host:port of the mailbox."""
        return self._mailbox.smarthost

    @property
    def environment(self) -> dict[str, str]:
        """What Alertmanager's process needs to trust the mailbox's certificate."""
        return {"SSL_CERT_FILE": str(self._authority.file)}

    def write_config(self, folder: Path, *, quiet: bool = False, shipped: Path = SHIPPED) -> Path:
        """A copy of the shipped configuration that pages here, whatever the hour; its secrets are put in `folder`.

        `quiet` makes all hours quiet hours. Nothing else differs from what ships.
        """
        text = shipped.read_text(encoding="utf-8")
        # None at all cannot be said: a minute that is half a day away.
        far = f"{(datetime.now(UTC).hour + 12) % 24:02}"
        hours = ("00:00", "24:00") if quiet else (f"{far}:00", f"{far}:01")
        for old, new in (
            (_SECRETS, str(self._write_secrets(folder))),
            ("https://events.pagerduty.com/v2/enqueue", f"{self.url}/v2/enqueue"),
            ("https://deadman.example.com/", f"{self.url}/deadman/"),
            ("smtp.example.com:587", self.smarthost),
            ("templates/", f"{shipped.parent / 'templates'}/"),
        ):
            assert old in text, f"{shipped.name} no longer says {old}"
            text = text.replace(old, new)
        text, changes = _QUIET_HOURS.subn(f'start_time: "{hours[0]}", end_time: "{hours[1]}"', text)
        assert changes
        file = folder / shipped.name
        file.write_text(text, encoding="utf-8")
        return file

    async def until(self, holds: Callable[[Notice], object], within: float = 60.0) -> Notice:
        """The first notice for which `holds` is true, past ones included; AssertionError after `within` seconds."""

        def found() -> Notice | None:
            return next((notice for notice in self.notices if holds(notice)), None)

        try:
            async with self._news:
                notice = await asyncio.wait_for(self._news.wait_for(found), within)
        except TimeoutError:
            raise AssertionError(f"not within {within:g} s; there were {self.notices}") from None
        assert notice is not None
        return notice

    def of(self, channel: str) -> list[Notice]:
        """The notices of that channel so far."""
        return [notice for notice in self.notices if notice.channel == channel]

    async def _serve(self, stack: AsyncExitStack) -> str:
        app = web.Application()
        app.router.add_post("/v2/enqueue", self._hear_page)
        app.router.add_post("/slack/{token}", self._hear_chat)
        app.router.add_post("/deadman/{rest:.*}", self._hear_beat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def _write_secrets(self, folder: Path) -> Path:
        secrets = folder / "secrets"
        secrets.mkdir(parents=True, exist_ok=True)
        for name, secret in (
            ("pagerduty_routing_key", _ROUTING_KEY),
            ("slack_api_url", f"{self.url}/slack/T0"),
            ("smtp_password", _PASSWORD),
            ("deadman_token", _TOKEN),
        ):
            (secrets / name).write_text(secret, encoding="utf-8")
        return secrets

    async def _hear_page(self, request: web.Request) -> web.Response:
        event = await request.json()
        if event["routing_key"] != _ROUTING_KEY:
            return web.json_response({"status": "invalid event", "errors": ["unknown routing key"]}, status=400)
        await self._add(_page(event))
        return web.json_response({"status": "success", "dedup_key": event["dedup_key"]}, status=202)

    async def _hear_chat(self, request: web.Request) -> web.Response:
        await self._add(_message(await request.json()))
        return web.Response(text="ok")

    async def _hear_mail(self, mail: EmailMessage) -> None:
        part = mail.get_body(("plain",))
        await self._add(_titled(EMAIL, str(mail["Subject"]), part.get_content().replace("\r\n", "\n") if part else ""))

    async def _hear_beat(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {_TOKEN}":
            return web.Response(status=401)
        beat = await request.json()
        names = ", ".join(alert["labels"]["alertname"] for alert in beat["alerts"])
        await self._add(Notice(DEADMAN, names, "", beat["status"] == "resolved", beat["groupKey"]))
        return web.Response(text="OK")

    async def _add(self, notice: Notice) -> None:
        async with self._news:
            self.notices.append(notice)
            self._news.notify_all()
        if self._on_notice:
            self._on_notice(notice)


def _page(event: dict[str, Any]) -> Notice:
    resolved = event["event_action"] == "resolve"
    details = event["payload"].get("custom_details", {})
    body = details.get("resolved" if resolved else "firing", "")
    return Notice(PAGER, event["payload"]["summary"], body.strip(), resolved, event["dedup_key"])


def _message(message: dict[str, Any]) -> Notice:
    (attachment,) = message["attachments"]
    body = re.sub(r"<([^|>]+)\|([^>]+)>", r"\2: \1", attachment.get("text", ""))
    return _titled(CHAT, html.unescape(attachment["title"]), html.unescape(body))


def _titled(channel: str, title: str, body: str) -> Notice:
    return Notice(channel, title, body.strip(), title.startswith("[RESOLVED]"))
