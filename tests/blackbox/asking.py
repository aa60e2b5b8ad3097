"""What the tests of HTTP/3 share: one probe that trusts the authority of its server."""

from __future__ import annotations

from typing import Any

from exporter.model import Result
from exporter.options import TLSConfig
from tests.probing import probe
from tests.servers.certificates import Authority


async def ask(url: str, authority: Authority | None = None, *, within: float = 5.0, **options: Any) -> Result:
    """One probe of `url` by HTTP/3."""
    if authority is not None:
        options.setdefault("tls_config", TLSConfig(ca_file=str(authority.file)))
    return await probe("http", url, within=within, enable_http3=True, enable_http2=False, **options)
