"""A byte stream over a non-blocking socket, with or without TLS, that knows when bytes arrived.

Every prober gets this same `Stream`. Errors of sockets and of TLS leave here as `ProbeError`.
Reading asks the kernel when the bytes arrived: `first_byte_at` is that of the first byte after the
last `send`, `last_byte_at` that of the newest byte, both on the monotonic clock.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import struct
from typing import NamedTuple

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import readiness
from exporter.net.clock import CONTROL_SPACE, Clock, arrival, ask_for_stamps

CHUNK = 65536
"""Bytes asked for in one read."""

_OUR_OWN_LIMITS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES}
)
_PEEK_BEHIND_TICKETS = 4096
_TCP_INFO_SIZE = 104
_TOTAL_RETRANSMITS, _ROUND_TRIP = 100, 68  # offsets of tcpi_total_retrans and tcpi_rtt, linux/tcp.h


class KernelFacts(NamedTuple):
    """From TCP_INFO: smoothed round trip in seconds, segments sent again."""

    round_trip: float
    retransmits: int


def translate(error: OSError, reason: Reason, doing: str) -> ProbeError:
    """The ProbeError of an OSError: `internal` when a limit of this machine caused it, else `reason`."""
    if error.errno in _OUR_OWN_LIMITS:
        return ProbeError(Reason.INTERNAL, f"{doing}: {error.strerror} (a limit of this machine)")
    return ProbeError(reason, f"{doing}: {(error.strerror or str(error)).lower()}")


class Stream:
    """A connected socket. Use it as an async context manager; leaving closes it."""

    def __init__(self, sock: socket.socket, peer: str, clock: Clock) -> None:
        self.peer = peer
        self.first_byte_at: float | None = None
        self.last_byte_at: float | None = None
        self.kernel_clock = False
        self._sock = sock
        self._reset = False
        self._tls: ssl.SSLSocket | None = None
        self._clock = clock
        self._readiness = readiness.of_running_loop()
        self._in_a_row = 0

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS socket, for its session's facts; None on a plain stream."""
        return self._tls

    async def connect(self, address: tuple[str, int]) -> None:
        """Connect; ProbeError `connect` when the peer refuses or cannot be reached."""
        # Asked for before anything can arrive: a server that speaks first must not outrun it.
        self.kernel_clock = ask_for_stamps(self._sock)
        code = self._sock.connect_ex(address)
        self.watch()
        if code == errno.EINPROGRESS:
            await self._writable()
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # Unlike a refusal, a reset ends a connection that stood: what it means is for the step that uses it to say.
        self._reset = code == errno.ECONNRESET
        if code and not self._reset:
            raise translate(OSError(code, os.strerror(code)), Reason.CONNECT, f"no connection to {self.peer}")

    def watch(self) -> None:
        """Learn from now on when the socket is ready; for one that was connected elsewhere."""
        self._readiness.register(self._sock.fileno())

    async def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Shake hands; ssl.SSLError and OSError pass, so that the caller can read the certificate on refusal."""
        self._check_reset()
        self._tls = context.wrap_socket(
            self._sock,
            server_hostname=server_name if context.check_hostname or server_name else None,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self._sock = self._tls
        while True:
            try:
                return self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._readable()
            except ssl.SSLWantWriteError:
                await self._writable()

    async def send(self, data: bytes) -> None:
        """Send all of `data`; the next byte received is then the first byte of the answer."""
        self.first_byte_at = None
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._writable()
            except ssl.SSLWantReadError:
                await self._readable()
            except (OSError, ssl.SSLError) as error:
                raise self._broken(error) from error

    async def receive(self, limit: int = CHUNK) -> bytes:
        """What is there, at most `limit` bytes; empty when the peer has finished."""
        self._in_a_row += 1
        if self._in_a_row > readiness.READS_IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        while True:
            try:
                return self._receive_tls(limit) if self._tls else self._receive_plain(limit)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._readable()
            except ssl.SSLWantWriteError:
                await self._writable()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            except (OSError, ssl.SSLError) as error:
                raise self._broken(error) from error

    async def receive_head(self, end: bytes, limit: int) -> bytes:
        """Up to and including `end` and not a byte more; plain streams only. ProbeError `protocol` past `limit`."""
        head = b""
        while not head.endswith(end):
            seen = await self._peek(limit - len(head))
            cut = (head + seen).find(end)
            take = len(seen) if cut < 0 else cut + len(end) - len(head)
            if not take:
                long = len(head) >= limit
                said = f"answered with more than {limit} bytes of head" if long else "closed without a whole answer"
                raise ProbeError(Reason.PROTOCOL, f"{self.peer} {said}")
            head += self._sock.recv(take)
        return head

    def kernel_facts(self) -> KernelFacts | None:
        """Round trip and retransmits by the kernel's count; None where it does not say, or TLS lost the socket."""
        if not self.kernel_clock or self._sock.fileno() < 0:
            return None
        info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        (round_trip,) = struct.unpack_from("=I", info, _ROUND_TRIP)
        (retransmits,) = struct.unpack_from("=I", info, _TOTAL_RETRANSMITS)
        return KernelFacts(round_trip * 1e-6, retransmits)

    def close(self) -> None:
        """Close at once, whatever is in flight."""
        self._sock.close()

    def _receive_plain(self, limit: int) -> bytes:
        if self.first_byte_at is None:
            # The stamp of a read is that of its last segment: look at one byte for the first one's.
            _, control, _, _ = self._sock.recvmsg(1, CONTROL_SPACE, socket.MSG_PEEK)
            self.first_byte_at = self.last_byte_at = arrival(control, self._clock) or self._clock.monotonic()
        data, control, _, _ = self._sock.recvmsg(limit, CONTROL_SPACE)
        if data:
            self.last_byte_at = arrival(control, self._clock) or self._clock.monotonic()
        else:
            self._check_reset()
        return data

    def _check_reset(self) -> None:
        if self._reset:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def _receive_tls(self, limit: int) -> bytes:
        assert self._tls is not None
        stamp = self._peek_stamp()
        data = self._tls.recv(limit)
        if data:
            self.last_byte_at = stamp
            if self.first_byte_at is None:
                self.first_byte_at = stamp
        return data

    def _peek_stamp(self) -> float:
        try:
            # TLS 1.3 tickets may lie queued before the answer: look past them, the last segment's stamp counts.
            # SSLSocket refuses recvmsg, the socket below it does not.
            _, control, _, _ = socket.socket.recvmsg(self._sock, _PEEK_BEHIND_TICKETS, CONTROL_SPACE, socket.MSG_PEEK)
        except BlockingIOError:
            # OpenSSL holds the rest of a record that was read, and stamped, before.
            return self.last_byte_at or self._clock.monotonic()
        return arrival(control, self._clock) or self._clock.monotonic()

    def _broken(self, error: OSError) -> ProbeError:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return ProbeError(Reason.PROTOCOL, f"{self.peer} reset the connection")
        if isinstance(error, ssl.SSLError):
            return ProbeError(Reason.TLS, f"{self.peer} broke TLS: {tls_text(error)}")
        return translate(error, Reason.PROTOCOL, f"connection to {self.peer}")

    async def _peek(self, limit: int) -> bytes:
        while True:
            try:
                return self._sock.recv(limit, socket.MSG_PEEK)
            except BlockingIOError:
                await self._readable()
            except OSError as error:
                raise self._broken(error) from error

    async def _readable(self) -> None:
        self._in_a_row = 0
        await self._readiness.wait(self._sock.fileno(), writing=False)

    async def _writable(self) -> None:
        await self._readiness.wait(self._sock.fileno(), writing=True)


def tls_text(error: ssl.SSLError) -> str:
    """OpenSSL's sentence without its file names and numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    return (error.reason or str(error)).replace("_", " ").lower().rstrip(".")
