"""The same module and the same server give the same samples and the same verdict as blackbox_exporter's grpc prober.

Debian's is older than the one we follow; what has changed between them is left out or named here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporter.options import TLSConfig
from exporter.probes.grpc import Options
from tests.blackbox.calling import CODE
from tests.probes.blackbox import Samples, assert_same, blackbox
from tests.probing import probe
from tests.servers.certificates import Authority
from tests.servers.grpc import Behaviour, GRPCServer, answers, message, refuses, response, serves
from tests.servers.ports import free_port

SERVING = message(response("SERVING"))
ANSWERS: dict[str, Behaviour] = {
    "serving": serves("SERVING"),
    "not serving": serves("NOT_SERVING"),
    "unknown": serves("UNKNOWN"),
    "service unknown": serves("SERVICE_UNKNOWN"),
    "another status": answers(message(b"\x08\x09")),
    "a negative status": answers(message(b"\x08" + b"\xff" * 9 + b"\x01")),
    "not found": refuses(5, "unknown%20service"),
    "not found in trailers": refuses(5, "unknown service", only_trailers=False),
    "unimplemented": refuses(12),
    "unavailable": refuses(14),
    "a code without a name": refuses(99),
    "refused behind a message": answers(SERVING, ("grpc-status", "7")),
    "no status": answers(SERVING, ("x-other", "1")),
    "a status that is no number": answers(SERVING, ("grpc-status", "abc")),
    "a page": answers(b"<html>", head=[(":status", "200"), ("content-type", "text/html")]),
    "another type": answers(SERVING, head=[(":status", "200"), ("content-type", "application/grpc+proto")]),
    "a type that begins alike": answers(SERVING, head=[(":status", "200"), ("content-type", "application/grpcx")]),
    "HTTP status 404": answers(b"", head=[(":status", "404"), ("content-type", "text/html")]),
    "HTTP status 503": answers(b"", head=[(":status", "503"), ("content-type", "text/html")]),
    "compressed in no known way": answers(message(b"\x08\x01", 1)),
    "too long": answers(message(b"\x08\x01", 0, 5 << 20)),
    "cut short": answers(message(b"\x08\x01", 0, 9)),
    "no protobuf": answers(message(b"\xff")),
    "fields that are not known": answers(message(b"\x12\x03abc\x1d1234\x2112345678\x08\x02\x08\x01")),
}
CHANGED_SINCE = {"no message": refuses(0), "two messages": answers(SERVING * 2)}
"""Where Debian's says UNKNOWN (2) and its successor INTERNAL (13), as we do."""

LATER: Samples = {("probe_ssl_earliest_cert_expiry", frozenset()): 0.0}
"""What Debian's shows where there is no certificate, and its successor does not."""


def theirs_today(samples: Samples) -> Samples:
    return dict(samples.items() - LATER.items())


async def test_every_answer_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    block: dict[str, Any] = {"preferred_ip_protocol": "ip4", "service": "shop.Cart"}
    async with blackbox(tmp_path, {"plain": {"prober": "grpc", "timeout": "2s", "grpc": block}}) as theirs:
        for name, behaviour in ANSWERS.items():
            async with GRPCServer(behaviour) as server:
                result = await probe("grpc", server.target, **block)
                expected = theirs_today(await theirs("plain", server.target))
                first, second = (call.message for call in server.calls)
            assert first == second
            try:
                assert_same("grpc", expected, result, Options())
            except AssertionError as error:
                error.add_note(f"{name}: {result.message}")
                raise
        for behaviour in CHANGED_SINCE.values():
            async with GRPCServer(behaviour) as server:
                result = await probe("grpc", server.target)
                expected = await theirs("plain", server.target)
            assert (result.ok, expected["probe_success", frozenset()]) == (False, 0.0)
            assert (result.samples[CODE], expected[CODE, frozenset()]) == (13.0, 2.0)


async def test_nobody_there_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    targets = (f"127.0.0.1:{free_port()}", "nowhere.invalid:1")
    async with blackbox(tmp_path, {"plain": {"prober": "grpc", "timeout": "2s", "grpc": {}}}) as theirs:
        for target in targets:
            expected = theirs_today(await theirs("plain", target))
            assert_same("grpc", expected, await probe("grpc", target), Options())


async def test_tls_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = authority.leaf("localhost", "other.example", "127.0.0.1", chain=True).server_context(alpn=("h2",))
    trusting = {"ca_file": str(authority.file)}
    blocks: dict[str, dict[str, Any]] = {
        "trusting": {"tls_config": trusting},
        "by name": {"tls_config": {**trusting, "server_name": "other.example"}},
        "wrong name": {"tls_config": {**trusting, "server_name": "third.example"}},
        "not trusting": {"tls_config": {}},
        "blind": {"tls_config": {"insecure_skip_verify": True}},
    }
    modules = {name: {"prober": "grpc", "grpc": {"tls": True, **block}} for name, block in blocks.items()}
    async with blackbox(tmp_path, modules) as theirs:
        for name, block in blocks.items():
            options = Options(tls=True, tls_config=TLSConfig(**block["tls_config"]))
            async with GRPCServer(serves("SERVING"), tls=context) as server:
                expected = theirs_today(await theirs(name, server.target))
                result = await probe("grpc", server.target, tls=True, tls_config=options.tls_config)
                assert len({call.field(":authority") for call in server.calls}) <= 1
            assert_same("grpc", expected, result, options)
