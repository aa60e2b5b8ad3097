"""WebSocket: the upgrade of one HTTP request, then a dialogue of messages.

Options and metrics are those of blackbox_exporter's websocket prober, which came after 0.28. `expect` is about one
message, the next one, text or binary: unlike on a stream of lines, one that does not match fails. `send` is a text
message. `probe_websocket_failed_due_to_regex` tells that the dialogue failed, whatever made it fail.

An upgrade that is refused is `status`, and so is a redirect, which is not followed there either. A message that does
not match, is longer than 64 KB or does not come in time, or before the peer closes, is `body`; an answer that is no
upgrade, frames that are none, and a connection that ends without a Close are `protocol`. Ours besides: its certificates
and `probe_expect_info`, a proxy, tokens and `http_headers` by `http_config`. Of that, `follow_redirects` and
`enable_http2` mean nothing here. Phases: resolve, connect, tls, processing (until the answer to the upgrade begins),
transfer; in `probe_websocket_duration_seconds` connect has tls in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exporter import USER_AGENT, dialogue
from exporter import net as network
from exporter.client import ClientConfig, HeaderName, HeaderSources, choose_route, client_headers, header_values
from exporter.client.tokens import authorize, forget, hide
from exporter.dialogue import Step, expanded, note_labels
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Attempt
from exporter.net.target import Target, parse_websocket
from exporter.net.websocket import OF_THE_HANDSHAKE, WebSocket
from exporter.options import IPProtocol, searched

FAMILIES = (
    Family("probe_websocket_status_code", "The status of the answer to the upgrade, 0 when there was none."),
    Family("probe_websocket_connection_upgraded", "Whether the connection became a WebSocket."),
    Family("probe_websocket_failed_due_to_regex", "Whether an expected message did not come."),
    Family("probe_websocket_duration_seconds", "Each phase of the latest scheduled run, seconds.", ("phase",)),
    *network.FAMILIES,
    *network.TLS_FAMILIES,
)

_FACT_LIMIT = 4096  # characters of headers kept for a person
_PHASES = (
    ("resolve", ("resolve",)),
    ("connect", ("connect", "tls")),
    ("processing", ("processing",)),
    ("transfer", ("transfer",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys."""

    http_config: ClientConfig = field(default_factory=ClientConfig)
    headers: Mapping[HeaderName, HeaderSources] = field(default_factory=dict, hash=False)
    query_response: tuple[Step, ...] = ()
    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True

    def __post_init__(self) -> None:
        for name in (*self.headers, *self.http_config.http_headers):
            if name.lower() in OF_THE_HANDSHAKE:
                raise ValueError(f"headers cannot set {name}: it belongs to the handshake")
        for step in self.query_response:
            if step.starttls:
                raise ValueError("a WebSocket has no starttls; write wss:// as the target")
            if step.expect_bytes:
                raise ValueError("a WebSocket has messages, not bytes; write expect")


def check_target(url: str) -> None:
    """Return when `url` can be probed; ValueError says why not."""
    parse_websocket(url)


def check_labels(options: Options) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with labels where ours stand beside them: each mistake's route in this block, and a sentence."""
    yield from ((("query_response", *route), said) for route, said in dialogue.check_labels(options.query_response))


def families(options: Options) -> tuple[Family, ...]:
    """FAMILIES, and `probe_expect_info` with the labels that these options give it."""
    return (*FAMILIES, *dialogue.families(options.query_response))


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Upgrade a connection to the target and hold the dialogue."""
    target = parse_websocket(endpoint.target)
    net.samples |= dict.fromkeys(("probe_websocket_status_code", "probe_websocket_connection_upgraded"), 0.0)
    net.samples["probe_websocket_failed_due_to_regex"] = 0.0
    try:
        await _connect(target, options, net)
    finally:
        net.end()
        for name, phases in _PHASES:
            net.samples["probe_websocket_duration_seconds", name] = sum(net.phases.get(phase, 0.0) for phase in phases)
    return net.result()


async def _connect(target: Target, options: Options, net: Attempt) -> None:
    config = options.http_config
    token = await authorize(net, config.oauth2) if config.oauth2 else None
    if net.route is None:
        net.route = choose_route(config, target.scheme, target.host, target.port)
    addresses: list[str] = []
    if net.route is None:
        found = await net.resolve(target.host, options.preferred_ip_protocol, options.ip_protocol_fallback)
        addresses = found[:1]
    async with await net.dial(target.host, target.port, addresses) as stream:
        try:
            if target.scheme == "https":
                await net.secure(stream, config.tls_config, target.host, ("http/1.1",))
            await _talk(WebSocket(stream, net), target, options, net, token)
        finally:
            net.note_stream(stream)


async def _talk(websocket: WebSocket, target: Target, options: Options, net: Attempt, token: str | None) -> None:
    headers = _headers(options, token)
    authority = next((value for name, value in headers if name.lower() == "host"), target.authority)
    try:
        await websocket.upgrade(authority, target.path, [each for each in headers if each[0].lower() != "host"])
    finally:
        net.samples["probe_websocket_status_code"] = float(websocket.answer.status)
        net.facts["headers"] = hide(websocket.answer.text()[:_FACT_LIMIT], token)
        if websocket.answer.status == 401 and options.http_config.oauth2:
            forget(options.http_config.oauth2)
    net.samples["probe_websocket_connection_upgraded"] = 1.0
    await _converse(websocket, options.query_response, net)
    await websocket.close()


async def _converse(websocket: WebSocket, steps: tuple[Step, ...], net: Attempt) -> None:
    net.samples["probe_websocket_failed_due_to_regex"] = float(bool(steps))
    for step in steps:
        send = (step.send or "").encode()
        if step.expect is not None:
            net.enter("transfer", f"waiting for a message that matches {step.expect!r}", Reason.BODY)
            message = await websocket.hear()
            match = searched(step.expect, message)
            if match is None:
                said = message[:200].decode("utf-8", "replace")
                raise ProbeError(Reason.BODY, f"the message {said!r} does not match {step.expect!r}")
            note_labels(net, steps, step, match)
            send = expanded(send, match)
        if send:
            net.enter("transfer", "sending a message")
            await websocket.say(send)
    net.samples["probe_websocket_failed_due_to_regex"] = 0.0


def _headers(options: Options, token: str | None) -> list[tuple[str, str]]:
    given = {name.lower() for name in options.headers}
    headers = [] if "user-agent" in given else [("User-Agent", USER_AGENT)]
    headers += [(name, value) for name, sources in options.headers.items() for value in header_values(sources)]
    if token is not None:
        headers.append(("Authorization", token))
    ours = client_headers(options.http_config, {}, home=True)
    return headers + [(name, value) for name, value in ours if name.lower() not in given]
