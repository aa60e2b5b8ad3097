"""All pages on a port of its own, and the public ones on another, over what a test hands in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
import bcrypt

from exporter import web
from exporter.crowd import Crowds
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Config
from exporter.signals.reports import Intake
from tests.configurations import NOW, Running, config
from tests.servers.ports import free_port


class Served:
    """`public` asks the public address, `session` the other, `as_sent` without unpacking what is answered.

    With `here` the public pages are open on both. `now` is the clock of what is probed.
    """

    def __init__(
        self,
        folder: Path,
        web_config: Path | None = None,
        here: bool = False,
        loaded: Config | None = None,
        now: Callable[[], float] = lambda: NOW + 1.0,
    ) -> None:
        self.running = Running(loaded or config("home", "page"), now)
        self.mistakes: list[str] = []
        self.ready = True
        self.history = History(folder / "data")
        self.port, self.public_port = free_port(), free_port()
        self._web_config, self._here = web_config, here
        self.crowds = Crowds(self.history.buckets, time.time)
        self.intake = Intake(self.crowds.add, time.time)
        self.site = web.Site(
            store=self.running.store,
            page=self.running.page,
            own=Own(),
            history=self.history,
            reload=self._reload,
            ready=lambda: self.ready,
            crowds=self.crowds,
            intake=self.intake,
        )
        self.apply(self.running.store.config)

    def apply(self, loaded: Config) -> None:
        """Make this the configuration, as the program does."""
        self.running.apply(loaded)
        self.crowds.apply(loaded)
        self.intake.apply(loaded)

    async def __aenter__(self) -> Self:
        shelf = web.Shelf()
        public = web.Public(
            web.public_application(self.site, shelf), (f"127.0.0.1:{self.public_port}",), here=self._here
        )
        app = web.application(self.site, shelf)
        self.server = await web.serve(app, [f"127.0.0.1:{self.port}"], self._web_config, public)
        scheme = "https" if self._web_config and "tls_server" in self._web_config.read_text() else "http"
        address = f"{scheme}://localhost:{self.port}"
        self.session = aiohttp.ClientSession(address)
        self.as_sent = aiohttp.ClientSession(address, auto_decompress=False)
        self.public = aiohttp.ClientSession(f"{scheme}://localhost:{self.public_port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in (self.session, self.as_sent, self.public):
            await session.close()
        await self.server.close()
        self.close()

    def close(self) -> None:
        """Of what was never entered."""
        self.intake.close()
        self.history.close()

    async def _reload(self) -> list[str]:
        return self.mistakes

    async def get(self, path: str, **more: Any) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
        """Status, text and headers, of the address where all pages are."""
        async with self.session.get(path, **more) as answer:
            return answer.status, await answer.text(), answer.headers

    async def get_public(self, path: str, **more: Any) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
        """The same of the public address."""
        async with self.public.get(path, **more) as answer:
            return answer.status, await answer.text(), answer.headers


async def sent(port: int, request: bytes, enough: bytes | None = None, within: float = 10.0) -> bytes:
    """All that is answered to these bytes until the connection is closed; or until `enough` is there, or it is late."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answered = b""
    try:
        async with asyncio.timeout(within):
            while (enough is None or enough not in answered) and (piece := await reader.read(65536)):
                answered += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return answered


def authorization(user: str, password: str) -> dict[str, str]:
    """The header of a user and password."""
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


def hashed(password: bytes) -> str:
    """As it stands in the web configuration, as cheap as bcrypt can be."""
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


def write_web_config(folder: Path, text: str) -> Path:
    """The web configuration with this text."""
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path
