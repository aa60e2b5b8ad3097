"""A WebSocket to read from (RFC 6455): what comes, or why nothing comes any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
from yarl import URL

from exporter.errors import SignalError
from exporter.fetch.session import Session, host_of, lower
from exporter.fetch.translation import translated
from exporter.readings import Fault

_FAREWELL = 0.5
"""Seconds that the other side has to answer a close."""


class Socket:
    """Open, until its context ends."""

    def __init__(self, stream: aiohttp.ClientWebSocketResponse, host: str, silence: float) -> None:
        self._stream = stream
        self._host = host
        self._silence = silence

    async def receive(self) -> bytes | str:
        """The next message; SignalError when there is none, when it is too large, or when the other side has left."""
        try:
            async with asyncio.timeout(self._silence):
                with translated(self._host):
                    message = await self._stream.receive()
        except TimeoutError as error:
            raise SignalError(Fault.TIMEOUT, f"{self._host} has been silent for {self._silence:g} s") from error
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            found: bytes | str = message.data
            return found
        raise self._ended(message)

    def _ended(self, message: aiohttp.WSMessage) -> SignalError:
        if isinstance(message.data, aiohttp.WebSocketError):
            if message.data.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                return SignalError(Fault.SIZE, f"{self._host} sends a message that is too large")
            return SignalError(Fault.FORMAT, f"{self._host} breaks the WebSocket protocol: {message.data}")
        code = self._stream.close_code
        said = f" (code {code})" if code not in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE) else ""
        return SignalError(Fault.UNREACHABLE, f"{self._host} closed the stream{said}")


@asynccontextmanager
async def connected(
    session: Session, url: URL, headers: Mapping[str, str], deadline: float, size_limit: int, silence: float
) -> AsyncIterator[Socket]:
    """The socket; `deadline` and `silence` are seconds, `size_limit` bytes of a message."""
    stream = await _open(session, url, headers, deadline, size_limit)
    try:
        yield Socket(stream, host_of(url), silence)
    finally:
        await _leave(stream)


async def _leave(stream: aiohttp.ClientWebSocketResponse) -> None:
    """Say farewell, but hang up on one who goes on talking: aiohttp's own timeout begins anew with each message."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            await stream.close()


async def _open(
    session: Session, url: URL, headers: Mapping[str, str], deadline: float, size_limit: int
) -> aiohttp.ClientWebSocketResponse:
    session.admit(url)
    try:
        async with asyncio.timeout(deadline):
            with translated(host_of(url)):
                return await session.client.ws_connect(
                    url,
                    headers=headers,
                    ssl=session.tls(url),
                    max_msg_size=size_limit,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_FAREWELL),
                )
    except TimeoutError as error:
        raise SignalError(Fault.TIMEOUT, f"{host_of(url)} did not answer within {deadline:g} s") from error
    except SignalError as error:
        refused = error.__cause__
        if isinstance(refused, aiohttp.WSServerHandshakeError):
            raise session.note(url, refused.status, lower(refused.headers or {})) from refused
        raise
