"""Cookies for the length of one probe (RFC 6265): a redirect may set what the next hop wants to see.

No public suffix list: a cookie for a domain without a dot in it is refused, and the jar is thrown away with the probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

_MOST = 50
"""Cookies that a jar holds; more are dropped."""


@dataclass(frozen=True, slots=True)
class _Cookie:
    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool


class Jar:
    """What servers have set; `now` is unix seconds."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def take(self, field: str, host: str, path: str, now: float) -> None:
        """Take one Set-Cookie field of an answer from `host` to a request for `path`."""
        pair, *rest = field.split(";")
        name, given, value = (part.strip() for part in pair.partition("="))
        if not given or not name:
            return
        attributes = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in rest)}
        domain = attributes.get("domain", "").lower().lstrip(".")
        if domain and domain != host and not (host.endswith(f".{domain}") and "." in domain):
            return
        where = attributes.get("path", "")
        cookie = _Cookie(
            name, value, domain or host, not domain, where if where.startswith("/") else _folder(path),
            "secure" in attributes,
        )  # fmt: skip
        key = (cookie.domain, cookie.path, name)
        self._cookies.pop(key, None)
        if not _expired(attributes, now) and len(self._cookies) < _MOST:
            self._cookies[key] = cookie

    def header(self, host: str, path: str, secure: bool) -> str:
        """The Cookie header of a request, the longest paths first; empty when there is none."""
        mine = [cookie for cookie in self._cookies.values() if _fits(cookie, host, path, secure)]
        mine.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in mine)


def _fits(cookie: _Cookie, host: str, path: str, secure: bool) -> bool:
    here = host == cookie.domain or (not cookie.host_only and host.endswith(f".{cookie.domain}"))
    below = path == cookie.path or path.startswith(cookie.path.rstrip("/") + "/")
    return here and below and (secure or not cookie.secure)


def _folder(path: str) -> str:
    return path.partition("?")[0].rpartition("/")[0] or "/"


def _expired(attributes: dict[str, str], now: float) -> bool:
    if "max-age" in attributes:
        seconds = attributes["max-age"]
        return seconds.startswith("-") or seconds == "0"
    try:
        expires = parsedate_to_datetime(attributes["expires"])
    except (KeyError, ValueError):
        return False
    return (expires if expires.tzinfo else expires.replace(tzinfo=UTC)).timestamp() <= now
