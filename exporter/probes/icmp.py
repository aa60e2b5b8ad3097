"""ICMP echo (RFC 792, RFC 4443): is the host there, and how far.

Options and metrics are those of blackbox_exporter's icmp prober. Phases: resolve, setup, rtt; the
reply's time is the kernel's stamp. No permission for ICMP is `internal`; silence is `timeout`; an
ICMP error (unreachable, hop limit exceeded) is `connect`, with the router that sent it.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import Annotated, Any

from exporter import net as network
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Arrived, Attempt, Datagram
from exporter.options import IPProtocol, Parsed

ECHO_V4, REPLY_V4, ECHO_V6, REPLY_V6 = 8, 0, 128, 129
_PHASES = ("resolve", "setup", "rtt")
_HEADER = struct.Struct("!BBHHH")
_IDENTIFIER = 4  # its offset
_SEQUENCE = 1
_FILLING = b"outage-exporter "
_TOKEN = 16
_LARGEST_PAYLOAD = 65507 - _HEADER.size
_DEFAULT_PAYLOAD = 28
_DEFAULT_TTL = 64

FAMILIES = (
    Family("probe_icmp_duration_seconds", "How long each phase took.", ("phase",)),
    Family("probe_icmp_reply_hop_limit", "The TTL or hop limit that the reply still had."),
    *(family for family in network.FAMILIES if "tcp" not in family.name and "clock" not in family.name),
)


def _whole_number(lowest: int, highest: int) -> Parsed:
    def parse(found: Any, folder: Any = None) -> int:
        # A module file's numbers are texts until somebody wants them to be numbers.
        number = int(found) if re.fullmatch(r"\d{1,18}", str(found)) else -1
        if isinstance(found, bool) or not lowest <= number <= highest:
            raise ValueError(f"{found!r} is not a whole number from {lowest} to {highest}")
        return number

    return Parsed(parse, {"type": "integer", "minimum": lowest, "maximum": highest})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys; a `payload_size` or `ttl` of 0 means the default."""

    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str | None = None
    payload_size: Annotated[int, _whole_number(0, _LARGEST_PAYLOAD)] = 0
    dont_fragment: bool = False
    ttl: Annotated[int, _whole_number(0, 255)] = _DEFAULT_TTL


def check_target(target: str) -> None:
    """ValueError unless `target` is a host name or an address, without a port."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+(%[A-Za-z0-9._-]+)?", target):
        raise ValueError(f"{target!r} is not a host name or an address")


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """One echo request and its reply."""
    try:
        arrived = await _ping(endpoint.target, options, net)
    finally:
        net.end()
        net.samples |= {("probe_icmp_duration_seconds", phase): net.phases.get(phase, 0.0) for phase in _PHASES}
    if arrived.hop_limit is not None:
        net.samples["probe_icmp_reply_hop_limit"] = float(arrived.hop_limit)
    return net.result()


async def _ping(target: str, options: Options, net: Attempt) -> Arrived:
    addresses = await net.resolve(target, options.preferred_ip_protocol, options.ip_protocol_fallback)
    address = addresses[0]
    net.enter("setup", f"preparing to ping {address}", Reason.INTERNAL)
    v6 = ":" in address
    request = _echo(v6, _payload(options.payload_size))
    hop_limit = options.ttl or _DEFAULT_TTL
    async with net.open_echo(address, options.source_ip_address, hop_limit, options.dont_fragment) as socket:
        net.enter("rtt", f"waiting for the echo of {address}", at=socket.send(request))
        arrived = await _reply(socket, v6, request)
    net.end(arrived.at)
    return arrived


def _payload(size: int) -> bytes:
    """Random bytes first, so that another program's echo is not taken for ours; they count for the size."""
    wanted = size or _DEFAULT_PAYLOAD
    return (os.urandom(_TOKEN) + _FILLING * (wanted // len(_FILLING) + 1))[:wanted]


def _echo(v6: bool, payload: bytes) -> bytes:
    # Over a datagram socket the kernel sets the identifier, over ICMPv6 the checksum too.
    identifier = int.from_bytes(os.urandom(2), "big")
    kind = ECHO_V6 if v6 else ECHO_V4
    bare = _HEADER.pack(kind, 0, 0, identifier, _SEQUENCE) + payload
    return bare if v6 else _HEADER.pack(kind, 0, checksum(bare), identifier, _SEQUENCE) + payload


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)


async def _reply(socket: Datagram, v6: bool, request: bytes) -> Arrived:
    """The reply to `request`; what answers something else is passed over."""
    # A datagram socket gets its own replies alone, and with an identifier that the kernel chose.
    first = _IDENTIFIER if socket.privileged else _IDENTIFIER + 2
    while True:
        arrived = await socket.receive()
        message = _without_ip_header(arrived.data) if socket.privileged and not v6 else arrived.data
        if message[:1] == bytes([REPLY_V6 if v6 else REPLY_V4]) and message[first:] == request[first:]:
            return arrived


def _without_ip_header(packet: bytes) -> bytes:
    """A raw IPv4 socket hands over the IP header too; its length is in the first byte."""
    return packet[(packet[0] & 15) * 4 :] if packet else b""
