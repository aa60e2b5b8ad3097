"""In what our page differs from blackbox_exporter 0.23's, and why each of it is meant.

What is not listed here makes the matrix fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.blackbox.cell import Cell
from tests.blackbox.pages import NEWER_LABEL, Difference

When = Callable[[Cell, Difference], bool]


@dataclass(frozen=True, slots=True)
class Listed:
    """`verdict` is whether success itself may differ."""

    name: str
    because: str
    when: When
    verdict: bool = False


def besides(*names: str) -> When:
    """Ours has these families where theirs has none."""
    return lambda cell, found: found.name in names and found.theirs is None


def at(area: str, *places: str, modules: str = "") -> When:
    """In this area, at these places if any are named, under modules whose names hold this."""
    return lambda cell, found: cell.area == area and (not places or cell.place in places) and modules in cell.module


def both(*conditions: When) -> When:
    return lambda cell, found: all(holds(cell, found) for holds in conditions)


def either(*conditions: When) -> When:
    return lambda cell, found: any(holds(cell, found) for holds in conditions)


_ADDRESS = ("probe_dns_lookup_time_seconds", "probe_ip_protocol", "probe_ip_addr_hash")
_SESSION = (
    *("probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_expiry_timestamp_seconds", "probe_ssl_last_chain_info"),
    "probe_tls_version_info",
)
_TAKEN_BY_BROWSERS = ("HTTP in capitals", "space first", "web'/ok?\xfc'", "web'/ok?a b'")
_NO_ADDRESS = ("no port", "no host", "a URL", "port too large", "port in letters", "no brackets")

LISTED = (
    Listed(
        "newer",
        "blackbox_exporter has it since 0.24 or later",
        either(
            besides("probe_timeout_seconds", "probe_failed_due_to_bytes", "probe_tls_cipher_info"),
            lambda cell, found: found.name == NEWER_LABEL,
        ),
    ),
    Listed(
        "hostname for TCP",
        "newer: `hostname` is the name for TLS of a tcp module, too",
        both(at("hostname", modules="tcp over TLS"), lambda cell, found: cell.query != (("hostname", ""),)),
        verdict=True,
    ),
    Listed(
        "reason and clock",
        "why it failed, and what the kernel knows of the connection",
        besides(
            *("probe_failure_info", "probe_clock_info", "probe_tcp_round_trip_seconds", "probe_tcp_retransmits"),
        ),
    ),
    Listed(
        "certificate",
        "certificate and session are there when they are refused, when no answer came, and of DNS over TLS",
        besides(*_SESSION),
    ),
    Listed(
        "phases",
        "every phase is there, as 0, when a probe does not come so far",
        besides("probe_http_duration_seconds"),
    ),
    Listed(
        "target without sense",
        "series do not end: of a target that cannot be understood there is all that says nothing, as 0",
        both(
            either(
                at("nonsense targets"), at("ICMP", "in brackets", "a space"),
                at("TCP connections", *_NO_ADDRESS),
            ),
            lambda cell, found: found.name not in ("status", "probe_success") and cell.place not in _TAKEN_BY_BROWSERS,
        ),
    ),
    Listed(
        "URL that a browser takes",
        "a scheme in capitals, space around a URL and characters to be encoded are understood",
        at("nonsense targets", *_TAKEN_BY_BROWSERS),
        verdict=True,
    ),
    Listed(
        "timeout without an end",
        "a scrape's timeout of nan or inf seconds is refused",
        lambda cell, found: found.name == "status" and bool({"nan", "inf"} & set(cell.headers.values())),
    ),
    Listed(
        "credentials stay",
        "basic_auth is not sent to another host that a redirect leads to",
        at("credentials", "/elsewhere/basic", "/elsewhere/basic by box:s3cret@"),
        verdict=True,
    ),
    Listed(
        "redirect to nonsense",
        "a redirect whose target is no URL is counted, and its status shown",
        at("redirects", "/to/no scheme"),
    ),
    Listed(
        "asks for its coding",
        "a module that unpacks a coding asks for it also when no header says so",
        at("HTTP/2", modules="compression alone"),
        verdict=True,
    ),
    Listed(
        "large body",
        "patterns are looked for in 10 MB, unless the module has a limit of its own; more fails",
        at("answers", "/huge"),
        verdict=True,
    ),
    Listed(
        "deflate",
        "deflate as RFC 9110 has it (zlib) is unpacked, too",
        at("codings", "/deflate/zlib", modules="compression deflate"),
        verdict=True,
    ),
    Listed(
        "not its coding",
        "a body that is not what the module unpacks has no length, and is always found out",
        either(
            at("codings", "/large", modules="compression gzip"),
            at("codings", "/deflate", "/deflate/said", modules="compression br"),
            at("HTTP/2", "http2 /large", modules="tls, gzip"),
            at("HTTP over TLS", "https /large", modules="tls, gzip"),
            at("HTTP over TLS", "https /large", modules="tls, compression alone"),
        ),
        verdict=True,
    ),
    Listed(
        "Last-Modified",
        "a date in another zone than GMT is read",
        both(at("answers", "/modified/not GMT"), besides("probe_http_last_modified_timestamp_seconds")),
    ),
    Listed(
        "1xx",
        "ten answers of 1xx are skipped, there five; newer ones have no such number",
        at("broken servers", "six of 100 first"),
        verdict=True,
    ),
    Listed(
        "101",
        "what follows an upgrade is no body",
        both(
            at("broken servers", "101 with a body"),
            lambda cell, found: found.name == "probe_http_uncompressed_body_length",
        ),
    ),
    Listed(
        "header's name",
        "a header's name with brackets or a tab is refused, as newer ones do",
        at("broken servers", "header in brackets", "header with a tab in its name"),
        verdict=True,
    ),
    Listed(
        "proxy's refusal",
        "the page with which a proxy asks for other credentials is not read",
        both(
            at("proxies", modules="without its account"),
            lambda cell, found: found.name == "probe_http_uncompressed_body_length",
        ),
    ),
    Listed(
        "newer gRPC",
        "without a certificate nothing expires; what is no single message is INTERNAL (13), not UNKNOWN (2)",
        either(
            both(at("gRPC"), lambda cell, found: found.name == _SESSION[0] and found.theirs == 0.0),
            both(at("gRPC", "no message", "two messages"), lambda cell, found: found.name == "probe_grpc_status_code"),
        ),
    ),
    Listed(
        "large datagram",
        "an answer of more than 512 bytes is read",
        at("DNS questions", "dns", modules="long.example"),
        verdict=True,
    ),
    Listed(
        "another question's answer",
        "an answer that is to no question of ours is passed over, because anybody can send one",
        at("DNS servers that err", "other question", "the query again", "no question"),
        verdict=True,
    ),
)  # fmt: skip


ON_EVERY_PAGE = frozenset({"newer", "reason and clock"})
"""What is besides on nearly all of them."""


def listed(cell: Cell, difference: Difference) -> Listed | None:
    """Why the two may differ so."""
    for each in LISTED:
        if (each.verdict or difference.name != "probe_success") and each.when(cell, difference):
            return each
    return None
