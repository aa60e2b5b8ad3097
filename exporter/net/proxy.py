"""Leaving the network through a proxy: HTTP CONNECT and SOCKS5 (RFC 1928, RFC 1929), names resolved there.

Only what a proxy says about the target counts against the target: SOCKS5 replies 3 to 6, and 502
and 504 to CONNECT (RFC 9110, 15.6.3 and 15.6.5). Anything else, silence included, is a failure of
the vantage. So a target that swallows packets is `vantage` unless the proxy gives up before us.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote, urlsplit

import httptools
from socksio import ProtocolError, SOCKSError, socks5

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.stream import Stream

_HEAD_LIMIT = 16384
_ABOUT_THE_TARGET = {
    socks5.SOCKS5ReplyCode.NETWORK_UNREACHABLE: "network unreachable",
    socks5.SOCKS5ReplyCode.HOST_UNREACHABLE: "host unreachable",
    socks5.SOCKS5ReplyCode.CONNECTION_REFUSED: "connection refused",
    socks5.SOCKS5ReplyCode.TTL_EXPIRED: "TTL expired",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A proxy to pass: its protocol, where it listens, who we are to it and what CONNECT carries besides."""

    protocol: Literal["http", "socks5"]
    host: str
    port: int
    username: str | None = None
    password: str | None = None
    connect_headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """As messages name it: they are public, and where an operator's proxies listen is not."""
        return "the proxy"

    @property
    def address(self) -> str:
        """Where it listens, for the facts of a result: those are for its operator."""
        return f"proxy {self.host}:{self.port}"

    @property
    def authorization(self) -> dict[str, str]:
        """The header that an HTTP proxy asks for, or none."""
        if self.username is None:
            return {}
        token = base64.b64encode(f"{self.username}:{self.password or ''}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {token}"}


@lru_cache(maxsize=256)
def parse_route(url: str, username: str | None = None, password: str | None = None) -> Route:
    """`http://user:password@host:port`, `socks5://...` or `socks5h://...`; ValueError says what is wrong.

    Credentials given beside the URL win over those in it.
    """
    parts = urlsplit(url)
    if "://" not in url:
        raise ValueError("not the URL of a proxy; write http://host:port or socks5h://host:port")
    if parts.scheme not in ("http", "socks5", "socks5h"):
        raise ValueError(f"{parts.scheme!r} is not a kind of proxy (http, socks5h)")
    if not parts.hostname:
        raise ValueError("the proxy's URL names no host")
    return Route(
        protocol="http" if parts.scheme == "http" else "socks5",
        host=parts.hostname,
        port=parts.port or (80 if parts.scheme == "http" else 1080),
        username=username or (unquote(parts.username) if parts.username is not None else None),
        password=password or (unquote(parts.password) if parts.password is not None else None),
    )


async def ask(stream: Stream, route: Route, host: str, port: int) -> None:
    """Have the proxy at the other end of `stream` connect to `host:port`; afterwards the stream is the target's."""
    if route.protocol == "http":
        await _http_connect(stream, route, host, port)
    else:
        await _socks5_connect(stream, route, host, port)


async def _http_connect(stream: Stream, route: Route, host: str, port: int) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    lines += [f"{name}: {value}" for name, value in (*route.authorization.items(), *route.connect_headers)]
    await stream.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = await stream.receive_head(b"\r\n\r\n", _HEAD_LIMIT)
    parser = httptools.HttpResponseParser(object())
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise ProbeError(Reason.VANTAGE, f"{route} did not answer in HTTP: {error}") from error
    _judge_connect(parser.get_status_code(), route, authority)


def _judge_connect(status: int, route: Route, authority: str) -> None:
    if status in (502, 504):
        raise ProbeError(Reason.CONNECT, f"{route} could not connect to {authority} (status {status})")
    if not 200 <= status < 300:
        raise ProbeError(Reason.VANTAGE, f"{route} refused CONNECT {authority} with status {status}")


async def _socks5_connect(stream: Stream, route: Route, host: str, port: int) -> None:
    connection = socks5.SOCKS5Connection()
    try:
        await _socks5_authenticate(stream, connection, route)
        connection.send(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port)))
        await stream.send(connection.data_to_send())
        reply = connection.receive_data(await _socks5_reply(stream))
    except (SOCKSError, ProtocolError, ValueError, IndexError) as error:
        raise ProbeError(Reason.VANTAGE, f"{route} did not answer in SOCKS5: {error}") from error
    assert isinstance(reply, socks5.SOCKS5Reply)
    if reply.reply_code in _ABOUT_THE_TARGET:
        said = _ABOUT_THE_TARGET[reply.reply_code]
        raise ProbeError(Reason.CONNECT, f"{route} could not connect to {host}:{port}: {said}")
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        said = reply.reply_code.name.lower().replace("_", " ")
        raise ProbeError(Reason.VANTAGE, f"{route} refused {host}:{port}: {said}")


async def _socks5_authenticate(stream: Stream, connection: socks5.SOCKS5Connection, route: Route) -> None:
    offered = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if route.username is not None:
        offered.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
    connection.send(socks5.SOCKS5AuthMethodsRequest(offered))
    await stream.send(connection.data_to_send())
    chosen = connection.receive_data(await _exactly(stream, 2))
    assert isinstance(chosen, socks5.SOCKS5AuthReply)
    if chosen.method == socks5.SOCKS5AuthMethod.NO_ACCEPTABLE_METHODS:
        raise ProbeError(Reason.VANTAGE, f"{route} asks for credentials other than those configured")
    if chosen.method == socks5.SOCKS5AuthMethod.USERNAME_PASSWORD:
        await _socks5_log_in(stream, connection, route)


async def _socks5_log_in(stream: Stream, connection: socks5.SOCKS5Connection, route: Route) -> None:
    connection.send(
        socks5.SOCKS5UsernamePasswordRequest((route.username or "").encode(), (route.password or "").encode())
    )
    await stream.send(connection.data_to_send())
    answer = connection.receive_data(await _exactly(stream, 2))
    if not isinstance(answer, socks5.SOCKS5UsernamePasswordReply) or not answer.success:
        raise ProbeError(Reason.VANTAGE, f"{route} refused the user name and password")


async def _socks5_reply(stream: Stream) -> bytes:
    # Read no byte past the reply: what follows is the target's, perhaps a banner.
    head = await _exactly(stream, 4)
    kind = head[3]
    if kind == 3:
        length = await _exactly(stream, 1)
        return head + length + await _exactly(stream, length[0] + 2)
    return head + await _exactly(stream, 4 + 2 if kind == 1 else 16 + 2)


async def _exactly(stream: Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = await stream.receive(count - len(data))
        if not piece:
            raise ProbeError(Reason.VANTAGE, "the proxy closed the connection")
        data += piece
    return data
