"""The grpc kind: what a health service says, how it is asked, and how a configuration says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exporter import net
from exporter.config import load
from exporter.errors import ConfigError
from exporter.model import NetworkOptions, Reason
from exporter.net import health
from exporter.options import TLSConfig
from exporter.probes import grpc
from tests.blackbox.calling import CODE, call, said
from tests.probes.http_connect import connect_proxy
from tests.probing import probe
from tests.servers.certificates import Authority
from tests.servers.dns import DNSServer
from tests.servers.grpc import GRPCServer, answers, message, refuses, serves
from tests.servers.ports import free_port


async def test_a_server_that_serves_is_fine() -> None:
    result = await call(serves("SERVING"))
    assert result.ok, result.message
    assert said(result) == {"UNKNOWN": 0.0, "SERVING": 1.0, "NOT_SERVING": 0.0, "SERVICE_UNKNOWN": 0.0}
    assert result.samples[CODE] == 0.0
    assert result.samples["probe_grpc_ssl"] == 0.0
    phases = [result.samples["probe_grpc_duration_seconds", name] for name in ("resolve", "check")]
    assert sum(phases) == pytest.approx(result.duration)


@pytest.mark.parametrize("status", ["UNKNOWN", "NOT_SERVING", "SERVICE_UNKNOWN"])
async def test_a_server_that_does_not_serve_fails_by_what_it_says(status: str) -> None:
    result = await call(serves(status))
    assert result.reason is Reason.BODY
    assert result.message.endswith(f"says {status}")
    assert said(result)[status] == 1.0
    assert result.samples[CODE] == 0.0


async def test_a_status_that_has_no_name_is_told_by_its_number() -> None:
    result = await call(answers(message(b"\x08\x09")))
    assert result.reason is Reason.BODY
    assert said(result)["9"] == 1.0


async def test_the_call_carries_service_metadata_and_deadline() -> None:
    metadata = {"x-team": ("web", "api"), "token-bin": ("\u00ff\u0000",), "grpc-timeout": ("9H",), "te": ("gzip",)}
    async with GRPCServer(serves("SERVING")) as server:
        result = await probe("grpc", server.target, within=3.0, service="shop.Cart", metadata=metadata)
        assert result.ok, result.message
    asked = server.calls[0]
    assert asked.message == message(health.request("shop.Cart")) == b"\0\0\0\0\x0b\x0a\x09shop.Cart"
    assert asked.field(":path") == "/grpc.health.v1.Health/Check"
    assert asked.field(":authority") == server.target
    assert [value for name, value in asked.headers if name == "x-team"] == ["web", "api"]
    assert asked.field("token-bin") == "w78A"
    assert asked.field("te") == "trailers"
    [timeout] = [value for name, value in asked.headers if name == "grpc-timeout"]
    assert 2000 < int(timeout.removesuffix("m")) <= 3000


@pytest.mark.parametrize("only_trailers", [True, False])
async def test_a_status_that_is_not_ok_is_told_with_its_message(only_trailers: bool) -> None:
    result = await call(refuses(5, "no%20such%20service%21%zz", only_trailers))
    assert result.reason is Reason.STATUS
    assert result.message.endswith("answered NOT_FOUND (5): 'no such service!%zz'")
    assert result.samples[CODE] == 5.0
    assert set(said(result).values()) == {0.0}


@pytest.mark.parametrize(
    ("code", "reason", "name"),
    [
        (12, Reason.STATUS, "UNIMPLEMENTED (12)"),
        (14, Reason.STATUS, "UNAVAILABLE (14)"),
        (4, Reason.TIMEOUT, "DEADLINE_EXCEEDED (4)"),
        (99, Reason.STATUS, "gRPC status 99"),
    ],
)
async def test_each_status_keeps_its_number(code: int, reason: Reason, name: str) -> None:
    result = await call(refuses(code))
    assert result.reason is reason
    assert result.message.endswith(f"answered {name}")
    assert result.samples[CODE] == code


async def test_what_fails_before_the_call_has_the_status_of_grpc_clients() -> None:
    refused = await probe("grpc", f"127.0.0.1:{free_port()}")
    assert (refused.reason, refused.samples[CODE]) == (Reason.CONNECT, 14.0)
    async with DNSServer({}) as dns:
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        unknown = await probe("grpc", "nowhere.example:1", network=network)
    assert (unknown.reason, unknown.samples[CODE]) == (Reason.RESOLVE, 0.0)
    assert said(unknown) == {}
    assert ("probe_grpc_duration_seconds", "check") not in unknown.samples
    guarded = await probe("grpc", "127.0.0.1:1", network=NetworkOptions(deny=("127.0.0.0/8",)))
    assert (guarded.reason, guarded.samples[CODE]) == (Reason.INTERNAL, 14.0)


async def test_over_tls_the_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaf = authority.leaf("localhost", "127.0.0.1")
    async with GRPCServer(serves("SERVING"), tls=leaf.server_context(alpn=("h2",))) as server:
        result = await probe("grpc", server.target, tls=True, tls_config=TLSConfig(ca_file=str(authority.file)))
        assert result.ok, result.message
        assert server.calls[0].field(":scheme") == "https"
        assert server.calls[0].field(":authority") == "127.0.0.1"
        refused = await probe("grpc", server.target, tls=True)
    assert result.samples["probe_grpc_ssl"] == 1.0
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert {family.name for family in net.TLS_FAMILIES} & {_name(key) for key in result.samples} == {
        "probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_info", "probe_tls_version_info",
    }  # fmt: skip
    assert (refused.reason, refused.samples[CODE], refused.samples["probe_grpc_ssl"]) == (Reason.TLS, 14.0, 0.0)
    assert refused.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()


def _name(key: str | tuple[str, ...]) -> str:
    return key if isinstance(key, str) else key[0]


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)])
async def test_a_tls_server_that_does_not_agree_on_h2_is_not_asked(tmp_path: Path, alpn: tuple[str, ...]) -> None:
    authority = Authority(tmp_path)
    context = authority.leaf("127.0.0.1").server_context(alpn=alpn)
    async with GRPCServer(serves("SERVING"), tls=context) as server:
        result = await probe("grpc", server.target, tls=True, tls_config=TLSConfig(ca_file=str(authority.file)))
        assert server.calls == []
    assert (result.reason, result.samples[CODE]) == (Reason.TLS, 14.0)
    assert "does not agree on h2 by ALPN" in result.message


async def test_each_probe_costs_one_context_for_all(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    config = TLSConfig(ca_file=str(authority.file))
    network = net.Network(NetworkOptions())
    async with GRPCServer(serves("SERVING"), tls=authority.leaf("127.0.0.1").server_context(alpn=("h2",))) as server:
        assert (await probe("grpc", server.target, network=network, tls=True, tls_config=config)).ok
        known = network.contexts.get(config, ("h2",))
        authority.file.unlink()  # a second context could not be made
        assert (await probe("grpc", server.target, network=network, tls=True, tls_config=config)).ok
    assert network.contexts.get(config, ("h2",)) is known


async def test_a_proxy_is_passed() -> None:
    async with GRPCServer(serves("SERVING")) as server, connect_proxy() as proxy:
        result = await probe("grpc", server.target, through=proxy.url)
        assert result.ok, result.message
        assert proxy.heads[0].startswith(f"CONNECT {server.target} ".encode())


@pytest.mark.parametrize("target", ["", ":80", "::1", "a b:1", "a:70000", "a:x", "ftp://a:1", "user@a:1"])
def test_a_target_without_a_host_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(target))):
        grpc.check_target(target)


@pytest.mark.parametrize(
    ("target", "split"),
    [
        ("example.org:50051", ("example.org", 50051)),
        ("example.org", ("example.org", 443)),
        ("[::1]:1", ("::1", 1)),
        ("http://example.org:80/path", ("example.org", 80)),
    ],
)
def test_a_target_is_a_host_and_perhaps_a_port(target: str, split: tuple[str, int]) -> None:
    assert grpc.split_target(target, 443) == split


CONFIGURED = """
regions: {here: {kind: local}}
controls: {c: {url: "http://c.example/"}}
services: {s: {features: {api: {core: true, endpoints: {e: {kind: grpc, target: "a.example:1", grpc: {%s}}}}}}}
"""


def configured(tmp_path: Path, block: str) -> Any:
    file = tmp_path / "outage.yaml"
    file.write_text(CONFIGURED % block)
    return load([file], {})


def test_a_configuration_names_its_options_and_hides_credentials(tmp_path: Path) -> None:
    config = configured(tmp_path, 'service: a.b, tls: true, metadata: {authorization: ["Bearer hunter2"], x-a: [1, b]}')
    [endpoint] = config.services[0].features[0].endpoints
    assert endpoint.options.metadata == {"authorization": ("Bearer hunter2",), "x-a": ("1", "b")}
    assert "hunter2" not in config.shown
    assert "a.b" in config.shown


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("metadata: {X-A: [b]}", "grpc.metadata.X-A: 'X-A' is not a key of gRPC metadata"),
        ("metadata: {x-a: b}", "grpc.metadata.x-a: must be a list"),
        ('metadata: {x-a: ["\u00e9"]}', "x-a must be one line of ASCII"),
        ("servce: a", "grpc.servce: unknown key; did you mean service?"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, block: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        configured(tmp_path, block)
