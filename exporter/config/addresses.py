"""The addresses in a configuration, and the names whose addresses are taken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exporter import languages

PAGES = frozenset(
    (
        *("api", "config", "export.tar", "favicon.ico", "metrics", "probe", "probes", "robots.txt", "static", "status"),
        *languages.codes(),
    )
)
"""First parts of paths that pages of this program have: no service is called so, because its own page is there."""

# Narrower than a URL: the page allows the visitor's browser these hosts in a header in which some signs mean something.
_ASKED = re.compile(r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?(/\S*)?")


def check_url(url: str, instead: str = "write them under basic_auth") -> None:
    """ValueError unless `url` is http or https with a host and without credentials, which it does not repeat.

    `instead` is what to do with credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if "@" in parts.netloc:
        raise ValueError(f"credentials in a URL are seen by everybody; {instead}")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url!r} is not a URL; write http:// or https://, a host and a path")
    if port == 0 or re.search(r"[\s\x00-\x20]", url):
        raise ValueError(f"{url!r} is not a URL: {'port 0' if port == 0 else 'it contains white space'}")


def parse_link(found: Any, folder: Path = Path()) -> str:
    """A URL that people may follow."""
    check_url(str(found), "remove them")
    return str(found)


def parse_asked(found: Any, folder: Path = Path()) -> str:
    """A URL that a visitor's browser may ask from a page that came by https."""
    check_url(str(found), "remove them")
    if not _ASKED.fullmatch(str(found)):
        raise ValueError(f"{found!r} cannot be asked by every browser; write https://, a host's name and a path")
    return str(found)
