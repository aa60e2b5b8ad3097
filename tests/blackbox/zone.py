"""What the matrix's nameserver knows, and nameservers that answer what none should."""

from __future__ import annotations

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from tests.servers.dns import NXDOMAIN, REFUSED, SERVFAIL, SILENCE, Answer

_SERIAL = "ns.example. admin.example. 2026112401 3600 600 86400 60"

ZONE = {
    "a.example": Answer(("A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1"), ttl=300),
    "one.example": Answer(("A 192.0.2.1",)),
    "same.example": Answer(("A 192.0.2.1", "A 192.0.2.1")),
    "mail.example": Answer(
        ("MX 10 mx1.example.", "MX 20 mx2.example."), authority=("NS ns.example.",), additional=("A 192.0.2.9",)
    ),
    "text.example": Answer(('TXT "v=spf1 -all" "second part"', r'TXT "quo\"te; semi"', r'TXT "\195\188 \001"')),
    "example": Answer((f"SOA {_SERIAL}", "NS ns.example.")),
    "authority.example": Answer(authority=(f"SOA {_SERIAL}",)),
    "alias.example": Answer(("CNAME a.example.",)),
    "pointer.example": Answer(("PTR a.example.",)),
    "service.example": Answer(("SRV 0 5 5060 sip.example.",)),
    "caa.example": Answer(('CAA 0 issue "ca.example"',)),
    "key.example": Answer(("DS 12345 8 2 " + "ab" * 32,)),
    "long.example": Answer(tuple(f"A 192.0.2.{number}" for number in range(200))),
    "truncated.example": Answer(("A 192.0.2.1",), truncated=True),
    "empty.example": Answer(),
    "none.example": NXDOMAIN,
    "none with soa.example": Answer(rcode=dns.rcode.NXDOMAIN, authority=(f"SOA {_SERIAL}",)),
    "failing.example": SERVFAIL,
    "refused.example": REFUSED,
    "notimp.example": Answer(rcode=dns.rcode.NOTIMP),
    "notauth.example": Answer(("A 192.0.2.1",), rcode=dns.rcode.NOTAUTH),
    "silent.example": SILENCE,
    "late.example": Answer(("A 192.0.2.1",), delay=5.0),
    "another id.example": Answer(("A 192.0.2.1",), wrong_id=True),
}

TYPES = {
    "a.example": ("A", "AAAA", "ANY", "MX"),
    "mail.example": ("MX",),
    "text.example": ("TXT",),
    "example": ("SOA", "NS"),
    "authority.example": ("SOA",),
    "alias.example": ("CNAME",),
    "pointer.example": ("PTR",),
    "service.example": ("SRV",),
    "caa.example": ("CAA",),
    "key.example": ("DS",),
}
"""What is asked besides A."""


def _reply(query: bytes) -> dns.message.Message:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", "192.0.2.1"))
    return reply


def _other_question(query: bytes) -> bytes:
    other = dns.message.make_query("other.example", "A")
    other.id = int.from_bytes(query[:2], "big")
    return _reply(other.to_wire()).to_wire()


def _query_again(query: bytes) -> bytes:
    return query


def _without_question(query: bytes) -> bytes:
    reply = _reply(query)
    reply.question = []
    return reply.to_wire()


BAD: dict[str, Callable[[bytes], list[bytes]]] = {
    "garbage": lambda query: [b"\xff" * 40],
    "three bytes": lambda query: [b"abc"],
    "nothing": lambda query: [b""],
    "id and garbage": lambda query: [query[:2] + b"\xff" * 40],
    "other question": lambda query: [_other_question(query)],
    "the query again": lambda query: [_query_again(query)],
    "no question": lambda query: [_without_question(query)],
    "cut": lambda query: [_reply(query).to_wire()[:-3]],
    "more than a message": lambda query: [_reply(query).to_wire() + b"more"],
    "twice": lambda query: [_reply(query).to_wire()] * 2,
}
"""By what is wrong with the datagrams for a query."""
