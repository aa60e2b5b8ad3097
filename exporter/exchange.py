"""One HTTP request on the way to something else: what a region asks a remote prober, what a client asks for a token.

By HTTP/1.1 or HTTP/2, with the TLS, credentials, headers and proxy of a `ClientConfig`. A redirect is an answer like
another: credentials go where they were configured to go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter import USER_AGENT
from exporter.client import ClientConfig, choose_route, client_headers
from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net import Attempt, Stream, http1, http2
from exporter.net.body import Body
from exporter.net.message import Answer, Request
from exporter.net.target import Target, parse_target

_NONE: Mapping[str, str] = MappingProxyType({})

_UNASKED = MappingProxyType(
    {
        Reason.RESOLVE: "its name has no address",
        Reason.CONNECT: "it lets nobody connect",
        Reason.TLS: "there is no TLS with it",
        Reason.PROTOCOL: "it does not answer in HTTP, or not to the end",
        Reason.BODY: "its answer is not packed as it says",
        Reason.VANTAGE: "the way through the proxy fails",
        Reason.INTERNAL: "this machine cannot",
    }
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers` are by name in lower case, several of one name joined by commas; `body` is unpacked.

    Not `whole`: the body went on after `limit` bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


async def exchange(
    net: Attempt,
    method: str,
    url: str,
    config: ClientConfig,
    headers: Mapping[str, str] = _NONE,
    body: bytes = b"",
    limit: int = 1 << 20,
) -> Reply:
    """Ask `url` once and read at most `limit` bytes of the answer; whoever asks on a probe's way passes `net.aside()`.

    ProbeError with the reasons of an http probe, `vantage` by a proxy's fault; ValueError when `url` is no URL of HTTP.
    Nobody but the caller ends it at the deadline.
    """
    target = parse_target(url)
    net.route = choose_route(config, target.scheme, target.host, target.port)
    addresses = () if net.route else await net.resolve(target.host)
    # An HTTP proxy is asked for a plain URL itself; it connects us for one with TLS.
    forward = net.route is not None and net.route.protocol == "http" and target.scheme == "http"
    async with await net.dial(target.host, target.port, addresses, forward=forward) as stream:
        conversation = await _converse(stream, net, target, config)
        answer = await conversation.ask(_request(net, method, target, config, headers, body, forward))
        if forward and answer.status == 407:
            raise ProbeError(Reason.VANTAGE, f"{net.route} asks for other credentials (status 407)")
        return await _read(conversation, answer, limit)


async def _converse(
    stream: Stream, net: Attempt, target: Target, config: ClientConfig
) -> http1.Conversation | http2.Conversation:
    if target.scheme == "https":
        await net.secure(stream, config.tls_config, target.host, ("h2", "http/1.1") if config.enable_http2 else ())
        if stream.tls and stream.tls.selected_alpn_protocol() == "h2":
            return http2.Conversation(stream, net)
    return http1.Conversation(stream, net)


def _request(
    net: Attempt,
    method: str,
    target: Target,
    config: ClientConfig,
    headers: Mapping[str, str],
    body: bytes,
    forward: bool,
) -> Request:
    fields = [("User-Agent", USER_AGENT), ("Accept-Encoding", "gzip"), *client_headers(config, headers, home=True)]
    asked = target.path
    if forward and net.route is not None:
        asked = f"http://{target.authority}{target.path}"
        fields += net.route.authorization.items()
    return Request(method, target.scheme, target.authority, asked, tuple(fields), body)


async def _read(conversation: http1.Conversation | http2.Conversation, answer: Answer, limit: int) -> Reply:
    packed = (answer.first(b"content-encoding") or "").strip().lower() == "gzip"
    body = Body("gzip" if packed else None, limit, whole=True)
    whole = True
    try:
        await conversation.read(body)
    except ProbeError:
        if body.size < limit:
            raise
        whole = False
    names = dict.fromkeys(name for name, _ in answer.headers)
    headers = {name.decode("latin-1"): ", ".join(answer.every(name)) for name in names}
    return Reply(answer.status, headers, bytes(body.kept), whole)


def unasked(error: ProbeError) -> str:
    """Why somebody cannot be asked, without an address: `its name has no address`."""
    return _UNASKED.get(error.reason, "it does not answer")
