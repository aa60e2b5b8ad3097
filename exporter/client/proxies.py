"""Which proxy a request takes: the one that is configured, or the environment's, less what is excepted.

The rules are those of Go's httpproxy, which blackbox_exporter uses: names are read from `HTTP_PROXY`, `HTTPS_PROXY` and
`NO_PROXY`, in capitals or not, and this machine is never asked by a proxy.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import Route, parse_route
from exporter.options import Parsed, Secret, SecretText, parse_secret

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


def is_token(text: str) -> bool:
    """Whether HTTP takes `text` as a method or a header's name."""
    return _TOKEN.fullmatch(text) is not None


def parse_header_name(found: Any, folder: Path = Path()) -> str:
    if not isinstance(found, str) or not is_token(found):
        raise ValueError(f"{found!r} is not the name of a header")
    return found


def _parse_proxy(found: Any, folder: Path) -> Secret:
    url = parse_secret(found, folder)
    parse_route(url)
    return url


HeaderName = Annotated[str, Parsed(parse_header_name, {"type": "string"})]
ProxyURL = Annotated[Secret, Parsed(_parse_proxy, {"type": "string", "format": "uri"})]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """The keys that name a proxy."""

    proxy_url: ProxyURL | None = None
    proxy_from_environment: bool = False
    proxy_connect_header: Mapping[HeaderName, tuple[SecretText, ...]] = field(default_factory=dict, hash=False)
    no_proxy: str = ""

    def __post_init__(self) -> None:
        if self.proxy_from_environment and (self.proxy_url or self.no_proxy):
            given = "proxy_url" if self.proxy_url else "no_proxy"
            raise ValueError(f"set proxy_from_environment or {given}, not both")
        if self.no_proxy and not self.proxy_url:
            raise ValueError("no_proxy needs a proxy_url")
        if self.proxy_connect_header and not (self.proxy_url or self.proxy_from_environment):
            raise ValueError("proxy_connect_header needs a proxy_url or proxy_from_environment")


def one_of(block: object, *names: str) -> None:
    """ValueError when more than one of these keys is set."""
    found = [name for name in names if getattr(block, name) is not None]
    if len(found) > 1:
        raise ValueError(f"set {' or '.join(found)}, not both")


def choose_route(config: ProxyConfig, scheme: str, host: str, port: int) -> Route | None:
    """The proxy for a request to `scheme`, http or https, unless the host is excepted; ProbeError `internal` when the
    environment names none that can be used."""
    url, no_proxy = config.proxy_url, config.no_proxy
    if config.proxy_from_environment:
        # This machine is excepted whatever it says; with a proxy_url it is when anything is.
        url, no_proxy = _environment(f"{scheme}_proxy"), _environment("no_proxy") or "localhost"
    if not url or (no_proxy and _excepted(no_proxy, host, port)):
        return None
    headers = ((name, value) for name, values in config.proxy_connect_header.items() for value in values)
    return replace(_route(url, config), connect_headers=tuple(headers))


def _environment(name: str) -> Secret:
    return Secret(os.environ.get(name.upper()) or os.environ.get(name, ""))


def _route(url: str, config: ProxyConfig) -> Route:
    if not config.proxy_from_environment:
        return parse_route(url)
    try:
        return parse_route(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise ProbeError(Reason.INTERNAL, f"the environment names no proxy that can be used: {error}") from error


def _excepted(no_proxy: str, host: str, port: int) -> bool:
    """As Go's httpproxy reads it: this machine, `*`, addresses, networks, and domains with those below them."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(entry.strip().lower(), host.lower(), address, port) for entry in no_proxy.split(","))


def _covers(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass
    name, _, only_port = entry.rpartition(":") if re.search(r"[^:]:\d+$|\]:\d+$", entry) else (entry, "", "")
    if only_port and int(only_port) != port:
        return False
    name = name.strip("[]").removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
