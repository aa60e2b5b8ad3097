"""OAuth 2.0: the client that asks for a token by its own credentials (RFC 6749, 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from exporter.client.proxies import ProxyConfig, one_of
from exporter.net.target import parse_target
from exporter.options import File, Parsed, SecretText, TLSConfig


def _parse_url(found: Any, folder: Path) -> str:
    if "@" in str(found):
        raise ValueError("who asks is client_id and client_secret; remove the user name from the URL")
    if not isinstance(found, str) or not found.startswith(("http://", "https://")):
        raise ValueError(f"{found!r} is not a URL; write http:// or https://, a host and a path")
    parse_target(found)
    return found


TokenURL = Annotated[str, Parsed(_parse_url, {"type": "string", "format": "uri"})]


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2(ProxyConfig):
    """Who asks, with what, and where; the parameters may hold secrets, so all of them are."""

    client_id: str
    client_secret: SecretText | None = None
    client_secret_file: File | None = None
    scopes: tuple[str, ...] = ()
    token_url: TokenURL
    grant_type: Literal["client_credentials"] = "client_credentials"
    endpoint_params: Mapping[str, SecretText] = field(default_factory=dict, hash=False)
    tls_config: TLSConfig = TLSConfig()

    def __post_init__(self) -> None:
        ProxyConfig.__post_init__(self)
        one_of(self, "client_secret", "client_secret_file")
