"""The http kind over QUIC: answers, assertions and samples as over TCP, and how a configuration asks for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.config import load
from exporter.errors import ConfigError
from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from exporter.options import TLSConfig
from exporter.probes import http
from tests.blackbox.asking import ask
from tests.probing import open_descriptors
from tests.servers.certificates import Authority, Leaf
from tests.servers.dns import DNSServer, addresses
from tests.servers.ports import free_port
from tests.servers.quic import QuicServer, Request, UDPServer, answers

PHASES = ("resolve", "connect", "tls", "processing", "transfer")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def leaf(authority: Authority) -> Leaf:
    return authority.leaf("127.0.0.1", "localhost", "site.example")


async def test_a_page_is_asked_for_and_judged_as_over_tcp(authority: Authority, leaf: Leaf) -> None:
    modified = (b"last-modified", b"Wed, 21 Oct 2015 07:28:00 GMT")
    async with QuicServer(leaf, answers(b"hello", 200, modified)) as server:
        result = await ask(server.url, authority, fail_if_body_not_matches_regexp=("^hello$",))
        assert result.ok, result.message
        assert (await ask(server.url, authority, fail_if_body_matches_regexp=("ell",))).reason is Reason.BODY
        assert (await ask(server.url, authority, valid_status_codes=(range(404, 405),))).reason is Reason.STATUS
        assert (await ask(server.url, authority, valid_http_versions=("HTTP/3.0",))).ok
        assert (await ask(server.url, authority, body_size_limit=4)).message == "the body has more than 4 bytes"
    samples = result.samples
    assert samples["probe_http_version"] == 3.0
    assert samples["probe_http_status_code"] == 200.0
    assert samples["probe_http_content_length"] == samples["probe_http_uncompressed_body_length"] == 5.0
    assert samples["probe_http_last_modified_timestamp_seconds"] == 1445412480.0
    assert [samples["probe_http_duration_seconds", name] for name in PHASES] == list(result.phases.values())
    assert samples["probe_http_duration_seconds", "tls"] > samples["probe_http_duration_seconds", "connect"]
    assert samples["probe_clock_info", "kernel"] == 1.0


async def test_the_session_and_its_certificates_are_told(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers()) as server:
        samples = (await ask(server.url, authority)).samples
    assert samples["probe_http_ssl"] == 1.0
    assert samples["probe_tls_version_info", "TLS 1.3"] == 1.0
    assert any(key[0] == "probe_tls_cipher_info" and key[1].startswith("TLS_") for key in samples)
    assert samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert samples["probe_ssl_last_chain_expiry_timestamp_seconds"] == leaf.expires.timestamp()
    assert len([key for key in samples if key[0] == "probe_ssl_last_chain_info"]) == 1


async def test_a_certificate_is_verified_before_anything_is_asked(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers()) as server:
        refused = await ask(server.url)
        named = TLSConfig(ca_file=str(authority.file), server_name="other.example")
        misnamed = await ask(server.url, tls_config=named)
        assert server.asked == []
        named = TLSConfig(ca_file=str(authority.file), server_name="site.example")
        assert (await ask(server.url, tls_config=named)).ok
        assert (await ask(server.url, tls_config=TLSConfig(ca=authority.file.read_text()))).ok
        blind = await ask(server.url, tls_config=TLSConfig(insecure_skip_verify=True))
    assert refused.reason is misnamed.reason is Reason.TLS
    assert "is refused: unable to get local issuer certificate" in refused.message
    assert refused.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert "Hostname mismatch, certificate is not valid for 'other.example'" in misnamed.message
    assert blind.ok
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in blind.samples


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    async with QuicServer(authority.expired("127.0.0.1"), answers()) as server:
        result = await ask(server.url, authority)
    assert result.reason is Reason.TLS
    assert "certificate has expired" in result.message


async def test_the_authorities_of_the_network_hold(authority: Authority, leaf: Leaf) -> None:
    network = Network(NetworkOptions(ca_file=str(authority.file)))
    async with QuicServer(leaf, answers()) as server:
        for _ in range(2):
            result = await ask(server.url, network=network)
            assert result.ok, result.message
            authority.file.unlink(missing_ok=True)  # they were read, and are kept


async def test_a_client_shows_its_certificate(authority: Authority, leaf: Leaf) -> None:
    mine = authority.leaf("client.example")
    config = TLSConfig(ca_file=str(authority.file), cert_file=str(mine.certificate), key_file=str(mine.key))
    async with QuicServer(leaf, answers(), wants_certificate=True) as server:
        result = await ask(server.url, tls_config=config)
        assert result.ok, result.message
        [shown] = server.client_certificates
    assert shown is not None
    assert "client.example" in shown.subject.rfc4514_string()


async def test_an_unusable_client_certificate_is_our_own_fault(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "broken.pem"
    file.write_text("nonsense")
    config = TLSConfig(ca_file=str(authority.file), cert_file=str(file), key_file=str(file))
    result = await ask("https://127.0.0.1:1/", tls_config=config)
    assert result.reason is Reason.INTERNAL
    assert "tls_config cannot be used" in result.message


async def site(request: Request) -> None:
    """Redirects `/` to `/there`, by another name, with a cookie."""
    if request.path == "/":
        request.head(302, (b"location", b"/there"), (b"set-cookie", b"a=b"), end=True)
    elif request.path == "/plain":
        request.head(302, (b"location", b"http://127.0.0.1:1/"), end=True)
    elif request.path == "/loop":
        request.head(302, (b"location", b"/loop"), end=True)
    else:
        await answers(request.headers.get(b"cookie", b"none") + request.body)(request)


async def test_every_hop_of_a_redirect_goes_by_quic(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, site) as server:
        result = await ask(server.url, authority, fail_if_body_not_matches_regexp=("^a=b$",))
        assert result.ok, result.message
        assert server.sessions == 2
        assert [hop["status"] for hop in result.facts["hops"]] == [302, 200]
        assert result.samples["probe_http_redirects"] == 1.0
        loop = await ask(f"{server.url}loop", authority, within=10.0)
        assert (loop.reason, loop.samples["probe_http_redirects"]) == (Reason.STATUS, 11.0)
        plain = await ask(f"{server.url}plain", authority)
    assert plain.reason is Reason.PROTOCOL
    assert plain.message == "http://127.0.0.1:1/ is not https, and HTTP/3 is nothing else"


async def test_a_url_of_http_is_taken_for_https(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers()) as server:
        assert (await ask(f"http://127.0.0.1:{server.port}/", authority)).ok
        assert (await ask(f"127.0.0.1:{server.port}/", authority)).ok


async def test_a_body_is_sent_whole_and_an_answer_to_head_has_none(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, site) as server:
        result = await ask(f"{server.url}there", authority, method="POST", body="x" * 100_000)
        assert result.ok, result.message
        assert len(server.asked[0].body) == 100_000
        assert server.asked[0].headers[b":authority"] == f"127.0.0.1:{server.port}".encode()
        head = await ask(f"{server.url}there", authority, method="HEAD")
    assert head.ok, head.message
    assert head.samples["probe_http_content_length"] == 4.0
    assert head.samples["probe_http_uncompressed_body_length"] == 0.0


async def test_a_server_that_wants_the_address_proved_is_answered(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers(), retry=True) as server:
        result = await ask(server.url, authority)
    assert result.ok, result.message


async def test_a_name_with_several_addresses_is_tried_as_asked(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers()) as server, DNSServer({"site.example": addresses("::1", "127.0.0.1")}) as dns:
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        url = f"https://site.example:{server.port}/"
        one = await ask(url, authority, network=network)
        every = await ask(url, authority, network=network, addresses="any")
    assert one.reason is Reason.CONNECT
    assert "connection refused" in one.message
    assert every.ok, every.message
    assert every.facts["address"] == "127.0.0.1"


async def test_the_guard_and_a_proxy_are_not_gone_around(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, answers()) as server:
        guarded = await ask(server.url, authority, network=NetworkOptions(deny=("127.0.0.0/8",)))
        proxied = await ask(server.url, authority, through=f"http://127.0.0.1:{free_port()}")
        assert server.sessions == 0
    assert guarded.reason is Reason.INTERNAL
    assert proxied.reason is Reason.VANTAGE
    assert "HTTP/3 goes by UDP" in proxied.message


async def test_the_guard_holds_on_every_hop(authority: Authority, leaf: Leaf) -> None:
    async with UDPServer(lambda _: [], "127.0.0.2") as inner:

        async def leads_inside(request: Request) -> None:
            request.head(302, (b"location", inner.url.encode()), end=True)

        async with QuicServer(leaf, leads_inside) as server:
            result = await ask(server.url, authority, network=NetworkOptions(deny=("127.0.0.2/32",)))
        assert inner.heard == []
    assert result.reason is Reason.INTERNAL
    assert "127.0.0.2 is in network.deny" in result.message


async def test_no_socket_stays_open(authority: Authority, leaf: Leaf) -> None:
    async with QuicServer(leaf, site) as server:
        nobody = free_port()
        before = open_descriptors()
        for path in ("", "plain", "there"):
            await ask(f"{server.url}{path}", authority)
        await ask(server.url)
        await ask(f"https://127.0.0.1:{nobody}/")
        assert open_descriptors() == before


CONFIGURED = """
regions: {here: {kind: local}, away: {kind: proxy, url: "http://proxy.example:3128"}}
controls: {c: {url: "http://c.example/"}}
services:
  s:
    features:
      web: {core: true, endpoints: {e: {url: "https://a.example/", regions: [%s], http: {%s}}}}
"""


def configured(tmp_path: Path, block: str, regions: str = "here") -> Any:
    file = tmp_path / "outage.yaml"
    file.write_text(CONFIGURED % (regions, block))
    return load([file], {})


MISTAKES = {
    "enable_http3: true": "enable_http3 needs enable_http2: false",
    "enable_http3: true, enable_http2: false, proxy_url: 'http://a.example:1'": "cannot come with a proxy",
    "enable_http3: true, enable_http2: false, proxy_from_environment: true": "cannot come with a proxy",
    "enable_http3: true, enable_http2: false, tls_config: {max_version: TLS12}": "needs TLS13, which tls_config",
    "enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/1.1]": "HTTP/1.1 in valid_http_versions",
    "valid_http_versions: [HTTP/3.0]": "HTTP/3.0 in valid_http_versions needs enable_http3",
}


@pytest.mark.parametrize("block", MISTAKES)
def test_what_cannot_go_together_is_refused(tmp_path: Path, block: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(MISTAKES[block])):
        configured(tmp_path, block)


def test_a_region_behind_a_proxy_does_not_carry_it(tmp_path: Path) -> None:
    block = "enable_http3: true, enable_http2: false"
    assert configured(tmp_path, block).services
    with pytest.raises(ConfigError, match=r"regions\.away: s/e sets enable_http3, which goes by UDP"):
        configured(tmp_path, block, "here, away")


def test_without_the_extra_it_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aioquic", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'outage-exporter[http3]'")):
        http.Options(enable_http3=True, enable_http2=False)
    http.Options()


def test_who_does_not_ask_for_it_does_not_load_it() -> None:
    loaded = "import sys, exporter.probes.http as http; http.Options(); print('aioquic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True).stdout == b"False\n"
