"""The connections of an address: those that say nothing are closed, and when there are too many, some make room.

What is no HTTP at all is answered here, because it reaches no page.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import http_exceptions, web

from exporter.web.site import HEADERS

log = logging.getLogger(__name__)

SILENT_FOR = 10.0
"""Seconds that a new connection may take to its first request."""

HEADER_LIMIT = 16384
"""Bytes of a request's first line, and of each of its headers."""

_IDLE_FOR = 300.0  # seconds that a connection is kept between two requests: longer than any scrape interval
_LINGERING = 5.0  # seconds in which the rest of a body is thrown away that nobody wanted
_DESCRIPTORS_KEPT = 256  # for all that is no connection: databases, workers, signals, files
_DESCRIPTORS_MOST = 65536


def allow_many() -> None:
    """Raise this process's limit of descriptors as far as it may: the usual 1024 are soon taken by a crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_MOST if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most() -> int:
    """How many connections there may be, by what the descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _DESCRIPTORS_MOST if soft == resource.RLIM_INFINITY else soft
    return max(allowed - _DESCRIPTORS_KEPT, _DESCRIPTORS_KEPT)


class Connections:
    """Those of one application; `limit` is how many there may be, `headers` what every answer carries.

    A connection is silent until its first request is whole, and idle while it waits for another.
    """

    def __init__(self, limit: int) -> None:
        self.headers: Mapping[str, str] = {}
        self._limit = limit
        self._open: set[Connection] = set()
        # Both in the order in which they came, with the loop's time.
        self._silent: dict[Connection, float] = {}
        self._idle: dict[Connection, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def protocol(self, server: web.Server) -> Connection:
        """A new one, which `server` counts among its own."""
        return Connection(
            server,
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=_IDLE_FOR,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            lingering_time=_LINGERING,
            # Nobody packs what they send us, but for a bomb.
            auto_decompress=False,
        )

    def came(self, one: Connection) -> None:
        """Who is silent makes room first, then who is idle: somebody who asks is never put out by who does not."""
        first = next(iter(self._silent or self._idle), one)
        self._open.add(one)
        self._silent[one] = asyncio.get_running_loop().time()
        if len(self._open) > self._limit:
            self._drop(first)

    def asked(self, one: Connection) -> None:
        """A request is whole, and is being answered."""
        self._silent.pop(one, None)
        self._idle.pop(one, None)

    def answered(self, one: Connection) -> None:
        """It waits for the next request, unless it has gone."""
        if one in self._open:
            self._idle[one] = asyncio.get_running_loop().time()

    def gone(self, one: Connection) -> None:
        """It is closed."""
        self._open.discard(one)
        self.asked(one)

    def drop_silent(self) -> None:
        """Close what has connected and then said nothing whole: aiohttp waits for a first request for an hour."""
        now = asyncio.get_running_loop().time()
        for one, since in list(self._silent.items()):
            if now - since <= SILENT_FOR:
                return
            self._drop(one)

    def _drop(self, one: Connection) -> None:
        self.gone(one)
        # What is closed is still sent what it was answered, for as long as it takes.
        if one.transport is not None and one.transport.get_write_buffer_size():
            one.transport.abort()
        one.force_close()


class Connection(web.RequestHandler):
    """One visitor's connection; `on_leaving` is called when they go away, while there is something to give up."""

    __slots__ = ("_others", "on_leaving")

    def __init__(self, server: web.Server, others: Connections, **options: Any) -> None:
        super().__init__(server, **options)
        self._others = others
        self.on_leaving: Callable[[], object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._others.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._others.gone(self)
        if self.on_leaving is not None:
            self.on_leaving()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A sentence, and nothing in the log: anybody can send rubbish, as often as they like."""
        if status >= 500:
            log.error("a request failed by a fault of this program", extra={"path": request.path}, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        status, sentence = _sentence(status, exc)
        headers = {**HEADERS, **self._others.headers}
        answer = web.Response(status=status, text=f"{status}: {sentence}.\n", headers=headers)
        answer.force_close()
        return answer


def _sentence(status: int, exc: BaseException | None) -> tuple[int, str]:
    if isinstance(exc, http_exceptions.LineTooLong):
        return 431, f"the address or a header is longer than {HEADER_LIMIT} bytes, or there are too many headers"
    if status == 400:
        return 400, "this is no HTTP request that is understood here"
    return status, "this failed by a fault of this program; the log says where"
