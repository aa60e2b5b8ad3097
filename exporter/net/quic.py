"""QUIC (RFC 9000) to one peer over a guarded UDP socket, by the aioquic library: the handshake, and what TLS tells.

aioquic keeps the protocol and does no I/O; datagrams go through `Datagram`, so that the kernel stamps them. It comes
with the extra `http3`, so this module is imported when HTTP/3 is asked for and not before. Only the address that was
checked is ever sent to: a server's preferred address is passed over. A stateless reset is not recognised and ends as
silence does. What a server may send without bringing an answer nearer is counted: garbage, PING, data with a gap.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress

from aioquic.h3.connection import ErrorCode
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from aioquic.tls import AlertDescription

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.attempt import Attempt
from exporter.net.datagram import Arrived, Datagram
from exporter.net.identity import Identity, der, identity_for
from exporter.options import TLSConfig

ALPN = "h3"
IDLE_LIMIT = 2 << 20
"""Bytes that may come without a part of the answer, each datagram counted as a full one at least."""

_FULL = 1200
_ALERTS = range(QuicErrorCode.CRYPTO_ERROR, QuicErrorCode.CRYPTO_ERROR + 256)

# What a server does wrong is told by the probe's result.
logging.getLogger("quic").setLevel(logging.CRITICAL)


class _Connection(QuicConnection):
    """Knows at once that it ends; the library's own event waits until nothing can be in flight."""

    ended_by_us = False

    def close(self, error_code: int = 0, frame_type: int | None = None, reason_phrase: str = "") -> None:
        self.ended_by_us = self.end is None
        super().close(error_code, frame_type, reason_phrase)

    @property
    def end(self) -> ConnectionTerminated | None:
        return self._close_event


class Session:
    """A connection with one peer; `more` brings what happens on it.

    `arrived_at` is when the last datagram came, on the monotonic clock.
    """

    def __init__(self, socket: Datagram, net: Attempt, connection: _Connection, address: tuple[str, int]) -> None:
        self.peer = socket.peer
        self.connection = connection
        self.arrived_at: float | None = None
        self._socket = socket
        self._net = net
        self._address = address
        self._idle = 0
        self._allowed = IDLE_LIMIT
        self._early: list[QuicEvent] = []

    async def more(self) -> list[QuicEvent]:
        """What the next datagram brings, or the passing of time; ProbeError when the connection has ended."""
        if self._early:
            early, self._early = self._early, []
            return early
        self._check_end()
        self._send()
        timer = self.connection.get_timer()
        wait = None if timer is None else max(0.0, timer - self._net.clock.monotonic())
        try:
            async with asyncio.timeout(wait):
                self._take(await self._socket.receive())
        except TimeoutError:
            self.connection.handle_timer(self._net.clock.monotonic())
        return self._events()

    def sends(self, size: int) -> None:
        """So many bytes go out, and each datagram of them may be acknowledged by one."""
        self._allowed += size

    def progressed(self) -> None:
        """A part of the answer has come."""
        self._idle = 0

    def close(self, code: int = ErrorCode.H3_NO_ERROR, frame: int | None = None) -> None:
        """Tell the peer, if it can be told, and close the socket."""
        with suppress(ProbeError):
            self.connection.close(code, frame)
            self._send()
        self._net.note_datagram(self._socket)
        self._socket.close()

    async def shake_hands(self, config: TLSConfig, host: str, identity: Identity) -> None:
        """Wait until TLS stands, and verify the peer; its certificates become samples, even when they are refused."""
        self._net.enter("tls", f"waiting for {self.peer} to answer by QUIC", Reason.CONNECT)
        self.connection.connect(self._address, self._net.clock.monotonic())
        early: list[QuicEvent] = []  # a server may speak HTTP before its handshake is through
        while True:
            heard = self.arrived_at is not None
            events = await self.more()
            for event in events:
                if isinstance(event, HandshakeCompleted):
                    self._early = [*early, *events]
                    return self._verify(config, host, identity, event.alpn_protocol)
            early += events
            if not heard and self.arrived_at is not None:
                self._net.enter("tls", f"shaking hands with {self.peer}", Reason.TLS)

    def _verify(self, config: TLSConfig, host: str, identity: Identity, protocol: str | None) -> None:
        tls = self.connection.tls
        # There is no public way to the certificates.
        sent = [*filter(None, [tls._peer_certificate]), *tls._peer_certificate_chain]
        chain: tuple[bytes, ...] = ()
        try:
            if not config.insecure_skip_verify:
                chain = identity.verified(sent, config.server_name or host)
        except ValueError as error:
            self._net.note_tls(None, tuple(der(sent)))
            self.close(QuicErrorCode.CRYPTO_ERROR + AlertDescription.bad_certificate, QuicFrameType.CRYPTO)
            raise ProbeError(Reason.TLS, f"the certificate of {self.peer} is refused: {error}") from error
        assert tls.key_schedule is not None
        self._net.note_tls(("TLSv1.3", f"TLS_{tls.key_schedule.cipher_suite.name}"), tuple(der(sent)), chain)
        if protocol != ALPN:
            raise ProbeError(Reason.TLS, f"{self.peer} does not agree on {ALPN} by ALPN, so it has no HTTP/3")

    def _send(self) -> None:
        for data, address in self.connection.datagrams_to_send(self._net.clock.monotonic()):
            if address == self._address:
                self._socket.send(data)

    def _take(self, arrived: Arrived) -> None:
        self.arrived_at = arrived.at
        self._idle += max(len(arrived.data), _FULL)
        if self._idle > self._allowed:
            raise ProbeError(Reason.PROTOCOL, f"{self.peer} sent {self._allowed >> 20} MB that bring no answer")
        self.connection.receive_datagram(arrived.data, self._address, self._net.clock.monotonic())

    def _events(self) -> list[QuicEvent]:
        events = []
        while (event := self.connection.next_event()) is not None:
            events.append(event)
        return events

    def _check_end(self) -> None:
        end = self.connection.end
        if end is not None:
            self._send()
            raise _failure(self.peer, end, self.connection.ended_by_us)


def _failure(peer: str, end: ConnectionTerminated, by_us: bool) -> ProbeError:
    said = f" ({end.reason_phrase[:200]})" if end.reason_phrase else ""
    if end.frame_type is None:
        name = _name(ErrorCode, end.error_code)
        return ProbeError(Reason.PROTOCOL, f"{peer} {'broke' if by_us else 'ended'} HTTP/3: {name}{said}")
    if end.error_code in _ALERTS:
        alert = _name(AlertDescription, end.error_code - QuicErrorCode.CRYPTO_ERROR).replace("_", " ")
        return ProbeError(Reason.TLS, f"no TLS with {peer}: {alert}{said}")
    if end.reason_phrase == "Idle timeout":
        return ProbeError(Reason.TIMEOUT, f"{peer} fell silent until the connection ended")
    reason = Reason.CONNECT if end.error_code == QuicErrorCode.CONNECTION_REFUSED else Reason.PROTOCOL
    name = _name(QuicErrorCode, end.error_code)
    return ProbeError(reason, f"{peer} {'broke' if by_us else 'ended'} QUIC: {name}{said}")


def _name(codes: type[ErrorCode] | type[AlertDescription] | type[QuicErrorCode], code: int) -> str:
    try:
        return codes(code).name
    except ValueError:
        return f"error {code:#x}"


async def connect(net: Attempt, config: TLSConfig, host: str, port: int, address: str) -> Session:
    """A session with `host` at `address`, verified; ProbeError `connect`, `tls` or `protocol`."""
    identity = identity_for(net.contexts, config)
    configuration = QuicConfiguration(
        alpn_protocols=[ALPN],
        is_client=True,
        server_name=config.server_name or host,
        verify_mode=ssl.CERT_NONE,  # of the library; we verify
        idle_timeout=net.timeout + 1,
        certificate=identity.certificates[0] if identity.certificates else None,
        certificate_chain=identity.certificates[1:],
        private_key=identity.key,
    )
    net.enter("connect", f"preparing to ask {address}", Reason.CONNECT)
    session = Session(net.open_udp(address, port), net, _Connection(configuration=configuration), (address, port))
    try:
        await session.shake_hands(config, host, identity)
    except BaseException:
        session.close()
        raise
    return session
