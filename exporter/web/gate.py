"""The web configuration in force, and who may pass by it; it is read again when one of its files changes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

import bcrypt
from aiohttp import web

from exporter.errors import ConfigError
from exporter.web.webconfig import WebConfig, read

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the files' times."""

_REMEMBERED = 128  # passwords that were right lately, so that not every scrape costs a bcrypt
_CHECKS_AT_ONCE = 2  # of passwords: a flood of wrong ones must leave threads to others
_BCRYPT_BYTES = 72  # what bcrypt looks at


class Gate:
    """`changed` holds what is to be done when a new configuration is in force."""

    def __init__(self, path: Path | None) -> None:
        self.config = read(path) if path else WebConfig()
        self.changed: list[Callable[[], Awaitable[None]]] = []
        self._path = path
        self._looked = time.monotonic()
        self._times = self._file_times()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._checking = asyncio.Semaphore(_CHECKS_AT_ONCE)

    async def refusal(self, authorization: str) -> web.Response | None:
        """What is answered to whoever has no right password, when users are configured; None for whoever may pass."""
        await self.look()
        if not self.config.users or await self._admits(authorization):
            return None
        return web.Response(
            status=401,
            text="401: this page asks for a user and password.\n",
            headers={"WWW-Authenticate": 'Basic realm="outage-exporter"'},
        )

    async def look(self) -> None:
        """Take a changed file, at most once a second; keep the old one when the new has mistakes."""
        now = time.monotonic()
        if self._path is None or now - self._looked < LOOK_EVERY:
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
        for act in self.changed:
            await act()

    async def _admits(self, authorization: str) -> bool:
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
    except ValueError:
        return None
