"""One question to a DNS server and its answer (RFC 1035): a datagram, or a stream with its length before it."""

from __future__ import annotations

import dns.exception
import dns.message

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.attempt import Attempt
from exporter.net.datagram import Datagram
from exporter.net.stream import Stream


async def over_udp(net: Attempt, socket: Datagram, question: dns.message.Message) -> tuple[dns.message.Message, float]:
    """The answer to `question`, which was sent, and when it came on the monotonic clock; ProbeError `protocol`."""
    while True:
        arrived = await socket.receive()
        # What answers another question is somebody's guess, or comes late: pass over it, as resolvers do.
        if arrived.data[:2] == question.id.to_bytes(2, "big"):
            answer = parsed(arrived.data, socket.peer)
            if question.is_response(answer):
                return answer, arrived.at
        doing = f"waiting for the answer of {socket.peer}, which sent something else"
        net.enter("request", doing, Reason.PROTOCOL)


async def over_stream(stream: Stream, question: dns.message.Message) -> bytes:
    """Send `question` and return the message that comes; ProbeError `protocol` when it is cut short."""
    wire = question.to_wire()
    await stream.send(len(wire).to_bytes(2, "big") + wire)
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
        piece = await stream.receive()
        if not piece:
            raise ProbeError(Reason.PROTOCOL, f"{stream.peer} closed without a whole answer")
        data += piece
    return data[2 : 2 + int.from_bytes(data[:2], "big")]


def parsed(data: bytes, peer: str) -> dns.message.Message:
    """The message, each record a set of its own; ProbeError `protocol` when it is none."""
    try:
        # One record a set: grouping would drop the ones that are sent twice and change their order.
        return dns.message.from_wire(data, ignore_trailing=True, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        raise ProbeError(Reason.PROTOCOL, f"{peer} did not answer in DNS: {error or type(error).__name__}") from error
