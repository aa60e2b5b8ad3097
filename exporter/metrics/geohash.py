"""Geohash (Gustavo Niemeyer, 2008): a place as a short text that Grafana's map panel reads."""

from __future__ import annotations

_ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
_BITS_A_LETTER = 5


def geohash(lat: float, lon: float, letters: int = 6) -> str:
    """The geohash of a place in degrees; six letters are about a kilometre."""
    bounds = [[-180.0, 180.0], [-90.0, 90.0]]
    text, bits = "", 0
    for turn in range(letters * _BITS_A_LETTER):
        value, interval = (lon, bounds[0]) if turn % 2 == 0 else (lat, bounds[1])
        middle = sum(interval) / 2
        upper = value >= middle
        interval[0 if upper else 1] = middle
        bits = bits * 2 + upper
        if turn % _BITS_A_LETTER == _BITS_A_LETTER - 1:
            text, bits = text + _ALPHABET[bits], 0
    return text
