"""Listening: addresses, TLS and passwords by the web configuration, whose changes are taken while it serves."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from exporter.web.connections import SILENT_FOR, Connection, Connections, most
from exporter.web.gate import LOOK_EVERY, Gate

_STALLED_FOR = 60.0  # seconds that a reader may take nothing of an answer
_WAITING = 1024  # connections that the kernel holds until they are taken
_AT_ONCE = 32  # connections that are taken before others get their turn
_CLOSING = 2.0  # seconds that answers under way get when the program ends


@dataclass(frozen=True, slots=True)
class Public:
    """Pages that never ask for a password: `app` on `addresses` of its own, and with `here` on the others too."""

    app: web.Application
    addresses: tuple[str, ...] = ()
    here: bool = False

    def paths(self) -> frozenset[str]:
        """The patterns of the pages."""
        return frozenset(resource.canonical for resource in self.app.router.resources())


class Door:
    """An application on its sockets; who comes to a page of `open_paths` needs no password, None says that nobody does.

    TLS is renewed by listening anew.
    """

    def __init__(
        self,
        app: web.Application,
        sockets: Sequence[socket.socket],
        gate: Gate,
        limit: int,
        open_paths: frozenset[str] | None,
    ) -> None:
        app.middlewares.append(self._middleware())
        app.on_response_prepare.append(self._set_headers)
        self.connections = Connections(limit)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_CLOSING)
        self._sockets = sockets
        self._gate = gate
        self._open_paths = open_paths
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Take visitors; again when the web configuration has changed."""
        if self._runner.server is None:
            await self._runner.setup()
        self.connections.headers = self._gate.config.headers
        config, old = self._gate.config, self._servers
        context = config.context if self._open_paths is not None else config.public_context
        self._servers = [
            # A duplicate, so that closing a server leaves the port ours.
            await asyncio.get_running_loop().create_server(
                self._protocol,
                sock=listening.dup(),
                ssl=context,
                backlog=_AT_ONCE,
                ssl_handshake_timeout=SILENT_FOR if context else None,
            )
            for listening in self._sockets
        ]
        for listening in self._sockets:
            listening.listen(_WAITING)  # asyncio has only one number for both
        await _leave(old)

    async def close(self) -> None:
        """Stop listening; answers under way get two seconds."""
        for server in self._servers:
            server.close()
        await self._runner.cleanup()
        for listening in self._sockets:
            listening.close()

    def _protocol(self) -> asyncio.Protocol:
        assert self._runner.server is not None
        return self.connections.protocol(self._runner.server)

    def _middleware(self) -> Any:
        @web.middleware
        async def passing(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
            closed = not self._is_open(request)
            if closed and (refusal := await self._gate.refusal(request.headers.get("Authorization", ""))):
                return refusal
            connection = request.protocol
            assert isinstance(connection, Connection)
            self.connections.asked(connection)
            try:
                return await handler(request)
            finally:
                self.connections.answered(connection)

        return passing

    def _is_open(self, request: web.Request) -> bool:
        """What is not there needs no password either: a visitor who mistypes is told so, and not asked for one."""
        if not self._open_paths:
            return self._open_paths is None
        resource = request.match_info.route.resource
        return resource is None or resource.canonical in self._open_paths

    async def _set_headers(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Those that the web configuration names, in place of our own."""
        answer.headers.update(self._gate.config.headers)


class Server:
    """All that listens."""

    def __init__(self, doors: Sequence[Door], gate: Gate) -> None:
        self._doors = doors
        self._gate = gate
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for door in self._doors:
            await door.open()
        self._gate.changed += [door.open for door in self._doors]
        self._watch = asyncio.create_task(self._keep_watch())

    async def close(self) -> None:
        """Stop listening; answers under way get two seconds."""
        if self._watch is not None:
            self._watch.cancel()
        for door in self._doors:
            await door.close()

    async def _keep_watch(self) -> None:
        # A handshake that is refused reaches no page, so the files are looked at without requests too.
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._gate.look()
            for door in self._doors:
                door.connections.drop_silent()


async def _leave(servers: Sequence[asyncio.Server]) -> None:
    """Take nobody more, and close."""
    for server in servers:
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
    # Who has just been let in is attached in the loop's next turn: asyncio never answers who comes to a closed server.
    await asyncio.sleep(0)
    for server in servers:
        server.close()


async def serve(
    app: web.Application, addresses: Sequence[str], web_config: Path | None, public: Public | None = None
) -> Server:
    """Listen on `host:port` addresses; OSError says which cannot be had, ConfigError what is wrong in the file."""
    gate = Gate(web_config)
    # Each has its part, so that a crowd on one cannot shut the other.
    limit = most() // (2 if public is not None and public.addresses else 1)
    with ExitStack() as opened:
        sockets = [opened.enter_context(_bind(address)) for address in addresses]
        doors = [Door(app, sockets, gate, limit, public.paths() if public and public.here else frozenset())]
        if public is not None and public.addresses:
            sockets = [opened.enter_context(_bind(address)) for address in public.addresses]
            doors.append(Door(public.app, sockets, gate, limit, None))
        opened.pop_all()
    server = Server(doors, gate)
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
            (host, int(port)), family=family, backlog=_WAITING, dualstack_ipv6=not host and socket.has_dualstack_ipv6()
        )
    except socket.gaierror as error:
        raise OSError(f"cannot listen on {address}: {error.strerror}") from error
    except OSError as error:
        # create_server's own words repeat the address.
        raise OSError(f"cannot listen on {address}: {os.strerror(error.errno or 0)}") from error
    if sys.platform == "linux":  # inherited by every connection
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_STALLED_FOR * 1000))
    return listening
