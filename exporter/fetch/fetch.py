"""GET, with everything that asking strangers every few minutes takes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from exporter.errors import SignalError
from exporter.fetch import body
from exporter.fetch.kept import Copy, Kept, conditions
from exporter.fetch.lookup import redirected
from exporter.fetch.session import Session, host_of, lower, parsed
from exporter.fetch.socket import Socket, connected
from exporter.fetch.translation import PassingError, translated
from exporter.model import NetworkOptions
from exporter.readings import Fault

ATTEMPTS = 3
MOST_REDIRECTS = 5
BACKOFF = 0.5
"""Seconds before the second attempt, doubled for the next; each time between half and one and a half of it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """A body that was answered with 2xx, decompressed; header names are in lower case.

    `url` is where it came from at last. A body that did not change since the last time is answered from memory.
    """

    body: bytes
    headers: Mapping[str, str]
    url: str
    status: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a caller wants, and when the time for it is over, on the loop's clock."""

    home: URL
    headers: Mapping[str, str]
    size_limit: int
    deadline: float
    ends: float

    @property
    def left(self) -> float:
        return self.ends - asyncio.get_running_loop().time()


class Fetch:
    """One for all signals of a configuration. `now` is unix seconds, `backoff` seconds; `close` it."""

    def __init__(
        self, network: NetworkOptions, now: Callable[[], float] = time.time, *, backoff: float = BACKOFF
    ) -> None:
        self.now = now
        self._backoff = backoff
        self._session = Session(network, now)
        self._kept = Kept()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        size_limit: int = 2 << 20,
        deadline: float = 20.0,
    ) -> Answer:
        """The answer within `deadline` seconds, all attempts and redirects included, of at most `size_limit` bytes.

        `headers` go to the host of `url` alone. SignalError for whatever goes wrong.
        """
        ends = asyncio.get_running_loop().time() + deadline
        asked = _Asked(parsed(url, params), dict(headers or {}), size_limit, deadline, ends)
        for attempt in range(1, ATTEMPTS):
            try:
                # Half of what is left, so that a server that hangs once can still be asked again.
                return await self._attempt(asked, asked.left / 2)
            except PassingError:
                # Jitter, not a secret.
                pause = self._backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
                if pause >= asked.left:
                    raise
            await asyncio.sleep(pause)
        return await self._attempt(asked, asked.left)

    def socket(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 20.0,
        size_limit: int = 1 << 20,
        silence: float = 60.0,
    ) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket that opens within `deadline` seconds and takes messages of at most `size_limit` bytes.

        More than `silence` seconds without a message end it. Redirects are not followed.
        """
        return connected(self._session, parsed(url), headers or {}, deadline, size_limit, silence)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _attempt(self, asked: _Asked, within: float) -> Answer:
        try:
            async with asyncio.timeout(within):
                return await self._follow(asked)
        except TimeoutError as error:
            raise PassingError(
                Fault.TIMEOUT, f"{host_of(asked.home)} did not answer within {asked.deadline:g} s"
            ) from error

    async def _follow(self, asked: _Asked) -> Answer:
        """Hop by hop, each with its own look at where it goes."""
        url = asked.home
        for _ in range(MOST_REDIRECTS + 1):
            token = redirected.set(url.host != asked.home.host)
            try:
                answer = await self._hop(url, asked)
            finally:
                redirected.reset(token)
            if answer.status not in _REDIRECTS:
                return answer
            url = _next(url, answer.headers["location"])
        raise SignalError(Fault.REDIRECT, f"{host_of(asked.home)} redirects more than {MOST_REDIRECTS} times")

    async def _hop(self, url: URL, asked: _Asked) -> Answer:
        self._session.admit(url)
        headers = asked.headers if url.origin() == asked.home.origin() else {}
        key = (str(url), tuple(sorted(headers.items())))
        copy = self._kept.get(key)
        sent = {**headers, **conditions(copy)}
        with translated(host_of(url)):
            tls = self._session.tls(url)
            async with self._session.client.get(url, headers=sent, allow_redirects=False, ssl=tls) as response:
                answer = await self._read(url, response, asked.size_limit, copy)
        self._kept.put(key, Copy(answer.body, answer.headers))
        return answer

    async def _read(self, url: URL, response: aiohttp.ClientResponse, limit: int, copy: Copy | None) -> Answer:
        status, headers = response.status, lower(response.headers)
        refusal = self._session.note(url, status, headers)
        if status == 304 and copy is not None:
            return Answer(copy.body, {**copy.headers, **headers}, str(url), 200)
        if status in _REDIRECTS and "location" in headers:
            return Answer(b"", {"location": headers["location"]}, str(url), status)
        if not 200 <= status < 300:
            raise refusal
        return Answer(await body.read(response, limit), headers, str(url), status)


def _next(url: URL, location: str) -> URL:
    """Where a redirect leads; SignalError `redirect` when nobody should follow it there."""
    try:
        following = url.join(URL(location)).with_fragment(None).with_user(None)
    except ValueError as error:
        raise SignalError(Fault.REDIRECT, f"{host_of(url)} redirects to what is not on the web") from error
    if following.scheme not in ("http", "https") or not following.raw_host:
        raise SignalError(Fault.REDIRECT, f"{host_of(url)} redirects to what is not on the web")
    if url.scheme == "https" and following.scheme == "http":
        raise SignalError(Fault.REDIRECT, f"{host_of(url)} redirects from https to http")
    return following
