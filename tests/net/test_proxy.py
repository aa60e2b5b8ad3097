"""Only what a proxy says of the target counts against the target; everything else is the vantage's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from exporter.dialogue import Step
from exporter.model import NetworkOptions, Reason, Result
from tests.probing import full_descriptor_table, needs, probe
from tests.servers.certificates import Authority
from tests.servers.dns import SILENCE, DNSServer
from tests.servers.ports import free_port
from tests.servers.torture import Conversation, Torture, echo, never_answers, resets_at_once

DIALOGUE = (Step(expect="^220 box ready$", send="hello"), Step(expect="^you said hello$", send="quit"))


@asynccontextmanager
async def listening(port: int, *command: str) -> AsyncIterator[None]:
    """`command` runs and accepts connections on `port`; a process tells nobody, so it is asked every 10 ms."""
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=devnull, stderr=devnull)
    try:
        async with asyncio.timeout(10):
            while True:
                assert process.returncode is None, f"{command[0]} did not start"
                with contextlib.suppress(ConnectionError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    break
                await asyncio.sleep(0.01)
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def socks(credentials: str = "") -> AsyncIterator[str]:
    port = free_port()
    user, _, password = credentials.partition(":")
    asks = ["-u", user, "-P", password] if user else []
    async with listening(port, needs("microsocks"), "-i", "127.0.0.1", "-p", str(port), *asks):
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def connect(folder: Path, credentials: str = "") -> AsyncIterator[str]:
    port = free_port()
    file = folder / "tinyproxy.conf"
    asks = f"BasicAuth {credentials.replace(':', ' ')}\n" if credentials else ""
    file.write_text(f"Port {port}\nListen 127.0.0.1\nLogLevel Critical\n{asks}")
    async with listening(port, needs("tinyproxy"), "-d", "-c", str(file)):
        yield f"127.0.0.1:{port}"


@pytest.fixture(params=["socks5h", "http"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def proxy(scheme: str, folder: Path, credentials: str = "") -> AsyncIterator[str]:
    async with socks(credentials) if scheme == "socks5h" else connect(folder, credentials) as address:
        yield address


async def talk(port: int, through: str, **options: Any) -> Result:
    options.setdefault("query_response", DIALOGUE)
    return await probe("tcp", f"127.0.0.1:{port}", through=through, **options)


async def test_a_dialogue_passes_and_no_byte_of_the_banner_is_lost(scheme: str, tmp_path: Path) -> None:
    async with Torture(echo) as server, proxy(scheme, tmp_path) as address:
        for _ in range(20):
            result = await talk(server.port, f"{scheme}://{address}")
            assert result.ok, result.message
    assert set(result.phases) == {"connect", "dialogue"}
    assert "probe_ip_addr_hash" not in result.samples


async def test_names_are_resolved_by_the_proxy(scheme: str, tmp_path: Path) -> None:
    async with (
        Torture(echo) as server,
        DNSServer({"localhost": SILENCE}) as dns,
        proxy(scheme, tmp_path) as address,
    ):
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        result = await probe("tcp", f"localhost:{server.port}", through=f"{scheme}://{address}", network=network)
        assert result.ok, result.message
        assert dns.queries == []


@pytest.mark.parametrize("secret", ["secret", "p@ss:w%rd"])
async def test_credentials_open_the_proxy(scheme: str, secret: str, tmp_path: Path) -> None:
    if scheme == "http" and not secret.isalpha():
        pytest.skip("tinyproxy's configuration has no quoting for it")
    async with Torture(echo) as server, proxy(scheme, tmp_path, f"box:{secret}") as address:
        result = await talk(server.port, f"{scheme}://box:{quote(secret, safe='')}@{address}")
        assert result.ok, result.message


@pytest.mark.parametrize("credentials", ["", "box:wrong@", "stranger:secret@"])
async def test_wrong_or_missing_credentials_are_the_vantages_fault(
    scheme: str, credentials: str, tmp_path: Path
) -> None:
    async with Torture(echo) as server, proxy(scheme, tmp_path, "box:secret") as address:
        result = await talk(server.port, f"{scheme}://{credentials}{address}")
        assert result.reason is Reason.VANTAGE, result.message
        assert "wrong" not in result.message
        assert server.connections == 0


async def test_a_dead_proxy_is_the_vantages_fault(scheme: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    result = await talk(1, f"{scheme}://{address}")
    assert result.reason is Reason.VANTAGE
    assert "connection refused" in result.message
    assert result.facts["proxy"] == address


async def test_a_proxy_whose_name_does_not_resolve_is_the_vantages_fault(scheme: str) -> None:
    async with DNSServer({}) as dns:
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        result = await talk(1, f"{scheme}://proxy.example:1080", network=network)
    assert result.reason is Reason.VANTAGE
    assert "proxy.example" not in result.message


async def test_messages_are_public_and_do_not_say_where_a_proxy_listens(scheme: str, tmp_path: Path) -> None:
    async with Torture(resets_at_once) as server, proxy(scheme, tmp_path) as address:
        result = await talk(server.port, f"{scheme}://{address}")
    assert not result.ok
    assert "the proxy" in result.message
    assert address not in result.message
    assert result.facts["proxy"] == address


@pytest.mark.parametrize("behaviour", [never_answers, resets_at_once, echo])
async def test_a_proxy_that_misbehaves_is_the_vantages_fault(scheme: str, behaviour: Any) -> None:
    async with Torture(behaviour) as server:
        result = await talk(1, f"{scheme}://127.0.0.1:{server.port}", within=0.5)
    assert result.reason is Reason.VANTAGE


async def test_a_target_that_refuses_the_socks_proxy_is_connect() -> None:
    async with socks() as address:
        port = free_port()
        result = await talk(port, f"socks5h://{address}")
    assert result.reason is Reason.CONNECT
    assert result.message.endswith(f"could not connect to 127.0.0.1:{port}: connection refused")


def says(answer: bytes) -> Callable[[Conversation], Coroutine[Any, Any, None]]:
    async def behaviour(client: Conversation) -> None:
        await client.request()
        await client.send(answer)
        await client.reader.read()

    return behaviour


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Reason.CONNECT),
        (b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n", Reason.CONNECT),
        (b"HTTP/1.1 403 Filtered\r\n\r\n", Reason.VANTAGE),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Reason.VANTAGE),
        (b"HTTP/1.0 500 Unable to connect\r\n\r\n", Reason.VANTAGE),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Reason.VANTAGE),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, Reason.VANTAGE),
    ],
)
async def test_what_an_http_proxy_answers_decides_whose_fault_it_is(answer: bytes, reason: Reason) -> None:
    async with Torture(says(answer)) as server:
        result = await talk(1, f"http://127.0.0.1:{server.port}", within=1.0)
    assert result.reason is reason, result.message


async def test_a_banner_in_the_same_segment_as_the_http_proxys_answer_is_not_lost() -> None:
    async with Torture(says(b"HTTP/1.1 200 OK\r\n\r\n220 box ready\r\n")) as server:
        result = await talk(1, f"http://127.0.0.1:{server.port}", query_response=DIALOGUE[:1])
    assert result.ok, result.message


async def test_a_banner_in_the_same_segment_as_the_socks_proxys_reply_is_not_lost() -> None:
    async def behaviour(client: Conversation) -> None:
        await client.reader.readexactly(3)
        await client.send(b"\5\0")
        await client.reader.readexactly(10)
        await client.send(b"\5\0\0\3\4name\0\1" + b"220 box ready\r\n")
        await client.reader.read()

    async with Torture(behaviour) as server:
        result = await talk(1, f"socks5h://127.0.0.1:{server.port}", query_response=DIALOGUE[:1])
    assert result.ok, result.message


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 99])
async def test_the_socks_reply_decides_whose_fault_it_is(code: int) -> None:
    async def behaviour(client: Conversation) -> None:
        await client.reader.readexactly(3)
        await client.send(b"\5\0")
        await client.reader.readexactly(10)
        await client.send(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        await client.reader.read()

    async with Torture(behaviour) as server:
        result = await talk(1, f"socks5h://127.0.0.1:{server.port}")
    assert result.reason is (Reason.CONNECT if 3 <= code <= 6 else Reason.VANTAGE), result.message


async def test_a_refused_certificate_is_read_through_a_proxy_too(scheme: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    leaf = authority.expired("localhost")
    async with Torture(echo, tls=leaf.server_context()) as server, proxy(scheme, tmp_path) as address:
        network = NetworkOptions(ca_file=str(authority.file))
        result = await probe(
            "tcp", f"localhost:{server.port}", through=f"{scheme}://{address}", network=network, tls=True
        )
    assert result.reason is Reason.TLS
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()


async def test_an_ipv6_target_passes_the_socks_proxy() -> None:
    async with socks() as address, Torture(echo, address="127.0.0.1") as server:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
            result = await probe("tcp", f"[::1]:{six.getsockname()[1]}", through=f"socks5h://{address}")
        assert server.connections == 0
    assert result.ok, result.message


async def test_a_full_table_of_descriptors_is_our_own_fault_and_not_the_proxys(scheme: str) -> None:
    async with Torture(echo) as server:
        with full_descriptor_table():
            result = await talk(1, f"{scheme}://127.0.0.1:{server.port}")
    assert result.reason is Reason.INTERNAL
