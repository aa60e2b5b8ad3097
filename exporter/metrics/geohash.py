"""Geohash, as Grafana's geomap reads it (Niemeyer's base 32)."""

from __future__ import annotations

from exporter.model import Location

_ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
_LENGTH = 6  # characters: within a kilometre, finer than a region is known


def geohash(location: Location) -> str:
    """The cell that holds `location`: bits of longitude and latitude in turn, each halving its range."""
    ranges = [[-180.0, 180.0], [-90.0, 90.0]]
    bits = 0
    for turn in range(5 * _LENGTH):
        low_high, value = ranges[turn % 2], (location.lon, location.lat)[turn % 2]
        middle = sum(low_high) / 2
        bits = bits << 1 | (value >= middle)
        low_high[value < middle] = middle
    return "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(_LENGTH)))
