"""Listening: addresses, TLS and passwords by the web configuration, which is read again when it changes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import os
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import bcrypt
from aiohttp import web

from exporter.errors import ConfigError
from exporter.web.webconfig import WebConfig, read

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0  # seconds between two looks at the files' times
_REMEMBERED = 128  # passwords that were right lately, so that not every scrape costs a bcrypt
_CHECKS_AT_ONCE = 2  # of passwords: a flood of wrong ones must leave threads to others
_BCRYPT_BYTES = 72  # what bcrypt looks at
_SILENT_FOR = 10.0  # seconds that a new connection may take to its first request
_IDLE_FOR = 300.0  # seconds that a connection is kept between two requests: longer than any scrape interval
_STALLED_FOR = 60.0  # seconds that a reader may take nothing of an answer
_HEADER_LIMIT = 16384
_CLOSING = 2.0  # seconds that answers under way get when the program ends


class Gate:
    """The web configuration in force, and who may pass."""

    def __init__(self, path: Path | None) -> None:
        self.config = read(path) if path else WebConfig()
        self._path = path
        self._looked = time.monotonic()
        self._times = self._file_times()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._checking = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self.heard: set[web.RequestHandler] = set()
        self.changed: Callable[[], Awaitable[None]] | None = None

    def middleware(self) -> Any:
        """Refuses whoever has no right password, when users are configured."""

        @web.middleware
        async def passing(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
            await self.look()
            if self.config.users and not await self.admits(request.headers.get("Authorization", "")):
                return web.Response(
                    status=401,
                    text="401: this page asks for a user and password.\n",
                    headers={"WWW-Authenticate": 'Basic realm="outage-exporter"'},
                )
            self.heard.add(request.protocol)
            return await handler(request)

        return passing

    async def set_headers(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Those that the web configuration names, in place of our own."""
        answer.headers.update(self.config.headers)

    async def admits(self, authorization: str) -> bool:
        """Whether a Basic authorization header names a user with the right password."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        # For a stranger somebody's hash is checked in vain, so that it takes the same time.
        hashed = self.config.users.get(user) or next(iter(self.config.users.values()))
        ticket = hashlib.sha256(b"\0".join((hashed, user.encode(), password))).digest()
        if ticket in self._right:
            self._right.move_to_end(ticket)
            return True
        known = user in self.config.users
        async with self._checking:
            right = await asyncio.to_thread(bcrypt.checkpw, password[:_BCRYPT_BYTES], hashed) and known
        if right:
            self._right[ticket] = None
            if len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)
        return right

    async def look(self) -> None:
        """Take a changed file, at most once a second; keep the old one when the new has mistakes."""
        now = time.monotonic()
        if self._path is None or now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        times = self._file_times()
        if times == self._times:
            return
        self._times = times
        try:
            self.config = read(self._path)
        except ConfigError as error:
            log.error("web configuration not applied", extra={"mistakes": [str(m) for m in error.mistakes]})
            return
        self._times = self._file_times()
        log.info("web configuration applied", extra={"file": str(self._path)})
        if self.changed is not None:
            await self.changed()

    def _file_times(self) -> list[int]:
        files = {self._path, *self.config.files} - {None}
        return [_modified(file) for file in sorted(str(file) for file in files)]


def _modified(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(token, validate=True).partition(b":")
        return (user.decode(), password) if colon and b"\0" not in password else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Server:
    """The listening sockets; TLS is renewed by listening anew on them."""

    def __init__(self, app: web.Application, sockets: Sequence[socket.socket], gate: Gate) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_CLOSING,
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
        )
        self._sockets = sockets
        self._gate = gate
        self._sites: list[web.SockSite] = []
        self._watch: asyncio.Task[None] | None = None
        self._silent_since: dict[web.RequestHandler, float] = {}

    async def start(self) -> None:
        await self._runner.setup()
        await self._listen()
        self._gate.changed = self._renew
        self._watch = asyncio.create_task(self._watch_files())

    async def close(self) -> None:
        """Stop listening; answers under way get two seconds."""
        if self._watch is not None:
            self._watch.cancel()
        await self._runner.cleanup()
        for listening in self._sockets:
            listening.close()

    async def _listen(self) -> None:
        for listening in self._sockets:
            # A duplicate, so that closing a site leaves the port ours.
            site = web.SockSite(self._runner, listening.dup(), ssl_context=self._gate.config.context)
            await site.start()
            self._sites.append(site)

    async def _renew(self) -> None:
        old, self._sites = self._sites, []
        await self._listen()
        for site in old:
            await site.stop()

    async def _watch_files(self) -> None:
        # A handshake that is refused reaches no page, so the files are looked at without requests too.
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self._gate.look()
            self._drop_silent()

    def _drop_silent(self) -> None:
        """Close what has connected and then said nothing whole: aiohttp waits for a first request forever."""
        now = time.monotonic()
        assert self._runner.server is not None
        there = set(self._runner.server.connections)
        self._gate.heard &= there
        self._silent_since = {one: self._silent_since.get(one, now) for one in there - self._gate.heard}
        for one, since in self._silent_since.items():
            if now - since > _SILENT_FOR:
                one.force_close()


async def serve(app: web.Application, addresses: Sequence[str], web_config: Path | None) -> Server:
    """Listen on `host:port` addresses; OSError says which cannot be had, ConfigError what is wrong in the file."""
    gate = Gate(web_config)
    app.middlewares.append(gate.middleware())
    app.on_response_prepare.append(gate.set_headers)
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sockets.append(_bind(address))  # noqa: PERF401 - those already open must be closed when one fails
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    server = Server(app, sockets, gate)
    await server.start()
    return server


def _bind(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise OSError(f"{address!r} is not an address to listen on; write HOST:PORT, :PORT or [::1]:PORT")
    try:
        family = socket.AF_INET6 if ":" in host or not host else socket.AF_INET
        listening = socket.create_server(
            (host, int(port)), family=family, backlog=512, dualstack_ipv6=not host and socket.has_dualstack_ipv6()
        )
    except socket.gaierror as error:
        raise OSError(f"cannot listen on {address}: {error.strerror}") from error
    except OSError as error:
        # create_server's own words repeat the address.
        raise OSError(f"cannot listen on {address}: {os.strerror(error.errno or 0)}") from error
    if sys.platform == "linux":  # inherited by every connection
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_STALLED_FOR * 1000))
    return listening
