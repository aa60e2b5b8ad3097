"""An HTTP/3 server whose answers are functions, by the aioquic library; and UDP servers that are none.

    async with QuicServer(leaf, answers(b"hello")) as server:
        ...  # https://localhost:{server.port}/
        assert server.asked[0].path == "/"

A behaviour is a coroutine over one request, which has been read whole. `server.asked` and `server.sessions` only grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, cast

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import HandshakeCompleted, ProtocolNegotiated, QuicEvent
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from cryptography import x509

from tests.servers.certificates import Leaf
from tests.servers.ports import free_port

Fields = list[tuple[bytes, bytes]]


class Request:
    """One request, and what it can be answered with."""

    def __init__(self, stream: int, headers: Fields, client: _Client) -> None:
        self.headers = dict(headers)
        self.body = b""
        self.stream = stream
        self.client = client

    @property
    def path(self) -> str:
        return self.headers[b":path"].decode()

    def head(self, status: int, *fields: tuple[bytes, bytes], end: bool = False) -> None:
        self.client.http.send_headers(self.stream, [(b":status", str(status).encode()), *fields], end_stream=end)
        self.client.transmit()

    def data(self, data: bytes, end: bool = False) -> None:
        self.client.http.send_data(self.stream, data, end_stream=end)
        self.client.transmit()

    def raw(self, data: bytes, end: bool = False, stream: int | None = None) -> None:
        """Bytes of a stream that need not be HTTP/3."""
        self.client.quic.send_stream_data(self.stream if stream is None else stream, data, end)
        self.client.transmit()

    def reset(self, code: int) -> None:
        self.client.quic.reset_stream(self.stream, code)
        self.client.transmit()

    def close(self, code: int, frame: int | None = None, said: str = "") -> None:
        """End the connection: by HTTP/3, or by QUIC with `frame`."""
        self.client.quic.close(code, frame, said)
        self.client.transmit()


Behaviour = Callable[[Request], Coroutine[Any, Any, None]]


def answers(body: bytes = b"hello", status: int = 200, *fields: tuple[bytes, bytes]) -> Behaviour:
    """Answers with this body and its length."""

    async def behaviour(request: Request) -> None:
        length = (b"content-length", str(len(body)).encode())
        request.head(status, length, *fields, end=not body or request.headers[b":method"] == b"HEAD")
        if body and request.headers[b":method"] != b"HEAD":
            request.data(body, end=True)

    return behaviour


class _Client(QuicConnectionProtocol):
    """One client's connection."""

    def __init__(self, quic: QuicConnection, stream_handler: Any = None, *, server: QuicServer) -> None:
        super().__init__(quic, stream_handler)
        self.quic = quic
        self.http: H3Connection
        self._server = server
        self._open: dict[int, Request] = {}
        self._tasks: list[asyncio.Task[None]] = []
        if server.wants_certificate:
            self._ask_for_certificate()

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            self._server.sessions += 1
            self._server.client_certificates.append(self.quic.tls._peer_certificate)
            if self._server.refuses is not None:
                self.quic.close(self._server.refuses, QuicFrameType.CRYPTO, "")
                self.transmit()
        elif isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self.quic)
        for found in self.http.handle_event(event) if hasattr(self, "http") else ():
            self._take(found)

    def _take(self, event: object) -> None:
        if isinstance(event, HeadersReceived):
            self._open[event.stream_id] = Request(event.stream_id, event.headers, self)
        elif isinstance(event, DataReceived):
            self._open[event.stream_id].body += event.data
        if isinstance(event, HeadersReceived | DataReceived) and event.stream_ended:
            request = self._open.pop(event.stream_id)
            self._server.asked.append(request)
            self._tasks.append(asyncio.create_task(self._server.behaviour(request)))
            self._server.tasks += self._tasks[-1:]

    def _ask_for_certificate(self) -> None:
        # The library lets a server ask for its own tests only.
        initialize = self.quic._initialize

        def asking(peer_cid: bytes) -> None:
            initialize(peer_cid)
            self.quic.tls._request_client_certificate = True

        self.quic._initialize = asking  # type: ignore[method-assign]


class QuicServer:
    """One behaviour on one UDP port of 127.0.0.1.

    `retry` makes clients prove their address first, `refuses` ends each connection with this code at its handshake,
    `protocols` are those of ALPN, `patience` is how long a connection may be silent, in seconds.
    """

    def __init__(
        self,
        leaf: Leaf,
        behaviour: Behaviour,
        *,
        retry: bool = False,
        refuses: QuicErrorCode | int | None = None,
        protocols: tuple[str, ...] = ("h3",),
        wants_certificate: bool = False,
        patience: float = 60.0,
    ) -> None:
        self.behaviour = behaviour
        self.refuses = refuses
        self.wants_certificate = wants_certificate
        self.port = free_port()
        self.sessions = 0
        self.asked: list[Request] = []
        self.client_certificates: list[x509.Certificate | None] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._retry = retry
        self._configuration = QuicConfiguration(is_client=False, alpn_protocols=list(protocols), idle_timeout=patience)
        self._configuration.load_cert_chain(leaf.certificate, leaf.key)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        def client(quic: QuicConnection, stream_handler: Any = None) -> _Client:
            return _Client(quic, stream_handler, server=self)

        self._server = await serve(
            "127.0.0.1", self.port, configuration=self._configuration, create_protocol=client, retry=self._retry
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await asyncio.sleep(0)  # closing takes one turn of the loop
        for task in self.tasks:
            task.cancel()
        for done in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done


class UDPServer(asyncio.DatagramProtocol):
    """Answers each datagram with those of `answer`, whatever they are."""

    def __init__(self, answer: Callable[[bytes], list[bytes]], address: str = "127.0.0.1") -> None:
        self.address = address
        self.heard: list[bytes] = []
        self.port = free_port()
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.heard.append(data)
        for datagram in self._answer(data):
            self._transport.sendto(datagram, address)

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.port}/"

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, (self.address, self.port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()
        await asyncio.sleep(0)  # closing takes one turn of the loop
