"""How many people report problems to Downdetector, and how many usually do: its Enterprise API, by contract.

Format, from third parties' code and so read tolerantly: `GET /v2/companies/search` and `GET /v2/companies/{id}` with a
bearer token. `stats_24` and `baseline` are counts by quarter of an hour over a day, oldest first; any of the values may
be a scalar or an object that holds it; `{"error": true, "message": ...}` may come with status 200. The newest count is
compared with Downdetector's own baseline, so nothing is added up here. Its website is never read: only the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from exporter.errors import SignalError
from exporter.fetch import Fetch, one_line, parse_json
from exporter.model import Service, Signal
from exporter.options import Country, File, SecretText, read_secret
from exporter.readings import Fault, Level, Reading

INTERVAL = 300.0
NEEDS_SERVICES = True

FIELDS = "id,name,country_iso,stats_24,baseline,baseline_current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`companies` are ids by service; a service without is searched by its title in each of `countries`."""

    token: SecretText | None = None
    token_file: File | None = None
    companies: dict[str, tuple[int, ...]] = field(default_factory=dict)
    countries: tuple[Country, ...] = ("US",)
    url: str = "https://downdetectorapi.com/v2"

    def __post_init__(self) -> None:
        if bool(self.token) == bool(self.token_file):
            raise ValueError("set token or token_file, one of them")


@dataclass(frozen=True, slots=True)
class Refusal:
    error: Any = False
    message: Any = ""


@dataclass(frozen=True, slots=True)
class Found:
    id: int
    name: str
    country_iso: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    stats_24: Any = None
    baseline: Any = None
    baseline_current: Any = None
    country_iso: str | None = None


async def read(signal: Signal, services: Sequence[Service], fetch: Fetch, bookmark: str = "") -> Reading:
    """The newest quarter of an hour of each company."""
    asked = Asked(signal.options, fetch)
    at = fetch.now()
    levels = [
        await _level(service.name, company, asked)
        for service in services
        for company in signal.options.companies.get(service.name) or await _search(service, asked)
    ]
    return Reading(at, levels=tuple(levels))


@dataclass(frozen=True, slots=True)
class Asked:
    """The API with its credential; an error may stand inside an answer of status 200."""

    options: Options
    fetch: Fetch

    async def get(self, path: str, **params: str) -> bytes:
        token = read_secret(self.options.token, self.options.token_file)
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.fetch.get(f"{self.options.url}{path}", headers=headers, params=params)
        if answer.body.lstrip().startswith(b"{") and (refusal := parse_json(Refusal, answer.body)).error:
            said = one_line(str(refusal.message or refusal.error))
            raise SignalError(Fault.ERROR, f"Downdetector says: {said}")
        return answer.body


async def _search(service: Service, asked: Asked) -> list[int]:
    return [await _search_in(country, service.title, asked) for country in asked.options.countries]


async def _search_in(country: str, title: str, asked: Asked) -> int:
    body = await asked.get("/companies/search", name=title, country=country, fields="id,name,country_iso")
    ids = [
        found.id
        for found in parse_json(list[Found], body)
        if found.name.casefold() == title.casefold() and found.country_iso in ("", country)
    ]
    if len(ids) != 1:
        raise SignalError(
            Fault.FORMAT, f"{len(ids)} companies in {country} are named {title}; write the id under companies"
        )
    return ids[0]


async def _level(service: str, company: int, asked: Asked) -> Level:
    found = parse_json(Company, await asked.get(f"/companies/{quote(str(company))}", fields=FIELDS))
    count = _newest(found.stats_24, "stats_24")
    usual = _newest(found.baseline if found.baseline_current is None else found.baseline_current, "baseline")
    return Level(service, "", int(count), usual, found.country_iso or "")


def _newest(value: Any, name: str) -> float:
    """The last of a list, the number in an object, or the number itself."""
    if isinstance(value, dict) and len(value) > 0:
        value = value.get(name, value.get("value", next(reversed(value.values()))))
    if isinstance(value, list) and value:
        return _newest(value[-1], name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise SignalError(Fault.FORMAT, f"{name}: must be a number or a list of them, found {one_line(str(value), 60)}")
    return float(value)
