"""What strangers are asked: an endpoint as the body of a request for a measurement, and what of it they cannot do.

The format is Globalping's (https://globalping.io/docs/api.globalping.io).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from exporter.assertions.records import ANY
from exporter.model import Endpoint
from exporter.net.target import parse_target

SUPPORTS = frozenset({"http", "dns", "icmp"})

LONGEST = 10
"""Seconds that a test may take."""

_METHODS = ("GET", "HEAD", "OPTIONS")
_TAKEN = frozenset({"host", "user-agent"})  # Globalping sends its own
_CREDENTIALS = ("basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2", "http_headers")
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_DNS_TYPES = (
    *("A", "AAAA", "ANY", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "NSEC", "PTR", "RRSIG", "SOA", "TXT", "SRV"),
    "SVCB",
)


def fault(endpoint: Endpoint) -> str | None:
    """The sentence of what strangers cannot do of it."""
    if endpoint.kind not in SUPPORTS:
        return f"it does {', '.join(sorted(SUPPORTS))}, not {endpoint.kind}"
    return {"http": _http_fault, "dns": _dns_fault}.get(endpoint.kind, lambda options: None)(endpoint.options)


def _http_fault(options: Any) -> str | None:
    if options.method not in _METHODS or options.body or options.body_file:
        return f"it sends {', '.join(_METHODS)} without a body"
    secret = any(getattr(options, name) for name in _CREDENTIALS)
    if secret or any(name.lower() in _SECRET for name in options.headers):
        return "its credentials would go to strangers"
    if options.proxy_url:
        return "it has a proxy"
    versions = set(options.valid_http_versions)
    if options.enable_http3 or (versions and not {"HTTP/1.1", "HTTP/2.0"} & versions):
        return "it speaks HTTP/1.1 and HTTP/2"
    if options.tls_config != type(options.tls_config)(insecure_skip_verify=options.tls_config.insecure_skip_verify):
        return "it has certificates or TLS versions of its own"
    return None


def _dns_fault(options: Any) -> str | None:
    if options.validate_authority_rrs != ANY or options.validate_additional_rrs != ANY:
        return "it shows the records of the answer section alone"
    if options.dns_over_tls or options.query_class.upper() != "IN" or not options.recursion_desired:
        return "it asks plainly, by UDP or TCP, in class IN"
    if options.query_type.upper() not in _DNS_TYPES:
        return f"it asks for {', '.join(_DNS_TYPES)}, not {options.query_type}"
    return None


def request(endpoint: Endpoint, where: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The body that asks for a measurement at `where`, of tests that take so many seconds at most."""
    what = {"http": _ask_http, "dns": _ask_dns, "icmp": _ask_ping}[endpoint.kind](endpoint)
    return {**what, "timeout": max(1, min(LONGEST, int(seconds))), "locations": [dict(where)]}


def _ask_http(endpoint: Endpoint) -> dict[str, Any]:
    target, options = parse_target(endpoint.target), endpoint.options
    path, _, query = target.path.partition("?")
    given = {name.lower(): str(value) for name, value in options.headers.items()}
    headers = {name: str(value) for name, value in options.headers.items() if name.lower() not in _TAKEN}
    request = {"method": options.method, "path": path, "query": query, "headers": headers}
    if "host" in given:
        request["host"] = given["host"]
    asked = {
        "protocol": "HTTP2" if by_http2(endpoint) else target.scheme.upper(),
        "port": target.port,
        "request": request,
    }
    return {"type": "http", "target": target.host, "measurementOptions": asked}


def _ask_dns(endpoint: Endpoint) -> dict[str, Any]:
    options, server = endpoint.options, urlsplit(f"//{endpoint.target}")
    asked = {
        "query": {"type": options.query_type.upper()},
        "resolver": server.hostname,
        "port": server.port or 53,
        "protocol": options.transport_protocol.upper(),
    }
    return {"type": "dns", "target": options.query_name.rstrip("."), "measurementOptions": asked}


def _ask_ping(endpoint: Endpoint) -> dict[str, Any]:
    return {"type": "ping", "target": endpoint.target, "measurementOptions": {"packets": 3}}


def by_http2(endpoint: Endpoint) -> bool:
    """Whether it wants HTTP/2, and not what everybody speaks."""
    versions = endpoint.options.valid_http_versions
    return endpoint.target.startswith("https:") and "HTTP/2.0" in versions and "HTTP/1.1" not in versions
