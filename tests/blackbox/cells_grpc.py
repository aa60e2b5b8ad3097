"""gRPC's health check: every status, calls that fail, TLS, and nobody there."""

from __future__ import annotations

from collections.abc import Iterator

from tests.blackbox.cell import LONG, SHORT, Cell, Module, crossed, module
from tests.blackbox.targets import GRPC, Targets


def modules(targets: Targets) -> dict[str, Module]:
    """The block is never left out: without one blackbox_exporter forgets its defaults."""
    ours = {"ca_file": str(targets.authority.file)}
    return {
        "grpc": module("grpc", LONG, preferred_ip_protocol="ip4"),
        "grpc of a service": module("grpc", LONG, service="shop.Cart"),
        "grpc ip6 alone": module("grpc", LONG, preferred_ip_protocol="ip6", ip_protocol_fallback=False),
        "grpc, tls": module("grpc", LONG, tls=True, tls_config=ours),
        "grpc, tls, insecure": module("grpc", LONG, tls=True, tls_config={"insecure_skip_verify": True}),
        "grpc, tls, system's CAs": module("grpc", LONG, tls=True),
        "grpc, tls, named": module("grpc", LONG, tls=True, tls_config={**ours, "server_name": "localhost"}),
        "grpc, tls, named otherwise": module("grpc", LONG, tls=True, tls_config={**ours, "server_name": "a.example"}),
        "grpc, short": module("grpc", SHORT),
        "grpc, short, tls": module("grpc", SHORT, tls=True, tls_config=ours),
    }


def cells(targets: Targets) -> Iterator[Cell]:
    at = targets.at
    plain = {name: at[f"grpc {name}"] for name in GRPC}
    yield from crossed("gRPC", ("grpc", "grpc of a service"), plain)
    secure = {"over TLS": at["grpc tls"], "over TLS, not serving": at["grpc tls not serving"]}
    yield from crossed("gRPC", tuple(name for name in modules(targets) if name.startswith("grpc, tls")), secure)
    yield from crossed("gRPC", ("grpc ip6 alone",), {"serving": at["grpc serving"]})
    # Not where nothing comes: blackbox_exporter waits for 20 seconds there, whatever its module says.
    nobody = {
        "refused": at["refuses"],
        "ends": at["says nothing"],
        "speaks HTTP/1.1": at["web"],
        "no such name": "none.invalid:1",
        "no port": "127.0.0.1",
        "over TLS": at["grpc tls"],
        "nginx": at["http2"],
    }
    yield from crossed("gRPC", ("grpc, short", "grpc, short, tls"), nobody)
