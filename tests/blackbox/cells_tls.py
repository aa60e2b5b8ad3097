"""TLS under HTTP and TCP: every kind of certificate and server with every kind of tls_config; and HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.blackbox.cell import LONG, PATIENT, SHORT, Cell, Module, crossed, module
from tests.blackbox.nginx import PATHS
from tests.blackbox.targets import Targets


def configs(targets: Targets) -> dict[str, dict[str, Any]]:
    """Every `tls_config`, by what is special about it."""
    ours: dict[str, Any] = {"ca_file": str(targets.authority.file)}
    return {
        "tls": ours,
        "system's CAs": {},
        "stranger's CA": {"ca_file": str(targets.folder / "stranger" / "ca.pem")},
        "roots": {"ca_file": str(targets.roots)},
        "insecure": {"insecure_skip_verify": True},
        "named": {**ours, "server_name": "localhost"},
        "named otherwise": {**ours, "server_name": "a.example"},
        "insecure, named": {"insecure_skip_verify": True, "server_name": "a.example"},
        "at most 1.2": {**ours, "max_version": "TLS12"},
        "at least 1.3": {**ours, "min_version": "TLS13"},
        "at least 1.0": {**ours, "min_version": "TLS10"},
        "client certificate": {
            **ours, "cert_file": str(targets.client.certificate), "key_file": str(targets.client.key),
        },
    }  # fmt: skip


HTTP: dict[str, dict[str, Any]] = {
    "tls, fail_if_ssl": {"fail_if_ssl": True},
    "tls, fail_if_not_ssl": {"fail_if_not_ssl": True},
    "tls, not http2": {"enable_http2": False},
    "tls, body": {"fail_if_body_not_matches_regexp": ["hello"]},
    "tls, header": {"fail_if_header_not_matches": [{"header": "X-A", "regexp": "b"}]},
    "tls, head": {"method": "HEAD"},
    "tls, post": {"method": "POST", "body": "abc"},
    "tls, version 2": {"valid_http_versions": ["HTTP/2.0"]},
    "tls, version 1": {"valid_http_versions": ["HTTP/1.1"]},
    "tls, gzip": {"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}},
    "tls, compression alone": {"compression": "gzip"},
    "tls, limit": {"body_size_limit": "1KB"},
    "tls, not followed": {"follow_redirects": False},
    "tls, basic_auth": {"basic_auth": {"username": "box", "password": "s3cret"}},
    "tls, host": {"headers": {"Host": "localhost"}},
    "tls, other host": {"headers": {"Host": "a.example"}},
}


def modules(targets: Targets) -> dict[str, Module]:
    """Under http and tcp; each name says which."""
    found: dict[str, Module] = {}
    for name, config in configs(targets).items():
        found[f"http, {name}"] = module("http", LONG, tls_config=config)
        found[f"tcp, {name}"] = module("tcp", LONG, tls=True, tls_config=config)
    tls = configs(targets)["tls"]
    found |= {name: module("http", LONG, tls_config=tls, **block) for name, block in HTTP.items()}
    found["tcp, tls, dialogue"] = module(
        "tcp", PATIENT, tls=True, tls_config=tls, query_response=[{"expect": "^220 (.*) ready", "send": "hello $1"}]
    )
    found["short, tls"] = module("http", SHORT, tls_config=tls)
    found["tcp, short, tls"] = module("tcp", SHORT, tls=True, tls_config=tls)
    return found


def cells(targets: Targets) -> Iterator[Cell]:
    """Every configuration with every server; HTTP's own over HTTP/1.1 and HTTP/2; redirects into and out of TLS."""
    at = targets.at
    servers = {name: address for name, address in at.items() if name.startswith("tls ")}
    of_tcp = {name for name in servers if name.startswith("tls says ")}
    web = {name: f"https://{address}/" for name, address in servers.items() if name not in of_tcp}
    web |= {f"{name} by name": f"https://localhost:{address.partition(':')[2]}/" for name, address in servers.items()
            if name in ("tls good", "tls name alone", "tls wrong name")}  # fmt: skip
    web |= {
        "by ip6": f"https://{at['secure by ip6']}/ok",
        "http2": f"https://{at['http2']}/file",
        "speaks no TLS": f"https://{at['web']}/ok",
        "garbage": f"https://{at['garbage']}/",
        "refused": f"https://{at['refuses']}/",
    }
    yield from crossed("TLS under HTTP", tuple(f"http, {name}" for name in configs(targets)), web)
    yield from crossed("TLS under TCP", tuple(f"tcp, {name}" for name in configs(targets)), servers)
    yield from crossed("TLS under TCP", ("tcp, tls, dialogue",), {name: servers[name] for name in sorted(of_tcp)})
    quiet = {"silence": at["says silence"], "swallowed": at["swallows"]}
    yield from crossed("TLS under TCP", ("tcp, short, tls",), quiet)
    yield from _http(targets)


def _http(targets: Targets) -> Iterator[Cell]:
    at = targets.at
    yield from crossed("HTTP/2", HTTP, {f"http2 /{path}": f"https://{at['http2']}/{path}" for path in PATHS})
    paths = ("ok", "404", "to/here", "basic", "gzip", "large", "method", "host")
    yield from crossed("HTTP over TLS", HTTP, {f"https /{path}": f"https://{at['secure']}/{path}" for path in paths})
    crossing = ("secure", "secure by name", "expired", "http2", "plain", "by name", "host")
    moves = {f"{scheme} /elsewhere/{name}": f"{scheme}://{at[base]}/elsewhere/{name}"
             for scheme, base in (("http", "web"), ("https", "secure")) for name in crossing}  # fmt: skip
    some = ("http, tls", "http, insecure", "http, named", "http, named otherwise", "tls, host", "tls, fail_if_ssl")
    yield from crossed("redirects and TLS", (*some, "tls, fail_if_not_ssl", "tls, not followed"), moves)
