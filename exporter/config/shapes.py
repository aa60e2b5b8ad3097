"""The shape of the file: which keys stand where and what they may hold.

Each block is checked on its own, so that a mistake in one hides none in another; `Later` marks
where the check of the block around it ends. The JSON Schema for editors goes all the way down.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, make_dataclass
from functools import cache, partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from exporter import kinds, model
from exporter.config.addresses import parse_asked, parse_link
from exporter.options import Country, File, Nameserver, Parsed, Pattern, SecretText, parse_duration

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_UPSTREAM = re.compile(_NAME.pattern + r"(:\S+)?")
_TITLE = 80  # characters


@dataclass(frozen=True, slots=True)
class Later:
    """Whatever stands there is passed on unchecked; in the JSON Schema it is a `shape()`."""

    shape: Callable[[], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        inner = handler.generate_schema(self.shape())
        return core_schema.json_or_python_schema(json_schema=inner, python_schema=core_schema.any_schema())


def parse_name(found: Any, folder: Path = Path()) -> str:
    """The name of a service, feature, endpoint, control or region: it becomes a label's value and part of a path."""
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise ValueError(f"{found!r} is not a name: lower-case letters, digits, '_', '.' and '-', not '_.-' first")
    return found


def _parse_interval(found: Any, folder: Path) -> float:
    seconds = parse_duration(found)
    if seconds < 1:
        raise ValueError(f"must be at least 1s, found {found}")
    return seconds


def _parse_positive(found: Any, folder: Path) -> float:
    seconds = parse_duration(found)
    if seconds <= 0:
        raise ValueError(f"must be more than 0, found {found}")
    return seconds


def _parse_network(found: Any, folder: Path) -> str:
    try:
        return str(ipaddress.ip_network(str(found)))
    except ValueError as error:
        raise ValueError(f"{found!r} is not a network in CIDR notation such as 10.0.0.0/8: {error}") from error


def _parse_upstream(found: Any, folder: Path) -> str:
    if not isinstance(found, str) or not _UPSTREAM.fullmatch(found):
        raise ValueError(f"{found!r} is not an upstream; write a signal, or one and a location: oracle:us-ashburn-1")
    return found


def _parse_title(found: Any, folder: Path) -> str:
    # What does not print would break the line, or turn round what stands beside it.
    if not isinstance(found, str) or not found.strip() or len(found) > _TITLE or not found.isprintable():
        raise ValueError(f"{found!r} is not a title: a text of one line, {_TITLE} characters at most")
    return found


_DURATION_SCHEMA = {"type": "string", "examples": ["60s", "1m30s", "500ms"]}
_TEXT = {"type": "string"}
Name = Annotated[str, Parsed(parse_name, {**_TEXT, "pattern": f"^{_NAME.pattern}$"})]
Interval = Annotated[float, Parsed(_parse_interval, _DURATION_SCHEMA)]
Positive = Annotated[float, Parsed(_parse_positive, _DURATION_SCHEMA)]
Upstream = Annotated[str, Parsed(_parse_upstream, {**_TEXT, "pattern": f"^{_UPSTREAM.pattern}$"})]
Cidr = Annotated[str, Parsed(_parse_network, _TEXT)]
Title = Annotated[str, Parsed(_parse_title, {**_TEXT, "minLength": 1, "maxLength": _TITLE})]
Link = Annotated[str, Parsed(parse_link, {**_TEXT, "format": "uri", "pattern": "^https?://"})]
Asked = Annotated[str, Parsed(parse_asked, {**_TEXT, "format": "uri", "pattern": "^https://"})]
AskedOfBrowsers = Annotated[tuple[Asked, ...], Field(min_length=1, max_length=3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """For every endpoint that does not say otherwise; seconds."""

    interval: Interval = 60.0
    timeout: Positive = 10.0
    degraded_above: Positive | None = None
    histograms: model.Buckets = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    nameservers: tuple[Nameserver, ...] = ()
    ca_file: File | None = None
    allow: tuple[Cidr, ...] = ()
    deny: tuple[Cidr, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Degrees."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The keys of every kind; `endpoint()` adds one block for each kind."""

    url: str | None = None
    target: str | None = None
    kind: Any = None
    interval: Interval | None = None
    timeout: Positive | None = None
    degraded_above: Positive | None = None
    regions: tuple[str, ...] | None = None
    globalping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    core: bool = False
    regions: tuple[str, ...] | None = None
    endpoints: Annotated[Any, Later(lambda: dict[Name, endpoint()])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    title: str | None = None
    alternatives: tuple[str, ...] = ()
    objective: Annotated[float, Field(gt=0, lt=1)] = model.OBJECTIVE
    upstreams: tuple[Upstream, ...] = ()
    expected_blocked: tuple[Country, ...] = ()
    complaints: tuple[Pattern, ...] = ()
    support: Link = ""
    browser_checks: AskedOfBrowsers = ()
    interval: Interval | None = None
    timeout: Positive | None = None
    regions: tuple[str, ...] | None = None
    features: Annotated[Any, Later(lambda: dict[Name, Feature])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Globalping:
    """What it may be asked for; `off` in its place: nothing."""

    tests_per_hour: Annotated[int, Field(ge=1)] | None = None
    token: SecretText | None = None
    token_file: File | None = None
    url: Link = model.GLOBALPING

    def __post_init__(self) -> None:
        if self.token and self.token_file:
            raise ValueError("set token or token_file, not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole file; several of them are merged by section."""

    defaults: Defaults = Defaults()
    network: Network = Network()
    regions: Annotated[Any, Later(lambda: dict[Name, _any_region()])] = None
    controls: Annotated[Any, Later(lambda: dict[Name, endpoint()])] = None
    services: Annotated[Any, Later(lambda: dict[Name, Service])] = None
    signals: Annotated[Any, Later(lambda: dict[Name, _any_signal()])] = None
    browser_controls: AskedOfBrowsers = ()
    globalping: Annotated[Any, Later(lambda: Globalping | Literal["off"])] = None


SECTIONS = tuple(section.name for section in fields(Document))
LISTS = ("browser_controls",)
"""Sections that are no mappings: one file has all of it."""

OFF = "off"
SWITCHES = ("globalping",)
"""Sections that can be `off` instead: one file has all of it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsers:
    """The one section that is checked with its key, because it is a list."""

    browser_controls: AskedOfBrowsers = ()


@cache
def endpoint() -> type[Endpoint]:
    """An endpoint with a block for each kind of probe."""
    names = kinds.names("probes")
    blocks = [(kind, Annotated[Any, Later(partial(_optional, options("probes", kind)))], None) for kind in names]
    kind = ("kind", Annotated[Any, Later(lambda: Literal[names] | None)], None)
    return make_dataclass("AnyEndpoint", [kind, *blocks], bases=(Endpoint,), frozen=True, kw_only=True)


@cache
def region(kind: str) -> type[Any]:
    """A region of one kind: the kind's own options beside `kind`, `location` and `country`."""
    common: list[Any] = [
        ("kind", Literal[kind]),
        ("location", Place | None, None),
        ("country", Country | None, None),
    ]
    bases = (options("regions", kind),)
    return make_dataclass(f"{kind.title()}Region", common, bases=bases, frozen=True, kw_only=True)


@cache
def signal(kind: str) -> type[Any]:
    """A signal of one kind: the kind's own options beside `kind`, `interval`, `services` and `title`."""
    common: list[Any] = [
        ("kind", Literal[kind]),
        ("interval", Interval, kinds.module("signals", kind).INTERVAL),
        ("services", tuple[str, ...], ()),
        ("title", Title, ""),
    ]
    bases = (options("signals", kind),)
    return make_dataclass(f"{kind.title()}Signal", common, bases=bases, frozen=True, kw_only=True)


def options(room: str, kind: str) -> type[Any]:
    """The kind's own block."""
    shape: type[Any] = kinds.module(room, kind).Options
    return shape


def own_options(room: str, kind: str, found: Any) -> Any:
    """Of a block that was read with the keys around them: the kind's own."""
    own = options(room, kind)
    return own(**{option.name: getattr(found, option.name) for option in fields(own)})


def _optional(shape: type[Any]) -> Any:
    return shape | None


def _any_region() -> Any:
    return reduce(operator.or_, (region(kind) for kind in kinds.names("regions")))


def _any_signal() -> Any:
    return reduce(operator.or_, (signal(kind) for kind in kinds.names("signals")))


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    """What checks a block: unknown keys are refused at every depth."""
    # A dataclass alone would ignore `config`; a union hands it down to every standard dataclass within.
    return TypeAdapter(shape | None, config=_STRICT)


_WRITTEN: dict[str, type] = {"string": str, "boolean": bool, "integer": int}


class _Generator(GenerateJsonSchema):
    def dict_schema(self, schema: core_schema.DictSchema) -> dict[str, Any]:
        """A dictionary whose keys must match a pattern refuses all others."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """Only defaults that a person could have written: a duration's is a number of seconds, a list's a tuple."""
        made = super().default_schema(schema)
        choices = [str(choice.get("type")) for choice in made.get("anyOf", [made])]
        written = tuple(_WRITTEN[kind] for kind in choices if kind in _WRITTEN)
        if "default" in made and not isinstance(made["default"], written):
            del made["default"]
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        """`Ca File` above `ca_file` tells nobody anything."""
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file."""
    made = adapter(Document).json_schema(schema_generator=_Generator)
    [document] = [choice for choice in made.pop("anyOf") if choice.get("type") != "null"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "outage-exporter", **made, **document}
