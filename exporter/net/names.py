"""The names that blackbox_exporter has for what a handshake shows: those of Go's libraries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Name

_SHORT = {
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.3": "CN",
    "2.5.4.11": "OU",
    "2.5.4.10": "O",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.9": "STREET",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.6": "C",
}
"""In the order in which they are written, whatever that of the certificate is."""
_SINGLE = frozenset({"SERIALNUMBER", "CN"})
_ESCAPED = re.compile(r'[,+"\\<>;]|^[ #]| $')
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]*")
_PRINTABLE_STRING, _UTF8_STRING = 0x13, 0x0C
_LONG = 0x80
_EXCHANGE = re.compile(r"(ECDHE-ECDSA|ECDHE-RSA|DHE-RSA|DHE-DSS|ECDH-ECDSA|ECDH-RSA)-(.+)")


def distinguished(name: Name) -> str:
    """A subject or issuer as Go's `pkix.Name.String` writes it: RFC 2253 in an order of its own.

    Attributes that have no short name there come last, as their number and the hex of their DER.
    """
    pairs = [(attribute.oid.dotted_string, str(attribute.value)) for attribute in name]
    parts = []
    for oid, short in _SHORT.items():
        values = [value for number, value in pairs if number == oid]
        shown = values[-1:] if short in _SINGLE else values
        parts += ["+".join(f"{short}={_ESCAPED.sub(_escape, value)}" for value in shown)]
    parts += [f"{oid}=#{_der(value).hex()}" for oid, value in reversed(pairs) if oid not in _SHORT]
    return ",".join(filter(None, parts))


def cipher_suite(name: str) -> str:
    """IANA's name of the cipher suite that OpenSSL calls `name`: `ECDHE-RSA-AES128-GCM-SHA256` is
    `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`."""
    if not name or name.startswith("TLS_"):
        return name
    match = _EXCHANGE.fullmatch(name)
    exchange, cipher = (match[1], match[2]) if match else ("RSA", name)
    cipher = cipher.replace("DES-CBC3", "3DES_EDE_CBC").replace("POLY1305", "POLY1305-SHA256")
    cipher = re.sub(r"^(AES|CAMELLIA|ARIA)(\d+)", r"\1_\2", cipher)
    cipher = re.sub(r"^((?:AES|CAMELLIA)_\d+)-(SHA\d*)$", r"\1_CBC_\2", cipher)
    return f"TLS_{exchange}_WITH_{cipher}".replace("-", "_")


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _der(value: str) -> bytes:
    data = value.encode()
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8 or 1, "big")
    head = size if len(data) < _LONG else bytes([_LONG | len(size)]) + size
    return bytes([_PRINTABLE_STRING if _PRINTABLE.fullmatch(value) else _UTF8_STRING]) + head + data
