"""What the answer to a request must be, and the order in which that is judged: blackbox_exporter's, with ours between.

A bot wall comes before all else, because its status and its body are not the service's. Then status, headers, whether
the body is whole, what is in it, the version, the scheme: what fails first is told, and what it is blamed on is a
metric. Patterns and CEL are both looked at: in blackbox_exporter the patterns leave CEL nothing to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from exporter.assertions import (
    NO_WALL,
    BotWall,
    HeaderMatch,
    JSONMatch,
    body_fault,
    described,
    header_fault,
    json_fault,
    status_fault,
    wall_in_body,
    wall_in_head,
)
from exporter.assertions.expressions import Expression, expression_fault
from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.message import Answer
from exporter.options import Pattern, Size, StatusRanges
from exporter.request import RequestConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConfig(RequestConfig):
    """The keys by which an answer is judged, beside those of its request."""

    valid_status_codes: StatusRanges = ()
    valid_http_versions: tuple[Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"], ...] = ()
    body_size_limit: Size = 0
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    fail_if_body_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_json_matches_cel: Expression | None = None
    fail_if_body_json_not_matches_cel: Expression | None = None
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    fail_if_json_matches: tuple[JSONMatch, ...] = ()
    fail_if_json_not_matches: tuple[JSONMatch, ...] = ()
    blocked: BotWall = NO_WALL

    @property
    def asserts_body(self) -> bool:
        """Whether the body must, or must not, hold something."""
        return bool(self.matches_body or self.fail_if_json_matches or self.fail_if_json_not_matches or self.has_cel)

    @property
    def matches_body(self) -> bool:
        """Whether a pattern is looked for in the body."""
        return bool(self.fail_if_body_matches_regexp or self.fail_if_body_not_matches_regexp)

    @property
    def has_cel(self) -> bool:
        """Whether an expression judges the JSON body."""
        return bool(self.fail_if_body_json_matches_cel or self.fail_if_body_json_not_matches_cel)

    @property
    def judges_body(self) -> bool:
        """Whether anything needs the whole body."""
        return self.asserts_body or bool(self.blocked.body)


class Judgement:
    """Of the answers of one probe; `failed_regex` and `failed_cel` are whether patterns or CEL are to blame."""

    def __init__(self, config: AnswerConfig) -> None:
        self.failed_regex = False
        self.failed_cel = False
        self._config = config

    def fault(
        self, answer: Answer, body: bytes, broken: ProbeError | None, readable: bool, tls: bool
    ) -> ProbeError | None:
        """The first thing that is wrong, or None.

        `broken` is why `body` is not whole, None when it is. The body of a redirect that is not followed is not
        `readable`. `tls` is whether the answer came over it.
        """
        for reason, fault in self._faults(answer, body, broken, readable, tls):
            if fault is not None:
                return ProbeError(reason, fault)
        return None

    def _faults(
        self, answer: Answer, body: bytes, broken: ProbeError | None, readable: bool, tls: bool
    ) -> Iterator[tuple[Reason, str | None]]:
        """What is wrong with the answer, in the order in which it is judged."""
        config = self._config
        wall, valid = config.blocked, config.valid_status_codes
        forbidden, wanted = config.fail_if_body_matches_regexp, config.fail_if_body_not_matches_regexp
        yield Reason.BLOCKED, wall_in_head(wall, valid, answer.status, answer)
        if wall.body:
            yield Reason.BLOCKED, wall_in_body(wall, body)
        yield Reason.STATUS, status_fault(answer.status, valid)
        yield (
            Reason.BODY,
            self._regex(header_fault(answer, config.fail_if_header_matches, config.fail_if_header_not_matches)),
        )
        if broken is not None:
            # In blackbox_exporter a gzip body is refused before anything sees it, any other while it is read.
            if config.compression != "gzip" or body:
                self._blame_unread()
            yield broken.reason, str(broken)
        if not readable and config.asserts_body:
            self._blame_unread()
            yield Reason.BODY, "the body of a redirect that is not followed is not read, so it cannot match"
        yield Reason.BODY, self._regex(body_fault(body, forbidden, wanted))
        yield Reason.BODY, json_fault(body, config.fail_if_json_matches, config.fail_if_json_not_matches)
        yield Reason.BODY, self._cel(body)
        if config.valid_http_versions and answer.version not in config.valid_http_versions:
            yield Reason.PROTOCOL, f"{answer.version}, wanted {' or '.join(config.valid_http_versions)}"
        if config.fail_if_ssl and tls:
            yield Reason.TLS, "the answer came over TLS, and fail_if_ssl is set"
        if config.fail_if_not_ssl and not tls:
            yield Reason.TLS, "the answer came without TLS, and fail_if_not_ssl is set"

    def _regex(self, fault: str | None) -> str | None:
        self.failed_regex = self.failed_regex or fault is not None
        return fault

    def _cel(self, body: bytes) -> str | None:
        config = self._config
        if not config.has_cel:
            return None
        self.failed_cel = True  # also when it asks for more than we do
        fault = expression_fault(
            body, config.fail_if_body_json_matches_cel, config.fail_if_body_json_not_matches_cel, described(body)
        )
        self.failed_cel = fault is not None
        return fault

    def _blame_unread(self) -> None:
        """A body that cannot be read fails whoever looks at it first."""
        self.failed_regex = self._config.matches_body
        self.failed_cel = self._config.has_cel and not self.failed_regex
