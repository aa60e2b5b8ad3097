"""What all requests share: connections, where they may go, and which hosts want to be left alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import aiohttp
from yarl import URL

from exporter import USER_AGENT
from exporter.errors import ProbeError, SignalError
from exporter.fetch.limits import Limits
from exporter.fetch.lookup import Lookup
from exporter.fetch.translation import status_error
from exporter.model import NetworkOptions
from exporter.net.tls import Contexts
from exporter.options import TLSConfig
from exporter.readings import Fault


class Session:
    """`now` is unix seconds. Opened by the first request; `close` it."""

    def __init__(self, network: NetworkOptions, now: Callable[[], float]) -> None:
        self._now = now
        self._lookup = Lookup(network)
        self._contexts = Contexts(network.ca_file)
        self._limits = Limits()
        self._client: aiohttp.ClientSession | None = None

    @property
    def client(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def admit(self, url: URL) -> None:
        """SignalError when `url` must not be asked, or not yet."""
        self._lookup.check(url)
        self._limits.check(host_of(url), self._now())

    def note(self, url: URL, status: int, headers: Mapping[str, str]) -> SignalError:
        """Remember what an answer says of limits; what it means when it is no success."""
        now = self._now()
        return status_error(host_of(url), status, self._limits.note(host_of(url), status, headers, now), now)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def tls(self, url: URL) -> ssl.SSLContext | bool:
        """What to trust; read from disk only when it is needed. SignalError `internal` when it cannot be read."""
        if url.scheme not in ("https", "wss"):
            return True
        try:
            return self._contexts.get(TLSConfig(), ("http/1.1",))
        except ProbeError as error:
            raise SignalError(Fault.INTERNAL, str(error)) from error

    def _connect(self) -> aiohttp.ClientSession:
        # No connection is used twice: one that a configured host may have is not one that a redirect may use.
        connector = aiohttp.TCPConnector(resolver=self._lookup, use_dns_cache=False, force_close=True)
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            trace_configs=[_no_redirects()],
        )


def _no_redirects() -> aiohttp.TraceConfig:
    """A WebSocket's redirects would be followed by aiohttp itself, past `admit`; a GET's are followed by us."""

    async def refuse(_: object, __: object, told: aiohttp.TraceRequestRedirectParams) -> None:
        raise SignalError(Fault.REDIRECT, f"{host_of(told.url)} redirects a stream")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


def parsed(url: str, params: Mapping[str, str] | None = None) -> URL:
    """`url` with `params` in its query; SignalError `internal` when it is none that can be asked."""
    try:
        found = URL(url)
        if found.scheme not in ("http", "https", "ws", "wss") or not found.raw_host:
            raise ValueError("it is not on the web")
        return found.update_query(params) if params else found
    except ValueError as error:
        raise SignalError(Fault.INTERNAL, f"{url!r} cannot be asked: {error}") from error


def host_of(url: URL) -> str:
    """The host as limits and sentences name it: with its port where that is not the scheme's own."""
    return url.authority.rpartition("@")[2]


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
