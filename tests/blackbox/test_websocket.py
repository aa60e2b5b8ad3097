"""The websocket kind: upgrades, dialogues of messages, and servers that break them.

blackbox_exporter has it since after 0.28: the names of the metrics, and that an expectation is about one message, are
from its source.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.client import Authorization, BasicAuth, ClientConfig, HeaderSources
from exporter.dialogue import Label, Step
from exporter.model import NetworkOptions, Reason
from exporter.net.websocket import MESSAGE_LIMIT
from exporter.options import Secret, TLSConfig
from exporter.probes import websocket
from tests.blackbox.upgrading import GREETING, talk, told
from tests.probes.http_connect import connect_proxy
from tests.probing import probe
from tests.servers.certificates import Authority
from tests.servers.dns import DNSServer, addresses
from tests.servers.ports import free_port
from tests.servers.torture import Torture
from tests.servers.websocket import (
    BINARY,
    TEXT,
    Peer,
    answers_wrongly,
    echoes,
    frame,
    sends,
    upgraded,
)


async def test_an_upgrade_is_enough_when_nothing_is_expected() -> None:
    result = await talk(upgraded(echoes))
    assert result.ok, result.message
    assert told(result) == {"status_code": 101.0, "connection_upgraded": 1.0, "failed_due_to_regex": 0.0}
    assert set(result.phases) == {"resolve", "connect", "processing", "transfer"}
    assert result.samples["probe_ip_protocol"] == 4.0


async def test_it_says_good_bye() -> None:
    codes = []

    async def spoken(peer: Peer) -> None:
        codes.append(await peer.gone())

    async with Torture(upgraded(spoken)) as server:
        assert (await probe("websocket", f"127.0.0.1:{server.port}")).ok
        async with Torture(upgraded(echoes)) as other:  # the first server has had its turn when this one has
            assert (await probe("websocket", f"ws://127.0.0.1:{other.port}", query_response=(GREETING,))).ok
    assert codes == [1000]


async def test_a_dialogue_expands_the_groups_of_its_pattern() -> None:
    greeting = Step(expect="^220 (\\w+)", send="I see $1", labels=(Label(name="host", value="${1}"),))
    result = await talk(upgraded(echoes), greeting, Step(expect="^you said I see box$", send="quit"))
    assert result.ok, result.message
    assert result.samples["probe_expect_info", "box"] == 1.0
    assert websocket.families(websocket.Options(query_response=(greeting,)))[-1].labels == ("host",)


async def test_the_phases_that_are_told_add_up_to_the_duration() -> None:
    result = await talk(upgraded(echoes), GREETING)
    names = ("resolve", "connect", "processing", "transfer")
    phases = [result.samples["probe_websocket_duration_seconds", name] for name in names]
    assert sum(phases) == pytest.approx(result.duration)


async def test_binary_messages_match_and_fragments_are_joined() -> None:
    async def spoken(peer: Peer) -> None:
        await peer.say(b"\xff\x00 220", whole=False)
        await peer.ping(b"are you there?")
        await peer.say(b" box", whole=False)
        await peer.say(b"")
        assert await peer.hear() == "box"
        await peer.say("right")

    result = await talk(upgraded(spoken), Step(expect="220 (.*)$", send="$1"), Step(expect="^right$"))
    assert result.ok, result.message


async def test_a_ping_is_answered_with_what_it_says() -> None:
    async def spoken(peer: Peer) -> None:
        await peer.ping(b"are you there?")
        await peer.say(await peer.pong())

    result = await talk(upgraded(spoken), Step(expect="^are you there[?]$"))
    assert result.ok, result.message


async def test_it_talks_to_a_server_of_another_make() -> None:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("chat",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{request.path_qs} {message.data}")
        return socket

    app = web.Application()
    app.router.add_get("/socket", serve)
    headers = {"Sec-WebSocket-Protocol": HeaderSources(values=("chat",))}
    steps = (Step(send="hello"), Step(expect="^/socket[?]a=b (hello)$", send="$1 again"), Step(expect="hello again$"))
    async with TestServer(app) as server:
        url = f"ws://127.0.0.1:{server.port}/socket?a=b"
        result = await probe("websocket", url, query_response=steps, headers=headers)
    assert result.ok, result.message


async def test_a_message_that_does_not_match_fails_at_once() -> None:
    result = await talk(upgraded(echoes), Step(expect="^you said"), within=5.0)
    assert result.reason is Reason.BODY
    assert result.message == "the message '220 box ready' does not match '^you said'"
    assert told(result) == {"status_code": 101.0, "connection_upgraded": 1.0, "failed_due_to_regex": 1.0}
    assert result.duration < 4.0


async def test_a_message_that_never_comes_is_body_at_the_deadline() -> None:
    result = await talk(sends(), GREETING, within=0.2)
    assert result.reason is Reason.BODY
    assert result.message == "no answer within 0.2 s while waiting for a message that matches '^220'"
    assert told(result)["failed_due_to_regex"] == 1.0


async def test_a_message_as_long_as_the_limit_is_taken() -> None:
    message = b"220" + b"x" * (MESSAGE_LIMIT - 3)
    assert (await talk(sends(frame(BINARY, message)), Step(expect="^220x+$"))).ok


async def test_what_comes_with_the_answer_is_not_lost() -> None:
    glued = answers_wrongly(lambda answer: answer + frame(TEXT, b"220 glued") + frame(TEXT, b"and more"))
    result = await talk(glued, GREETING, Step(expect="^and more$"))
    assert result.ok, result.message


async def test_headers_and_credentials_go_out_and_the_path_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    seen: list[Peer] = []

    async def spoken(peer: Peer) -> None:
        seen.append(peer)

    headers = {
        "Origin": HeaderSources(values=("https://example.org",)),
        "X-Two": HeaderSources(values=("a",), secrets=(Secret("b"),), files=(str(tmp_path / "token"),)),
        "Host": HeaderSources(values=("other.example",)),
        "Sec-WebSocket-Protocol": HeaderSources(values=("mqtt, amqp",)),
    }
    config = ClientConfig(
        basic_auth=BasicAuth(username="box", password=Secret("s3cret")),
        http_headers={"X-Client": HeaderSources(values=("c",))},
    )
    result = await talk(upgraded(spoken, subprotocol="amqp"), path="/a b?c=d", headers=headers, http_config=config)
    assert result.ok, result.message
    (request,) = [peer.request for peer in seen]
    fields = [(name.decode(), value.decode()) for name, value in request.extra_headers]
    assert (request.host, request.target, request.subprotocols) == ("other.example", "/a%20b?c=d", ["mqtt", "amqp"])
    assert ("origin", "https://example.org") in fields
    assert [value for name, value in fields if name == "x-two"] == ["a", "b", "from a file"]
    assert ("x-client", "c") in fields
    assert [value for name, value in fields if name == "authorization"] == ["Basic Ym94OnMzY3JldA=="]
    assert any(name == "user-agent" and value.startswith("outage-exporter/") for name, value in fields)


async def test_a_header_that_is_written_down_wins_over_credentials() -> None:
    seen: list[Peer] = []

    async def spoken(peer: Peer) -> None:
        seen.append(peer)

    config = ClientConfig(authorization=Authorization(credentials=Secret("configured")))
    headers = {"authorization": HeaderSources(values=("Bearer written",)), "User-Agent": HeaderSources(values=("box",))}
    assert (await talk(upgraded(spoken), headers=headers, http_config=config)).ok
    fields = dict(seen[0].request.extra_headers)
    assert (fields[b"authorization"], fields[b"user-agent"]) == (b"Bearer written", b"box")


async def test_a_header_that_cannot_be_sent_never_counts_against_the_service(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\r\nX-Two: two")
    headers = {"X-One": HeaderSources(files=(str(tmp_path / "token"),))}
    result = await talk(upgraded(echoes), headers=headers)
    assert result.reason is Reason.INTERNAL
    assert "the request cannot be made" in result.message
    assert "two" not in f"{result.message}{result.facts}"  # it may be a secret


async def test_wss_tells_of_the_certificate_and_asks_for_its_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.leaf("box.example").server_context(alpn=("http/1.1",))
    config = ClientConfig(tls_config=TLSConfig(ca_file=str(authority.file)))
    async with (
        Torture(upgraded(echoes), tls=context) as server,
        DNSServer({"box.example": addresses("127.0.0.1"), "other.example": addresses("127.0.0.1")}) as dns,
    ):
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        url = f"wss://box.example:{server.port}/"
        result = await probe("websocket", url, network=network, http_config=config, query_response=(GREETING,))
        assert result.ok, result.message
        assert result.samples["probe_ssl_earliest_cert_expiry"] > 0
        assert ("probe_tls_version_info", "TLS 1.3") in result.samples
        connect = result.samples["probe_websocket_duration_seconds", "connect"]
        assert connect == pytest.approx(result.phases["connect"] + result.phases["tls"])
        url = f"wss://other.example:{server.port}/"
        result = await probe("websocket", url, network=network, http_config=config)
        assert result.reason is Reason.TLS
        assert told(result)["status_code"] == 0.0


async def test_a_server_without_tls_is_tls() -> None:
    async with Torture(upgraded(echoes)) as server:
        result = await probe("websocket", f"wss://127.0.0.1:{server.port}/", within=0.5)
    assert result.reason is Reason.TLS


async def test_nobody_there_is_connect() -> None:
    result = await probe("websocket", f"ws://127.0.0.1:{free_port()}/")
    assert result.reason is Reason.CONNECT
    assert told(result) == {"status_code": 0.0, "connection_upgraded": 0.0, "failed_due_to_regex": 0.0}


async def test_a_proxy_connects_it_whether_a_region_or_the_endpoint_names_it() -> None:
    async with Torture(upgraded(echoes)) as server, connect_proxy() as proxy:
        url = f"ws://127.0.0.1:{server.port}/"
        result = await probe("websocket", url, through=proxy.url, query_response=(GREETING,))
        assert result.ok, result.message
        config = ClientConfig(proxy_url=Secret(proxy.url))
        result = await probe("websocket", url, http_config=config, query_response=(GREETING,))
        assert result.ok, result.message
        assert result.facts["proxy"] == proxy.url.removeprefix("http://")


@pytest.mark.parametrize("target", ["ws://box.example", "wss://box.example:8443/a?b", "box.example/socket", "[::1]:80"])
def test_a_target_is_a_url_of_a_websocket(target: str) -> None:
    websocket.check_target(target)


@pytest.mark.parametrize(
    "target", ["http://box.example/", "https://box.example/", "ftp://box.example", "unix:///run/s"]
)
def test_a_target_of_another_scheme_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{target!r} is not a ws or wss URL")):
        websocket.check_target(target)


@pytest.mark.parametrize("target", ["ws://", "ws://box.example:99999/", "ws://user:secret@box.example/", "ws://a b/"])
def test_a_target_that_is_no_url_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        websocket.check_target(target)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"query_response": (Step(starttls=True),)}, "a WebSocket has no starttls; write wss:// as the target"),
        ({"query_response": (Step(expect_bytes="a"),)}, "a WebSocket has messages, not bytes; write expect"),
        (
            {"headers": {"Sec-WebSocket-Key": HeaderSources()}},
            "headers cannot set Sec-WebSocket-Key: it belongs to the",
        ),
        ({"http_config": ClientConfig(http_headers={"Upgrade": HeaderSources()})}, "headers cannot set Upgrade"),
    ],
)
def test_what_means_nothing_to_a_websocket_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        websocket.Options(**options)
