"""A gRPC server whose answers are functions: over HTTP/2 by the h2 library, with or without TLS, well or badly.

    async with GRPCServer(serves("SERVING")) as server:
        ...  # 127.0.0.1:{server.port}
        assert server.calls[0].service == "a"

A behaviour is a coroutine over one call, which has been read whole. `server.calls` and `server.connections` only grow.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes

from tests.servers.listener import Listener, Listening, streams

STATUSES = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}
Fields = list[tuple[str, str]]
HEAD: Fields = [(":status", "200"), ("content-type", "application/grpc")]


class Call:
    """One call: its `headers`, its `message`, and what it can be answered with."""

    def __init__(
        self, stream_id: int, headers: Fields, connection: h2.connection.H2Connection, writer: asyncio.StreamWriter
    ) -> None:
        self.headers = headers
        self.message = b""
        self.stream_id = stream_id
        self.connection = connection
        self.writer = writer

    def field(self, name: str) -> str | None:
        """The value of the first header called `name`."""
        return next((value for known, value in self.headers if known == name), None)

    async def head(self, fields: Fields = HEAD, end: bool = False) -> None:
        self.connection.send_headers(self.stream_id, fields, end_stream=end)
        await self.flush()

    async def data(self, data: bytes, end: bool = False) -> None:
        self.connection.send_data(self.stream_id, data, end_stream=end)
        await self.flush()

    async def trailers(self, *fields: tuple[str, str]) -> None:
        await self.head(list(fields), end=True)

    async def reset(self, code: int) -> None:
        self.connection.reset_stream(self.stream_id, code)
        await self.flush()

    async def goes_away(self, code: int, last_stream: int) -> None:
        self.connection.close_connection(ErrorCodes(code), b"for a test", last_stream)
        await self.flush()

    async def flush(self) -> None:
        await self.raw(self.connection.data_to_send())

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, data: bytes) -> None:
        """Send `data` until the client has had enough."""
        while True:
            await self.raw(data)


Behaviour = Callable[[Call], Coroutine[Any, Any, None]]


def message(payload: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """A message as it travels; `length` is what it says of itself."""
    return bytes((flag,)) + (len(payload) if length is None else length).to_bytes(4, "big") + payload


def response(status: str) -> bytes:
    """A HealthCheckResponse; UNKNOWN is the default, which protobuf leaves out."""
    return bytes((8, STATUSES[status])) if STATUSES[status] else b""


def serves(status: str) -> Behaviour:
    """Answers that the service has `status`."""
    return answers(message(response(status)))


def answers(data: bytes, *trailers: tuple[str, str], head: Fields = HEAD) -> Behaviour:
    """Answers with `data` and `trailers`, grpc-status 0 unless they are given."""

    async def behaviour(call: Call) -> None:
        await call.head(head)
        if data:
            await call.data(data)
        await call.trailers(*(trailers or (("grpc-status", "0"),)))

    return behaviour


def refuses(code: int, said: str = "", only_trailers: bool = True) -> Behaviour:
    """Answers with a status, in one block of headers or in trailers behind one."""
    status = [("grpc-status", str(code)), *([("grpc-message", said)] if said else [])]

    async def behaviour(call: Call) -> None:
        if only_trailers:
            await call.head([*HEAD, *status], end=True)
        else:
            await call.head()
            await call.trailers(*status)

    return behaviour


class GRPCServer(Listening):
    """One behaviour on one port of 127.0.0.1."""

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self._behaviour = behaviour
        self._tls = tls
        self._listener = Listener(self._serve)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return self._listener.connections

    async def _serve(self, socket: socket.socket) -> None:
        async with streams(socket, self._tls) as (reader, writer):
            # What a server may send is for the behaviour to decide.
            config = h2.config.H2Configuration(
                client_side=False, header_encoding="utf-8", validate_outbound_headers=False
            )
            connection = h2.connection.H2Connection(config)
            connection.initiate_connection()
            writer.write(connection.data_to_send())
            open_calls: dict[int, Call] = {}
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    await self._take(event, open_calls, connection, writer)
                writer.write(connection.data_to_send())

    async def _take(
        self,
        event: h2.events.Event,
        open_calls: dict[int, Call],
        connection: h2.connection.H2Connection,
        writer: asyncio.StreamWriter,
    ) -> None:
        if isinstance(event, h2.events.RequestReceived):
            assert event.stream_id is not None
            headers = [(str(name), str(value)) for name, value in event.headers or ()]
            open_calls[event.stream_id] = Call(event.stream_id, headers, connection, writer)
        elif isinstance(event, h2.events.DataReceived):
            assert event.stream_id is not None
            open_calls[event.stream_id].message += event.data or b""
        elif isinstance(event, h2.events.StreamEnded):
            assert event.stream_id is not None
            call = open_calls.pop(event.stream_id)
            self.calls.append(call)
            await self._behaviour(call)
