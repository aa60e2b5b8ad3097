"""The hosts of the box: what listens for them, and what each connection and request is answered."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from tests.servers import globalping, shapes
from tests.servers.faults import Fault, Mode
from tests.servers.globalping import Globalping
from tests.servers.listener import Listener, reset
from tests.servers.publishers import Publishers

PORTS = (443, 80)


@dataclass(frozen=True, slots=True)
class Seen:
    """One HTTP request that reached the box."""

    region: str
    host: str
    path: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Site:
    """One host; `http` is False when it is probed but never sent a request."""

    host: str
    address: str
    http: bool
    good: ssl.SSLContext
    expired: ssl.SSLContext
    listeners: list[Listener] = field(default_factory=list)


class Sites:
    """Serves sites. `fault(host, region, path)` says what is broken, `region_of(address)` who is asking.

    What the publishers of signals answer is theirs, and so is what Globalping does; they are asked by no probe, and not
    counted among the requests.
    """

    def __init__(
        self,
        fault: Callable[[str, str, str | None], Fault | None],
        region_of: Callable[[str], str | None],
        publishers: Publishers,
        strangers: Globalping,
    ) -> None:
        self._fault = fault
        self._region_of = region_of
        self._publishers = publishers
        self._strangers = strangers
        self._by_address: dict[str, Site] = {}
        self._web = web.Server(self._respond, access_log=None)
        self.requests: list[Seen] = []

    def add(self, site: Site) -> None:
        for port in PORTS:
            listener = Listener(partial(self._connected, site, port == 443), site.address, port)
            site.listeners.append(listener)
        self._by_address[site.address] = site

    async def aclose(self) -> None:
        for site in self._by_address.values():
            for listener in site.listeners:
                await listener.aclose()
        await self._web.shutdown(1.0)

    async def _connected(self, site: Site, tls: bool, connection: socket.socket) -> None:
        region = self._region_of(connection.getpeername()[0])
        fault = self._fault(site.host, region or "", None)
        mode = fault.mode if fault else None
        if mode in (Mode.RESET, Mode.REFUSE):
            reset(connection)
        elif mode is Mode.SILENCE:
            await _say_nothing(connection)
        else:
            if fault and mode is Mode.SLOW and not site.http:
                await _wait(fault.delay, connection)
            await self._talk(connection, (site.expired if mode is Mode.BAD_CERTIFICATE else site.good) if tls else None)

    async def _talk(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._web, connection, ssl=tls)
        except OSError:  # the client left, or did not like the certificate
            connection.close()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        site = self._by_address[request.transport.get_extra_info("sockname")[0]]
        if site.host == globalping.HOST:
            return await self._strangers.respond(request)
        if found := self._publishers.find(site.host, request.path):
            publisher, place = found
            return await publisher.respond(place, request)
        region = self._region_of(request.transport.get_extra_info("peername")[0]) or ""
        self.requests.append(Seen(region, site.host, request.path, request.headers.get("User-Agent", "")))
        fault = self._fault(site.host, region, request.path)
        if fault and fault.mode is Mode.SLOW:
            await asyncio.sleep(fault.delay)
        return _response(shape_of(site, request.path, fault))


def shape_of(site: Site, path: str, fault: Fault | None) -> shapes.Shape:
    """What that host answers there, as it is broken."""
    if fault and fault.mode in shapes.BROKEN:
        return shapes.BROKEN[fault.mode]
    return shapes.healthy(site.host, path) if site.http else shapes.NOT_FOUND


def _response(shape: shapes.Shape) -> web.Response:
    headers = {"Location": shape.location} if shape.location else {}
    response = web.Response(status=shape.status, body=shape.body or None, headers=headers)
    response.content_type = shape.kind
    return response


async def _say_nothing(connection: socket.socket) -> None:
    """Hold the connection until the client leaves."""
    try:
        with suppress(OSError):
            while await asyncio.get_running_loop().sock_recv(connection, 4096):
                pass
    finally:
        connection.close()


async def _wait(seconds: float, connection: socket.socket) -> None:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        connection.close()
        raise
