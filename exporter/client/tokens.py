"""The token that an `oauth2` block asks for: fetched on a probe's way, kept until shortly before it expires.

A probe that must wait for a token spends that time in a phase of its own, `oauth2`, where a person can see it. That
none comes says nothing of what is probed, and nothing of this machine's line either: it is `internal`, as a secret
that cannot be read is. It is asked for from this machine, whatever the region of the probe, by its own keys of a proxy.

The exchange is golang.org/x/oauth2's, which blackbox_exporter uses: credentials as HTTP's basic authentication, and
as parameters when they are refused so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode
from weakref import WeakKeyDictionary

from exporter.client import BasicAuth, ClientConfig, OAuth2
from exporter.errors import ProbeError
from exporter.exchange import Reply, exchange
from exporter.model import Reason
from exporter.net import Attempt
from exporter.net.target import parse_target
from exporter.options import Secret, read_secret

_EARLY = 10.0
"""Seconds before its end at which a token is not used any more."""
_FORMS = frozenset({"application/x-www-form-urlencoded", "text/plain"})
_NAMES = {"bearer": "Bearer", "mac": "MAC", "basic": "Basic", "": "Bearer"}


@dataclass(slots=True)
class _Kept:
    """What is known of the token for a secret: the header it makes, and when it must not be used any more
    (monotonic)."""

    secret: str | None
    header: str = ""
    until: float = 0.0
    in_parameters: bool = False
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


_KEPT: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[OAuth2, _Kept]] = WeakKeyDictionary()


async def authorize(net: Attempt, config: OAuth2) -> str:
    """The Authorization header that `config` asks for; ProbeError `internal` when there is none."""
    kept, host = _kept(config), parse_target(config.token_url).host
    net.enter("oauth2", f"waiting for a token of {host}", Reason.INTERNAL)
    async with kept.fetching:  # those who come meanwhile share what the first one gets
        left = kept.until - net.clock.monotonic()
        if left <= 0:
            await _fetch(net, config, kept)
        net.facts["oauth2"] = f"a token kept for {left:.0f} s more" if left > 0 else f"a token fetched from {host}"
    net.enter(None, "asking with a token")
    return kept.header


def forget(config: OAuth2) -> None:
    """Ask for another token next time: this one was refused."""
    _kept(config).until = 0.0


def hide(text: str, header: str | None) -> str:
    """`text` without the token of an Authorization header: a server may send back what it was sent."""
    token = header.partition(" ")[2] if header else ""
    return text.replace(token, "<secret>") if token else text


def _kept(config: OAuth2) -> _Kept:
    secret = read_secret(config.client_secret, config.client_secret_file)
    known = _KEPT.setdefault(asyncio.get_running_loop(), {})
    if config not in known or known[config].secret != secret:
        known[config] = _Kept(secret)
    return known[config]


async def _fetch(net: Attempt, config: OAuth2, kept: _Kept) -> None:
    asked_at = net.clock.monotonic()
    try:
        reply = await _ask(net, config, kept.secret, kept.in_parameters)
        if not kept.in_parameters and not _granted(reply):
            reply = await _ask(net, config, kept.secret, in_parameters=True)
            kept.in_parameters = _granted(reply)
        kept.header, lasts = _read(reply)
    except (ProbeError, ValueError) as error:
        raise ProbeError(Reason.INTERNAL, f"no token from {parse_target(config.token_url).host}: {error}") from error
    kept.until = asked_at + lasts - _EARLY


async def _ask(net: Attempt, config: OAuth2, secret: str | None, in_parameters: bool) -> Reply:
    client = ClientConfig(
        basic_auth=None if in_parameters else _credentials(config, secret),
        tls_config=config.tls_config,
        proxy_url=config.proxy_url,
        proxy_from_environment=config.proxy_from_environment,
        proxy_connect_header=config.proxy_connect_header,
        no_proxy=config.no_proxy,
    )
    asked = {"grant_type": config.grant_type} | ({"scope": " ".join(config.scopes)} if config.scopes else {})
    asked |= config.endpoint_params
    if in_parameters:
        asked |= {"client_id": config.client_id} | ({"client_secret": secret} if secret else {})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await exchange(
        net.aside(), "POST", config.token_url, client, headers, urlencode(sorted(asked.items())).encode()
    )


def _credentials(config: OAuth2, secret: str | None) -> BasicAuth:
    return BasicAuth(username=quote_plus(config.client_id), password=Secret(quote_plus(secret or "")))


def _granted(reply: Reply) -> bool:
    return 200 <= reply.status < 300 and not _answer(reply).get("error")


def _answer(reply: Reply) -> Mapping[str, Any]:
    """What it says, empty when that cannot be read."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = reply.body.decode()
        found = dict(parse_qsl(text)) if kind in _FORMS else json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(reply: Reply) -> tuple[str, float]:
    """The header, and the seconds that it holds: 0 when that is not said. ValueError says what is wrong."""
    found = _answer(reply)
    if not _granted(reply):
        said = str(found.get("error_description") or found.get("error") or "no reason is given")
        raise ValueError(f"status {reply.status}, {' '.join(said.split())[:120]}")
    token, kind = found.get("access_token"), str(found.get("token_type") or "")
    if not isinstance(token, str) or not token:
        raise ValueError(f"status {reply.status}, and no access_token in the answer")
    header = f"{_NAMES.get(kind.lower(), kind)} {token}"
    if not (header.isascii() and header.isprintable()):
        raise ValueError("the token cannot stand in a header")
    return header, _seconds(found.get("expires_in"))


def _seconds(found: Any) -> float:
    try:
        return max(0.0, float(found or 0))
    except (TypeError, ValueError):
        return 0.0
