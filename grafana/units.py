"""Numbers as Grafana writes them, for the units that the dashboards use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

_TIMES = ((1.0, 1000.0, "ms"), (60.0, 1.0, "s"), (3600.0, 60.0, "min"), (86400.0, 3600.0, "hours"))
_SIZES = ("B", "KiB", "MiB", "GiB")
_THOUSANDS = ("", "K", "Mil", "Bil")


def written(value: float, unit: str, decimals: int | None = None, now: float = 0.0) -> str:
    """The value with its unit; `now`, unix seconds, is what times are told from."""
    if unit == "dateTimeFromNow":
        return f"{_seconds(now - value / 1000.0, 0)} ago"
    return _WRITERS[unit](value, decimals)


def _seconds(value: float, decimals: int | None) -> str:
    if value < 0:
        return f"-{_seconds(-value, decimals)}"
    for limit, factor, name in _TIMES:
        if value < limit:
            scaled = value * factor if name == "ms" else value / factor
            return f"{_digits(scaled, decimals)} {name}"
    return f"{_digits(value / 86400.0, decimals)} days"


def _share(value: float, decimals: int | None) -> str:
    return f"{_digits(100.0 * value, decimals)}%"


def _bytes(value: float, decimals: int | None) -> str:
    return _scaled(value, 1024.0, _SIZES, decimals)


def _short(value: float, decimals: int | None) -> str:
    return _scaled(value, 1000.0, _THOUSANDS, decimals)


def _scaled(value: float, by: float, names: tuple[str, ...], decimals: int | None) -> str:
    place = 0
    while abs(value) >= by and place < len(names) - 1:
        value, place = value / by, place + 1
    return f"{_digits(value, decimals)} {names[place]}".strip()


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000.0 else f"{value:.0f}"


_WRITERS: Mapping[str, Callable[[float, int | None], str]] = {
    "none": _digits,
    "short": _short,
    "s": _seconds,
    "percentunit": _share,
    "bytes": _bytes,
    "cps": lambda value, decimals: f"{_digits(value, decimals)} c/s",
    "dateTimeAsIso": lambda value, decimals: f"{datetime.fromtimestamp(value / 1000.0, UTC):%Y-%m-%d %H:%M:%S}",
}
UNITS = frozenset({*_WRITERS, "dateTimeFromNow"})
"""All that can be written."""
