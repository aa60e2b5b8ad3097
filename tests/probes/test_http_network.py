"""How the http kind gets there: addresses, redirects to elsewhere, certificates, proxies, credentials, clocks."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.client import Authorization, BasicAuth, HeaderSources
from exporter.model import NetworkOptions, Reason
from exporter.options import Secret, TLSConfig
from tests.probes.http_connect import connect_proxy
from tests.probes.http_probing import PHASES, page, phase, run, site
from tests.servers.certificates import Authority, Leaf
from tests.servers.dns import DNSServer, addresses
from tests.servers.torture import Conversation, Torture, answers, redirects_to


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def trusting(authority: Authority, dns: DNSServer | None = None) -> NetworkOptions:
    return NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",) if dns else (), ca_file=str(authority.file))


async def test_a_name_that_does_not_exist_is_a_resolve_failure() -> None:
    async with DNSServer({}) as dns:
        result = await run("http://none.example/", NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",)))
    assert result.reason is Reason.RESOLVE
    assert "none.example" in result.message
    assert phase(result, "resolve") == pytest.approx(result.duration)


@pytest.mark.parametrize(("which", "ok"), [("one", False), ("any", True), ("all", False)])
async def test_an_address_that_refuses_is_passed_over_only_by_any(which: str, ok: bool) -> None:
    async with DNSServer({"two.example": addresses("127.0.0.2", "::1")}) as dns, site(page()) as url:
        # The preferred family refuses; the server listens where the other one leads.
        port = url.rpartition(":")[2]
        async with Torture(answers(), address="127.0.0.2", port=int(port)):
            result = await run(
                f"http://two.example:{port}/", NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",)),
                addresses=which, preferred_ip_protocol="ip6",
            )  # fmt: skip
    assert result.ok is ok, result.message
    assert result.samples["probe_ip_protocol"] == (4 if ok else 6)
    assert sum(phase(result, name) for name in PHASES) == pytest.approx(result.duration)


async def test_all_asks_every_address_and_names_the_one_that_fails() -> None:
    async with (
        DNSServer({"two.example": addresses("127.0.0.1", "127.0.0.2")}) as dns,
        Torture(answers()) as good,
        Torture(answers(status="500 No"), address="127.0.0.2", port=good.port) as bad,
    ):
        network = NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",))
        url = f"http://two.example:{good.port}/"
        result = await run(url, network, addresses="all")
        assert bad.requests == 1
        assert result.message == "127.0.0.2: status 500, wanted 200-299"
        assert (await run(url, network, addresses="all", valid_status_codes=(range(200, 501),))).ok
        assert good.requests >= 1
        assert bad.requests == 2


async def test_an_address_that_swallows_packets_leaves_time_for_the_next() -> None:
    with socket.socket() as full:
        # A listener whose queue is full drops what comes: nothing answers, as behind a firewall that swallows.
        full.bind(("127.0.0.3", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.3", port))
        zone = {"two.example": addresses("127.0.0.3", "127.0.0.4")}
        async with Torture(answers(), address="127.0.0.4", port=port), DNSServer(zone) as dns:
            network = NetworkOptions(nameservers=(f"{dns.address}:{dns.port}",))
            result = await run(f"http://two.example:{port}/", network, addresses="any", timeout=1.0)
        for sock in waiting:
            sock.close()
    assert result.ok, result.message


async def test_a_redirect_is_guarded_before_it_is_contacted() -> None:
    async with Torture(answers(), address="127.0.0.2") as forbidden, Torture(redirects_to(forbidden.url)) as server:
        result = await run(server.url, NetworkOptions(deny=("127.0.0.2/32",)))
        assert forbidden.connections == 0
    assert result.reason is Reason.INTERNAL
    assert "127.0.0.2" in result.message


async def test_the_address_in_the_samples_is_that_of_the_first_hop() -> None:
    async with Torture(answers(), address="127.0.0.2") as other, Torture(redirects_to(other.url)) as server:
        redirected, direct = await run(server.url), await run(server.url, follow_redirects=False)
    assert [hop["address"] for hop in redirected.facts["hops"]] == ["127.0.0.1", "127.0.0.2"]
    assert redirected.samples["probe_ip_addr_hash"] == direct.samples["probe_ip_addr_hash"]


@pytest.mark.parametrize("headers", [{}, {"Cookie": "a=b"}])
async def test_credentials_stay_with_the_host_that_was_configured(headers: dict[str, str]) -> None:
    async with Torture(answers(), address="127.0.0.2") as other, Torture(redirects_to(other.url)) as server:
        result = await run(
            server.url,
            headers=headers,
            basic_auth=BasicAuth(username="me", password=Secret("secret")),
            http_headers={"X-Key": HeaderSources(secrets=(Secret("k"),), values=("open",))},
        )
    assert result.ok, result.message
    assert b"Authorization: Basic bWU6c2VjcmV0" in server.heads[0]
    assert b"X-Key: k" in server.heads[0]
    assert b"Authorization" not in other.heads[0]
    assert b"Cookie" not in other.heads[0]
    assert b"X-Key: open\r\n" in other.heads[0]
    assert b"X-Key: k" not in other.heads[0]


async def test_a_token_in_a_file_is_read_for_every_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with Torture(answers()) as server:
        for token in ("one", "two"):
            file.write_text(f"{token}\n")
            await run(server.url, authorization=Authorization(type="Token", credentials_file=str(file)))
        file.unlink()
        result = await run(server.url, bearer_token_file=str(file))
    assert [head.count(b"Authorization: Token one") for head in server.heads] == [1, 0]
    assert b"Authorization: Token two" in server.heads[1]
    assert result.reason is Reason.INTERNAL


LEAVES: dict[str, tuple[Callable[[Authority], Leaf], str]] = {
    "expired": (lambda ca: ca.expired("127.0.0.1"), "expired"),
    "not yet valid": (lambda ca: ca.not_yet_valid("127.0.0.1"), "not yet valid"),
    "of another host": (lambda ca: ca.wrong_host(), "not valid for '127.0.0.1'"),
    "self-signed": (lambda ca: ca.self_signed("127.0.0.1"), "self-signed"),
}


@pytest.mark.parametrize("away", [False, True], ids=["directly", "through a proxy"])
@pytest.mark.parametrize("name", LEAVES)
async def test_a_certificate_that_is_refused_is_reported_all_the_same(
    name: str, away: bool, authority: Authority
) -> None:
    make, said = LEAVES[name]
    leaf = make(authority)
    async with Torture(answers(), tls=leaf.server_context()) as server, connect_proxy() as proxy:
        result = await run(server.url, trusting(authority), through=proxy.url if away else None)
        assert (server.connections, server.requests) == (1, 0)
    assert result.reason is Reason.TLS
    assert said in result.message
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert any(key[0] == "probe_ssl_last_chain_info" for key in result.samples)
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in result.samples
    assert phase(result, "tls") > 0
    assert sum(phase(result, name) for name in PHASES) == pytest.approx(result.duration)


async def test_a_certificate_need_not_be_trusted_when_told_so(authority: Authority) -> None:
    leaf = authority.expired("127.0.0.1")
    async with site(page(), leaf.server_context()) as url:
        result = await run(url, trusting(authority), tls_config=TLSConfig(insecure_skip_verify=True))
    assert result.ok, result.message
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()


@pytest.mark.parametrize(
    "options",
    [{"tls_config": TLSConfig(server_name="www.example.com")}, {"headers": {"Host": "www.example.com:8443"}}],
    ids=["server_name", "Host"],
)
async def test_the_name_asked_for_in_tls_holds_for_the_configured_host_alone(
    options: dict[str, Any], authority: Authority
) -> None:
    names: list[str | None] = []

    def context(*hosts: str) -> ssl.SSLContext:
        made = authority.leaf(*hosts).server_context()
        made.sni_callback = lambda _sock, name, _context: names.append(name)
        return made

    async with (
        DNSServer({"other.example": addresses("127.0.0.1")}) as dns,
        Torture(answers(), tls=context("other.example")) as other,
        Torture(redirects_to(f"https://other.example:{other.port}/"), tls=context("www.example.com")) as server,
    ):
        result = await run(server.url, trusting(authority, dns), **options)
    assert result.ok, result.message
    assert names == ["www.example.com", "other.example"]


async def test_a_redirect_from_https_leaves_no_certificate_of_the_first_hop(authority: Authority) -> None:
    async with Torture(answers()) as plain:
        context = authority.leaf("127.0.0.1").server_context()
        async with Torture(redirects_to(plain.url), tls=context) as server:
            result = await run(server.url, trusting(authority))
    assert result.ok, result.message
    assert result.samples["probe_http_ssl"] == 0
    assert not [key for key in result.samples if str(key).startswith(("probe_ssl", "('probe_ssl", "('probe_tls"))]


def answer_in_a_thread(listening: socket.socket, context: ssl.SSLContext | None, delay: float) -> None:
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True) if context else connection as client:
        client.recv(65536)
        time.sleep(delay)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        client.recv(1)


@pytest.mark.parametrize("secure", [False, True])
async def test_the_first_byte_is_timed_by_the_kernel_while_our_loop_is_busy(secure: bool, authority: Authority) -> None:
    context = authority.leaf("127.0.0.1").server_context() if secure else None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer_in_a_thread, args=(listening, context, 0.1))
        server.start()
        # Busy from when the request is out until long after the answer has come.
        asyncio.get_running_loop().call_later(0.06, time.sleep, 0.3)
        port = listening.getsockname()[1]
        result = await run(f"{'https' if secure else 'http'}://127.0.0.1:{port}/", trusting(authority))
        server.join()
    assert result.ok, result.message
    assert result.samples["probe_clock_info", "kernel"] == 1
    assert phase(result, "processing") == pytest.approx(0.1, abs=0.02)
    assert phase(result, "transfer") == pytest.approx(0.0, abs=0.02)
    assert result.duration < 0.2


def refuse_in_a_thread(listening: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as client:
        with suppress(ssl.SSLError):
            client.do_handshake()
        while socket.socket.recv(client, 65536):  # closing with bytes unread would overtake the alert with a RST
            pass


async def test_a_server_that_wants_a_client_certificate_is_a_tls_failure(authority: Authority) -> None:
    context = authority.leaf("127.0.0.1").server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=refuse_in_a_thread, args=(listening, context))
        server.start()
        result = await run(f"https://127.0.0.1:{listening.getsockname()[1]}/", trusting(authority))
        server.join()
    assert result.reason is Reason.TLS
    assert "certificate required" in result.message


async def test_a_cookie_for_another_domain_is_refused() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie", ""))
        if len(seen) > 1:
            return web.Response()
        headers = [("Set-Cookie", "a=1; Domain=other.example"), ("Set-Cookie", "b=2; Secure"), ("Set-Cookie", "c=3")]
        return web.Response(status=302, headers=[*headers, ("Location", "/there")])

    async with site(handler) as url:
        await run(url)
    assert seen == ["", "c=3"]


async def test_a_probe_works_where_there_is_no_epoll(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    async with Torture(answers(), tls=authority.leaf("127.0.0.1").server_context()) as server:
        result = await run(server.url, trusting(authority))
    assert result.ok, result.message
    assert result.samples["probe_clock_info", "user"] == 1


async def test_a_server_that_speaks_no_tls_is_a_tls_failure() -> None:
    async def plain(client: Conversation) -> None:
        await client.reader.read(1)
        await client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Torture(plain) as server:
        result = await run(f"https://127.0.0.1:{server.port}/")
    assert result.reason is Reason.TLS
