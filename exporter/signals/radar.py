"""Which countries are cut off from the Internet: Cloudflare Radar's annotated outages, by a free token.

Format: developers.cloudflare.com, `GET /client/v4/radar/annotations/outages`. People annotate them, so they come late.
An outage of single networks (`asns`) or of a part of a country is not the country's: only those that name no network,
or are called nationwide, count, and only while they have no end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from exporter.errors import SignalError
from exporter.fetch import Fetch, moment, one_line, parse_json
from exporter.languages import text
from exporter.model import Service, Signal
from exporter.options import Country, File, SecretText, read_secret
from exporter.readings import Fault, Reading, Restriction

INTERVAL = 900.0

_NATIONWIDE = "NATIONWIDE"
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`countries` are those that are told, all when empty."""

    token: SecretText | None = None
    token_file: File | None = None
    countries: tuple[Country, ...] = ()
    url: str = "https://api.cloudflare.com/client/v4"

    def __post_init__(self) -> None:
        if bool(self.token) == bool(self.token_file):
            raise ValueError("set token or token_file, one of them")


@dataclass(frozen=True, slots=True)
class Outage:
    outageCause: str = ""  # noqa: N815  the format's own names, here and below
    outageType: str = ""  # noqa: N815


@dataclass(frozen=True, slots=True)
class Annotation:
    locations: list[str]
    startDate: str  # noqa: N815
    endDate: str | None = None  # noqa: N815
    asns: list[Any] = field(default_factory=list)
    outage: Outage = field(default_factory=Outage)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    annotations: list[Annotation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Complaint:
    message: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    success: bool
    result: Found | None = None
    errors: list[Complaint] = field(default_factory=list)


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The countries that are cut off now."""
    options, now = signal.options, fetch.now()
    headers = {"Authorization": f"Bearer {read_secret(options.token, options.token_file)}"}
    url = f"{options.url.rstrip('/')}/radar/annotations/outages"
    asked = {"dateRange": "7d", "limit": "500", "format": "json"}
    answer = parse_json(Annotations, (await fetch.get(url, headers=headers, params=asked)).body)
    if not answer.success or answer.result is None:
        told = ", ".join(complaint.message for complaint in answer.errors) or "no result"
        raise SignalError(Fault.ERROR, f"Cloudflare says: {one_line(told, 100)}")
    found = {
        country: _because(one)
        for one in answer.result.annotations
        if _is_open(one, now)
        for country in one.locations
        if _COUNTRY.fullmatch(country) and (not options.countries or country in options.countries)
    }
    return Reading(now, restrictions=tuple(Restriction(name, "cut off", said) for name, said in sorted(found.items())))


def _is_open(one: Annotation, now: float) -> bool:
    moment(one.startDate, now)
    return not one.endDate and (one.outage.outageType == _NATIONWIDE or not (one.asns or one.outage.outageType))


def _because(one: Annotation) -> str:
    cause = one_line(one.outage.outageCause, 60).lower().replace("_", " ")
    return text("barred.annotated", cause=cause or text("barred.annotated.unknown"))
