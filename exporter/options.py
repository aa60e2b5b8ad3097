"""The scalars and shared blocks of the configuration, as plain types that a worker can import cheaply.

A kind's `Options` is a frozen dataclass whose annotations use these. `Parsed` is the one hook by
which `config` (pydantic) learns how text becomes a value; its `ValueError` messages are what a
person reads behind `file:line: path:`, so they say what was found and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import re2

from exporter.errors import ProbeError
from exporter.model import Reason

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema, core_schema

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNITS |= {"d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|y)")
_COUNTRY = re.compile(r"[A-Z]{2}")
_SIZE_UNITS = {"": 0, "b": 0} | {f"{unit}{i}b": 10 * power for power, unit in enumerate("kmgtpe", 1) for i in ("", "i")}
"""Powers of two, as in blackbox_exporter: KB and KiB are the same."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """`Annotated[T, Parsed(parse, schema)]`: `parse(found, folder)` makes a T or raises ValueError.

    `folder` is that of the configuration file, for relative paths. `schema` is the JSON Schema of
    what a person may write. `later` parses where files are not opened before they are used.
    """

    parse: Callable[[Any, Path], Any]
    schema: dict[str, Any] = field(hash=False)  # `Duration | None` hashes its parts
    later: Callable[[Any, Path], Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def validate(found: Any, info: core_schema.ValidationInfo) -> Any:
            context = info.context or {}
            parse = self.later if self.later and context.get("files_later") else self.parse
            return parse(found, context.get("folder", Path()))

        return core_schema.with_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)  # pydantic adds titles and defaults to what it gets


def parse_duration(found: Any, folder: Path = Path()) -> float:
    """Seconds of a Go or Prometheus duration such as `1m30s` or `500ms`."""
    text = str(found)
    if text == "0" and not isinstance(found, bool):
        return 0.0
    if not isinstance(found, str) or not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        raise ValueError(f"{found!r} is not a duration; write a number and a unit, such as 500ms, 10s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def parse_size(found: Any, folder: Path = Path()) -> int:
    """Bytes of a size such as `10MB` or `512KiB`; 0 means unlimited, as in blackbox_exporter."""
    parts = _SIZE.findall(str(found))
    known = all(unit.lower() in _SIZE_UNITS for _, unit in parts)
    if isinstance(found, bool) or not known or not re.fullmatch(f"(?:{_SIZE.pattern})+", str(found)):
        raise ValueError(f"{found!r} is not a size; write a number and a unit, such as 512KB or 10MB")
    return sum(int(float(number) * (1 << _SIZE_UNITS[unit.lower()])) for number, unit in parts)


def parse_pattern(found: Any, folder: Path = Path()) -> str:
    """A regular expression in RE2's syntax, checked, kept as text (compiled patterns do not pickle)."""
    if not isinstance(found, str):
        raise ValueError(f"{found!r} is not a regular expression")
    try:
        compiled(found)
    except re2.error as error:
        detail = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"{found!r} is not a regular expression in RE2's syntax: {detail}") from error
    return found


_QUIET = re2.Options()
_QUIET.log_errors = False


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The compiled RE2 pattern, unanchored; it matches on bytes and text."""
    return re2.compile(pattern, _QUIET)


def searched(pattern: str, data: bytes) -> Any:
    """The match of `pattern` in `data`, or None."""
    match = compiled(pattern).search(data)
    if match is None and not data.isascii():
        # Go lets a dot match a byte that is no UTF-8, RE2 does not.
        match = compiled(pattern).search(data.decode("utf-8", "replace").encode())
    return match


def any_of(patterns: Sequence[str]) -> Any:
    """One compiled pattern that matches where one of these does: RE2 looks for all of them in one pass."""
    return compiled("|".join(f"(?:{pattern})" for pattern in patterns))


def parse_status_ranges(found: Any, folder: Path = Path()) -> tuple[range, ...]:
    """HTTP statuses and ranges of them: `[200-299, 404]`."""
    if not isinstance(found, list):
        raise ValueError(f"{found!r} is not a list of HTTP statuses, such as [200-299, 404]")
    return tuple(_status_range(item) for item in found)


def _status_range(item: Any) -> range:
    match = re.fullmatch(r"([1-9]\d\d)(?:-([1-9]\d\d))?", str(item))
    if isinstance(item, bool) or not match or int(match[2] or match[1]) < int(match[1]):
        raise ValueError(f"{item!r} is not an HTTP status or a range of them, such as 404 or 200-299")
    return range(int(match[1]), int(match[2] or match[1]) + 1)


class Secret(str):
    """A text that is never shown: its repr and its place in `config show` say `<secret>`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


def parse_secret(found: Any, folder: Path = Path()) -> Secret:
    if not isinstance(found, str):
        raise ValueError("a secret must be a text; put it in quotes")
    return Secret(found)


def parse_path(found: Any, folder: Path = Path()) -> str:
    """A file's path; a relative one starts at the configuration file's folder."""
    if not isinstance(found, str):
        raise ValueError(f"{found!r} is not a file's path")
    return str(folder / found)


def parse_file(found: Any, folder: Path = Path()) -> str:
    """The same of a file that can be read."""
    path = parse_path(found, folder)
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise ValueError(f"cannot read {path!r}: {error.strerror}") from error
    return path


def parse_country(found: Any, folder: Path = Path()) -> str:
    """ISO 3166-1 alpha-2, in capitals."""
    if not isinstance(found, str) or not _COUNTRY.fullmatch(found):
        raise ValueError(f"{found!r} is not a country's code of two capitals (ISO 3166-1), such as US or IN")
    return found


def parse_nameserver(found: Any, folder: Path = Path()) -> str:
    """A DNS server, as `split_nameserver` takes it."""
    try:
        split_nameserver(str(found))
    except ValueError:
        said = f"{found!r} is not a name server; write 192.0.2.53, 192.0.2.53:53 or [2001:db8::53]:53"
        raise ValueError(said) from None
    return str(found)


def split_nameserver(text: str) -> tuple[str, int]:
    """Address and port of `192.0.2.53`, `192.0.2.53:53`, `[2001:db8::53]:53` or `2001:db8::53`; ValueError."""
    match = re.fullmatch(r"\[([^\]]+)\]:(\d+)|([^:]+):(\d+)|(.+)", text)
    if not match:
        raise ValueError("nothing")
    address, port = match[1] or match[3] or match[5], int(match[2] or match[4] or 53)
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is not a port")
    return str(ip_address(address)), port


_TEXT = {"type": "string"}
Duration = Annotated[float, Parsed(parse_duration, {"type": "string", "pattern": f"^(0|({_DURATION.pattern})+)$"})]
Size = Annotated[int, Parsed(parse_size, {"type": ["string", "integer"]})]
Pattern = Annotated[str, Parsed(parse_pattern, {"type": "string", "format": "regex"})]
Country = Annotated[str, Parsed(parse_country, {**_TEXT, "pattern": f"^{_COUNTRY.pattern}$"})]
SecretText = Annotated[Secret, Parsed(parse_secret, _TEXT)]
Nameserver = Annotated[str, Parsed(parse_nameserver, _TEXT)]
File = Annotated[str, Parsed(parse_file, _TEXT, parse_path)]
StatusRanges = Annotated[
    tuple[range, ...],
    Parsed(
        parse_status_ranges,
        {
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[1-9]\d\d(-[1-9]\d\d)?$"}]},
        },
    ),
]
IPProtocol = Literal["ip4", "ip6"]
TLSVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSConfig:
    """blackbox_exporter's `tls_config`."""

    insecure_skip_verify: bool = False
    ca: str | None = None
    ca_file: File | None = None
    cert: str | None = None
    cert_file: File | None = None
    key: SecretText | None = None
    key_file: File | None = None
    server_name: str | None = None
    min_version: TLSVersion | None = None
    max_version: TLSVersion | None = None

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"set {name} or {name}_file, not both")
        if bool(self.cert or self.cert_file) != bool(self.key or self.key_file):
            raise ValueError("a client certificate needs both a cert and a key")


def read_secret(value: str | None, file: str | None) -> str | None:
    """The secret itself, or the file's text without the space around it, read anew each time so that it can rotate."""
    if value is not None or file is None:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"cannot read {file}: {error.strerror}") from error
