"""In which countries a service is blocked: OONI's measurements by volunteers, hours old, asked for once an hour.

Format: api.ooni.io, `GET /api/v1/aggregation` by `probe_cc`. A country blocks when a twentieth of its measurements or
more are confirmed blocks (one that is confirmed among thousands is one provider's), or when at least 80 % of at least
20 are anomalies, and only while other countries are fine: where most countries that are measured enough fail, or most
measurements elsewhere, it is an outage and nothing is called blocked. What OONI does not say is not known: no country
is called open.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from exporter.errors import SignalError
from exporter.fetch import Fetch, one_line, parse_json
from exporter.languages import text
from exporter.model import Service, Signal
from exporter.options import Country
from exporter.readings import Fault, Reading, Restriction

INTERVAL = 3600.0
NEEDS_SERVICES = True

DAYS = 2
"""Days of measurements that are looked at, today's among them."""

CONFIRMED, ANOMALOUS, ENOUGH = 0.05, 0.8, 20
"""Share of confirmed blocks, share of anomalies, and measurements that the latter needs."""

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`domains` by service; `countries` are those that are told, all when empty."""

    domains: dict[str, str] = field(default_factory=dict)
    countries: tuple[Country, ...] = ()
    url: str = "https://api.ooni.io"

    def __post_init__(self) -> None:
        if not self.domains:
            raise ValueError("domains is missing; write the domain of each service, such as {tiktok: www.tiktok.com}")


@dataclass(frozen=True, slots=True)
class Measured:
    probe_cc: str
    anomaly_count: int
    confirmed_count: int
    ok_count: int

    @property
    def judged(self) -> int:
        """Measurements that came to something; failed ones say nothing."""
        return self.anomaly_count + self.confirmed_count + self.ok_count

    @property
    def blocks(self) -> bool:
        if self.confirmed_count and self.confirmed_count >= CONFIRMED * self.judged:
            return True
        bad = self.anomaly_count + self.confirmed_count
        return self.judged >= ENOUGH and bad >= ANOMALOUS * self.judged


@dataclass(frozen=True, slots=True)
class Aggregation:
    result: list[Measured] | None = None
    error: str = ""


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The countries that block each service."""
    found: list[Restriction] = []
    for service in services:
        domain = signal.options.domains.get(service.name)
        if domain is None:
            raise SignalError(Fault.INTERNAL, f"no domain of {service.name} is configured under domains")
        countries = await _countries(signal.options, domain, fetch)
        found += [one for one in _restrictions(service.name, countries) if _wanted(signal.options, one)]
    return Reading(fetch.now(), restrictions=tuple(found))


async def _countries(options: Options, domain: str, fetch: Fetch) -> list[Measured]:
    today = datetime.datetime.fromtimestamp(fetch.now(), datetime.UTC).date()
    asked = {
        "test_name": "web_connectivity",
        "domain": domain,
        "since": str(today - datetime.timedelta(days=DAYS - 1)),
        "until": str(today + datetime.timedelta(days=1)),
        "axis_x": "probe_cc",
    }
    answer = parse_json(
        Aggregation, (await fetch.get(f"{options.url.rstrip('/')}/api/v1/aggregation", params=asked)).body
    )
    if answer.error or answer.result is None:
        raise SignalError(Fault.ERROR, f"OONI says: {one_line(answer.error, 100) or 'no result'}")
    return answer.result


def _restrictions(service: str, countries: Sequence[Measured]) -> Iterator[Restriction]:
    blocking = [country for country in countries if country.blocks and _COUNTRY.fullmatch(country.probe_cc)]
    if _fails_elsewhere(countries):
        return
    for one in blocking:
        bad = one.anomaly_count + one.confirmed_count
        because = text("barred.measured", bad=bad, judged=one.judged, days=DAYS, confirmed=one.confirmed_count)
        yield Restriction(one.probe_cc, "blocked", because, service)


def _fails_elsewhere(countries: Sequence[Measured]) -> bool:
    """Whether those that do not block are too few, too little measured, or fail for the most part as well."""
    others = [country for country in countries if not country.blocks]
    fine, judged = sum(one.ok_count for one in others), sum(one.judged for one in others)
    measured = [country for country in countries if country.judged >= ENOUGH]
    failing = [country for country in measured if 2 * country.ok_count < country.judged]
    return judged < ENOUGH or 2 * fine < judged or 2 * len(failing) > len(measured)


def _wanted(options: Options, restriction: Restriction) -> bool:
    return not options.countries or restriction.country in options.countries
