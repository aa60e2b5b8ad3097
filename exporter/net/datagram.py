"""Datagrams: UDP to one peer, and ICMP echo, with the kernel's stamp of when an answer arrived."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import NamedTuple

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.clock import CONTROL_SPACE, Clock, arrival, ask_for_stamps
from exporter.net.readiness import READS_IN_A_ROW, wake
from exporter.net.stream import translate

_LARGEST = 65535
_MTU_DISCOVER_DO = 2  # IP_PMTUDISC_DO, linux/in.h
_IP_MTU_DISCOVER, _IP_RECVERR, _IP_RECVTTL = 10, 11, 12  # linux/in.h
_IPV6_MTU_DISCOVER, _IPV6_RECVERR = 23, 25  # linux/in6.h
_MSG_ERRQUEUE = 0x2000  # linux/socket.h
_COMPLAINT_SPACE = 512
_ORIGIN, _OFFENDER = 4, 16  # offsets in struct sock_extended_err, linux/errqueue.h, and of the sockaddr behind it
_TIME_EXCEEDED = {(2, 11), (3, 3)}  # SO_EE_ORIGIN_ICMP and ICMP_TIME_EXCEEDED, the same of ICMPv6


class Arrived(NamedTuple):
    """A datagram, when it arrived on the monotonic clock, and the hop limit it still had (None when unsaid)."""

    data: bytes
    at: float
    hop_limit: int | None


class Datagram:
    """A connected datagram socket. Use it as an async context manager; leaving closes it."""

    def __init__(self, sock: socket.socket, peer: str, clock: Clock) -> None:
        self.peer = peer
        self._sock = sock
        self._clock = clock
        self._sent = b""
        self._loop = asyncio.get_running_loop()
        self.kernel_clock = ask_for_stamps(sock)
        self._in_a_row = 0

    @property
    def privileged(self) -> bool:
        """Whether this is a raw socket: it sees IPv4 headers and other programs' answers."""
        return self._sock.type == socket.SOCK_RAW

    async def __aenter__(self) -> Datagram:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> float:
        """Send one datagram and return when, on the monotonic clock."""
        self._sent = data
        at = self._clock.monotonic()
        try:
            self._sock.send(data)
        except OSError as error:
            raise translate(error, Reason.CONNECT, f"cannot send to {self.peer}") from error
        return at

    async def receive(self) -> Arrived:
        """The next datagram from the peer; ProbeError `connect` when the network says there is none."""
        self._in_a_row += 1
        if self._in_a_row > READS_IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        while True:
            try:
                data, control, _, _ = self._sock.recvmsg(_LARGEST, CONTROL_SPACE)
            except BlockingIOError:
                await self._readable()
            except OSError as error:
                complaints = self._complaints()
                if complaints and not any(self._about_us(about) for about, _ in complaints):
                    continue
                said = next((f", {said}" for about, said in complaints if self._about_us(about)), "")
                raise translate(error, Reason.CONNECT, f"no answer from {self.peer}{said}") from error
            else:
                at = arrival(control, self._clock) or self._clock.monotonic()
                return Arrived(data, at, _hop_limit(control))

    def close(self) -> None:
        descriptor = self._sock.fileno()
        if descriptor >= 0:
            self._loop.remove_reader(descriptor)
            self._sock.close()

    def _complaints(self) -> list[tuple[bytes, str]]:
        """What ICMP errors were about, and who said what; only echo sockets ask for them."""
        found: list[tuple[bytes, str]] = []
        while True:
            try:
                data, control, _, _ = self._sock.recvmsg(_LARGEST, _COMPLAINT_SPACE, _MSG_ERRQUEUE)
            except OSError:
                return found
            found += [(data, _complaint(told)) for _, kind, told in control if kind in (_IP_RECVERR, _IPV6_RECVERR)]

    def _about_us(self, about: bytes) -> bool:
        # A raw socket also hears of other programs' echoes to this peer: identifier and sequence tell them apart.
        return not self.privileged or about[4:8] == self._sent[4:8]

    async def _readable(self) -> None:
        self._in_a_row = 0
        waiter = self._loop.create_future()
        self._loop.add_reader(self._sock.fileno(), wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_reader(self._sock.fileno())


def open_udp(address: str, port: int, source: str | None, clock: Clock) -> Datagram:
    """A UDP socket to one peer; ProbeError `connect`, or `internal` when `source` is not an address of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    sock = new_socket(family, socket.SOCK_DGRAM, 0)
    _connect(sock, peer, (address, port), source)
    return Datagram(sock, peer, clock)


def open_echo(address: str, source: str | None, hop_limit: int, dont_fragment: bool, clock: Clock) -> Datagram:
    """An ICMP echo socket: the unprivileged kind where net.ipv4.ping_group_range allows it, else a raw one."""
    v6 = ":" in address
    sock = _echo_socket(v6)
    try:
        _prepare_echo(sock, v6, hop_limit, dont_fragment)
    except OSError as error:
        sock.close()
        raise translate(error, Reason.INTERNAL, "cannot prepare the ICMP socket") from error
    _connect(sock, address, (address, 0), source)
    return Datagram(sock, address, clock)


def _echo_socket(v6: bool) -> socket.socket:
    family = socket.AF_INET6 if v6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = socket.socket(family, kind, protocol)
        except PermissionError:
            continue
        except OSError as error:
            raise translate(error, Reason.INTERNAL, "cannot open an ICMP socket") from error
        sock.setblocking(False)
        return sock
    raise ProbeError(
        Reason.INTERNAL,
        "ICMP is not allowed here: widen net.ipv4.ping_group_range or give the program CAP_NET_RAW",
    )


def _prepare_echo(sock: socket.socket, v6: bool, hop_limit: int, dont_fragment: bool) -> None:
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hop_limit)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        if dont_fragment:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _MTU_DISCOVER_DO)
        return
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    if dont_fragment:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _MTU_DISCOVER_DO)


def _connect(sock: socket.socket, peer: str, address: tuple[str, int], source: str | None) -> None:
    try:
        if source:
            _bind(sock, source)
        sock.connect(address)
    except ProbeError:
        sock.close()
        raise
    except OSError as error:
        sock.close()
        raise translate(error, Reason.CONNECT, f"no way to {peer}") from error


def _bind(sock: socket.socket, source: str) -> None:
    try:
        sock.bind((source, 0))
    except OSError as error:
        raise translate(error, Reason.INTERNAL, f"cannot send from {source}") from error


def new_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """A non-blocking socket; ProbeError `internal` when this machine has none left."""
    try:
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise translate(error, Reason.INTERNAL, "cannot open a socket") from error
    sock.setblocking(False)
    return sock


def _complaint(told: bytes) -> str:
    origin, kind = told[_ORIGIN], told[_ORIGIN + 1]
    return f"{_offender(told)} says " + ("hop limit exceeded" if (origin, kind) in _TIME_EXCEEDED else "unreachable")


def _offender(told: bytes) -> str:
    family = int.from_bytes(told[_OFFENDER : _OFFENDER + 2], sys.byteorder)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, told[_OFFENDER + 4 : _OFFENDER + 8])
    if family == socket.AF_INET6:
        return socket.inet_ntop(family, told[_OFFENDER + 8 : _OFFENDER + 24])
    return "this machine"


def _hop_limit(control: list[tuple[int, int, bytes]]) -> int | None:
    wanted = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
    for level, kind, data in control:
        if (level, kind) in wanted:
            return int(struct.unpack_from("@i", data)[0])
    return None
