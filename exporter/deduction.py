"""Why a probe failed, from no more than the metrics of blackbox_exporter, which says success or none.

Rules are read from above, the first that holds says the reason. What its metrics do not tell apart gets the reason
that both share or that is more likely: over https a refused certificate looks like a refused connection (`connect`),
a wrong status in 2xx like a body that does not match (`body`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.exposition import Page
from exporter.model import Reason


@dataclass(frozen=True, slots=True)
class Seen:
    """The metrics of one probe that failed, how many seconds it took, and whether these were all that it had."""

    page: Page
    duration: float
    late: bool

    def value(self, name: str, **labels: str) -> float:
        """0 when there is no such sample, or it is no number."""
        found = self.page.get(name, {}).get(frozenset(labels.items()), 0.0)
        return found if math.isfinite(found) else 0.0

    @property
    def after_resolving(self) -> float:
        """Seconds."""
        return self.duration - self.value("probe_dns_lookup_time_seconds")

    @property
    def cut(self) -> bool:
        """Whether a good answer ended before all that it announced had come."""
        good = 200 <= self.value(_CODE) < 300
        return good and self.value("probe_http_uncompressed_body_length") < self.value("probe_http_content_length")

    def has(self, name: str) -> bool:
        return name in self.page


Rule = tuple[Callable[[Seen], object], Reason, str]

_PATTERN: Rule = (lambda seen: seen.value("probe_failed_due_to_regex"), Reason.BODY, "a pattern does not hold")
_BYTES: Rule = (lambda seen: seen.value("probe_failed_due_to_bytes"), Reason.BODY, "expected bytes did not come")
_NOWHERE: Rule = (lambda seen: not seen.value("probe_ip_protocol"), Reason.RESOLVE, "the name has no address")
_LATE: Rule = (lambda seen: seen.late, Reason.TIMEOUT, "no answer in time")
_SILENCE: Rule = (lambda seen: True, Reason.TIMEOUT, "no answer in time")
_CONNECT: Rule = (lambda seen: True, Reason.CONNECT, "no connection")
_CODE = "probe_http_status_code"
_WORD = "probe_websocket_status_code"
_GRPC = "probe_grpc_status_code"
_PHASE = "probe_http_duration_seconds"
_DIALOGUE: tuple[Rule, ...] = (
    _PATTERN,
    _BYTES,
    _NOWHERE,
    _LATE,
    (lambda seen: seen.has("probe_tls_version_info"), Reason.PROTOCOL, "the connection ended within the dialogue"),
    _CONNECT,
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "http": (
        _PATTERN,
        (lambda seen: seen.value("probe_failed_due_to_cel"), Reason.BODY, "an expression on the body does not hold"),
        (
            lambda seen: seen.value(_CODE) and seen.late,
            Reason.TIMEOUT,
            "status {status:g}, and the answer was not whole in time",
        ),
        (lambda seen: seen.cut, Reason.PROTOCOL, "status {status:g}, and the answer was cut short"),
        (
            lambda seen: 200 <= seen.value(_CODE) < 300,
            Reason.BODY,
            "status {status:g}, and something else is not as it should be",
        ),
        # As our own http probe takes them when nobody says otherwise.
        (lambda seen: seen.value(_CODE) in (403, 429), Reason.BLOCKED, "status {status:g} is that of a bot wall"),
        (lambda seen: seen.value(_CODE), Reason.STATUS, "status {status:g}"),
        _NOWHERE,
        (lambda seen: not seen.value(_PHASE, phase="connect"), Reason.CONNECT, "no connection, or no TLS"),
        _LATE,
        (lambda seen: True, Reason.PROTOCOL, "the connection ended without an answer"),
    ),
    "tcp": _DIALOGUE,
    "unix": tuple(rule for rule in _DIALOGUE if rule is not _NOWHERE),
    # blackbox_exporter passes over what routers say, and waits: what fails at once was not sent.
    "icmp": (_NOWHERE, (lambda seen: seen.after_resolving < 0.1, Reason.VANTAGE, "no echo could be sent"), _SILENCE),
    "dns": (
        _NOWHERE,
        (lambda seen: seen.value("probe_dns_query_succeeded") == 0 and seen.late, Reason.TIMEOUT, "no answer in time"),
        (lambda seen: seen.value("probe_dns_query_succeeded") == 0, Reason.CONNECT, "no answer"),
        (lambda seen: not seen.value("probe_dns_answer_rrs"), Reason.STATUS, "the answer has no records"),
        (lambda seen: True, Reason.BODY, "the code or the records of the answer are not as they should be"),
    ),
    "grpc": (
        _NOWHERE,
        (lambda seen: seen.value(_GRPC) == 4 or seen.late, Reason.TIMEOUT, "no answer in time"),
        (lambda seen: seen.value(_GRPC) == 14, Reason.CONNECT, "no connection"),
        (lambda seen: True, Reason.STATUS, "the call fails, or the service is not serving"),
    ),
    "websocket": (
        (lambda seen: seen.value("probe_websocket_failed_due_to_regex"), Reason.BODY, "a pattern does not hold"),
        (lambda seen: seen.value(_WORD) not in (0, 101), Reason.STATUS, "status {status:g}"),
        _NOWHERE,
        _LATE,
        (lambda seen: seen.value(_WORD), Reason.PROTOCOL, "the connection ended within the dialogue"),
        _CONNECT,
    ),
}


def deduce(kind: str, seen: Seen) -> tuple[Reason, str]:
    """The reason, and a sentence without a full stop."""
    reason, said = next((reason, said) for holds, reason, said in RULES[kind] if holds(seen))
    return reason, said.format(status=seen.value(_CODE) or seen.value(_WORD))
