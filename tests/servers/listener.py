"""A listening socket that can close and open again at once, and hands over raw connections.

Raw, because the torture server and the box decide per connection, before any byte or TLS, what is done to it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

OnConnection = Callable[[socket.socket], Coroutine[Any, Any, None]]


class Listener:
    """Serves `on_connection(socket)` as a task of its own for each connection, until `aclose`.

    `on_connection` owns the socket. While closed, connections are refused by the kernel. An `address` that starts
    with / is the path of a Unix socket.
    """

    def __init__(self, on_connection: OnConnection, address: str = "127.0.0.1", port: int = 0) -> None:
        self._on_connection = on_connection
        self.address = address
        self.port = port
        self.connections = 0
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Listen; a port of 0 becomes a free one and stays the same over close and open."""
        if self._socket is not None:
            return
        listening = socket.socket(socket.AF_UNIX if self.address.startswith("/") else socket.AF_INET)
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(self.address if self.address.startswith("/") else (self.address, self.port))
        except OSError as error:
            listening.close()
            raise OSError(error.errno, f"cannot listen on {self.address}:{self.port}: {error.strerror}") from error
        listening.listen(1024)
        if listening.family == socket.AF_INET:
            self.port = listening.getsockname()[1]
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening, self._accept)

    def close(self) -> None:
        """Refuse new connections; those that stand go on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def aclose(self) -> None:
        """Refuse new connections and cancel what serves the others."""
        self.close()
        await asyncio.sleep(0)  # who serves a connection that has just come must have begun, or nobody closes it
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        assert self._socket is not None
        while True:
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            connection.setblocking(False)
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            task = asyncio.get_running_loop().create_task(self._on_connection(connection))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # A client that goes away, or refuses TLS, is no failure of the server's.
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, OSError):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a throwaway server failed", "exception": error, "task": task}
            )


class Listening:
    """Something that has a `_listener`, which is open from entering to leaving."""

    _listener: Listener

    async def __aenter__(self) -> Self:
        self._listener.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.aclose()


@asynccontextmanager
async def streams(
    connection: socket.socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The server's side of a connection, after TLS if asked; OSError when there comes none, and a client that goes away
    later ends it quietly."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    writers: list[asyncio.StreamWriter] = []
    # With a callback the protocol knows that it is the server, which StreamWriter.start_tls asks for.
    protocol = asyncio.StreamReaderProtocol(reader, lambda _, writer: writers.append(writer))
    try:
        await loop.connect_accepted_socket(lambda: protocol, connection, ssl=tls)
    except BaseException:
        connection.close()
        raise
    (writer,) = writers
    with suppress(OSError, asyncio.IncompleteReadError):
        try:
            yield reader, writer
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        finally:
            writer.transport.abort()


def reset(connection: socket.socket) -> None:
    """Close with a RST instead of a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
