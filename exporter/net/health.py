"""The two messages of grpc.health.v1 in protobuf's encoding (protobuf.dev/programming-guides/encoding).

Each has one field, numbered 1: the request the service's name, the response its status. Other fields are passed over.
"""

from __future__ import annotations

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types


def request(service: str) -> bytes:
    """HealthCheckRequest; an empty name asks for the server as a whole and is left out."""
    name = service.encode()
    return b"\x0a" + _varint(len(name)) + name if name else b""


def serving_status(message: bytes) -> int:
    """The status of a HealthCheckResponse, 0 when it is left out; ValueError says why it is none."""
    at, value = 0, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise ValueError("a field has no number")
        if wire == _VARINT:
            found, at = _read_varint(message, at)
            value = found if number == 1 else value
        else:
            at = _skip(message, at, wire)
    if at > len(message):
        raise ValueError("it is cut short")
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000  # an int32


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("it is cut short, or a number has more than ten bytes")


def _skip(message: bytes, at: int, wire: int) -> int:
    if wire == _LENGTH:
        length, at = _read_varint(message, at)
        return at + length
    if wire in (_EIGHT_BYTES, _FOUR_BYTES):
        return at + (8 if wire == _EIGHT_BYTES else 4)
    raise ValueError(f"a field has the unknown wire type {wire}")
