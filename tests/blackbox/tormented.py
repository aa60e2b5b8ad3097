"""Who is tormented, and by what: every prober that speaks over a stream, and what a peer can do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.client import ClientConfig
from exporter.dialogue import Step
from exporter.options import TLSConfig
from tests.servers import torture
from tests.servers import torture_bytes as plain
from tests.servers import websocket as ws
from tests.servers.torture import Behaviour, Torture

Behaviours = Mapping[str, Behaviour]

_UNCHECKED = TLSConfig(insecure_skip_verify=True)
_EXPECT = (Step(expect="^220 ready"),)

ANYBODY: Behaviours = {
    "silence": plain.is_silent,
    "closes at once": torture.closes_at_once,
    "closes when spoken to": plain.closes_when_spoken_to,
    "half closes": plain.half_closes,
    "resets at once": torture.resets_at_once,
    "resets before tls": torture.resets_before_tls,
    "resets when spoken to": plain.resets_when_spoken_to,
    "noise": plain.says(plain.NOISE),
    "noise when spoken to": plain.says_when_spoken_to(plain.NOISE),
    "noise, then the end": plain.says_when_spoken_to(plain.NOISE, closes=True),
    "one byte": plain.says(b"\0"),
    "drip of noise": plain.drips(plain.NOISE),
    "drip of zeros": plain.drips(b"\0"),
    "flood of zeros": plain.floods(b"\0"),
    "flood of ones": plain.floods(b"\xff"),
    "flood of empty lines": plain.floods(b"\n"),
    "flood of noise": plain.floods(plain.NOISE),
    "flood of noise when spoken to": plain.floods(plain.NOISE, spoken_to=True),
    "an alert of TLS": plain.says_when_spoken_to(plain.ALERT),
}

HANDSHAKES: Behaviours = {
    "a record too long": plain.says_when_spoken_to(plain.HUGE_RECORD, bytes(65535)),
    "half a hello": plain.says_when_spoken_to(plain.HALF_A_HELLO),
    "half a hello, then the end": plain.says_when_spoken_to(plain.HALF_A_HELLO, closes=True),
    "drip of a hello": plain.drips(plain.HALF_A_HELLO),
    "flood of alerts": plain.floods(b"\x15\x03\x03\x00\x02\x01\x5a", spoken_to=True),
    "flood of cipher changes": plain.floods(b"\x14\x03\x03\x00\x01\x01", spoken_to=True),
    "flood of empty records": plain.floods(b"\x16\x03\x03\x00\x00", spoken_to=True),
    "answers in the clear": plain.says_when_spoken_to(b"HTTP/1.1 400 Bad Request\r\n\r\n", closes=True),
}

WEB: Behaviours = {
    "endless headers": torture.endless_headers,
    "endless body": torture.endless_body,
    "endless 100 Continue": torture.endless_informational,
    "a header without end": torture.huge_header_line,
    "drip": torture.drips(0.02),
    "redirects in a circle": torture.redirect_loop,
    "invalid chunks": torture.invalid_chunked,
    "short body": torture.short_body,
    "resets within the body": torture.resets_mid_body,
    "a bomb": torture.gzip_bomb(64 << 20),
    "another protocol": torture.not_http,
    "an upgrade, unasked": plain.says_when_spoken_to(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
}


def _frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    """One frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


_SETTINGS = _frame(4)
_HEAD = _frame(1, b"\x88", 4, 1)  # HEADERS, END_HEADERS: `:status 200` from the static table

FRAMES: Behaviours = {
    "flood of PING": plain.floods(_frame(6, bytes(8)), _SETTINGS, spoken_to=True),
    "flood of SETTINGS": plain.floods(_SETTINGS, spoken_to=True),
    "flood of WINDOW_UPDATE": plain.floods(_frame(8, b"\0\0\0\1"), _SETTINGS, spoken_to=True),
    "flood of PRIORITY": plain.floods(_frame(2, bytes(4) + b"\1", stream=1), _SETTINGS, spoken_to=True),
    "flood of nothing known": plain.floods(_frame(0xAA), _SETTINGS, spoken_to=True),
    "flood of empty DATA": plain.floods(_frame(0, stream=1), _SETTINGS + _HEAD, spoken_to=True),
    "flood of DATA": plain.floods(_frame(0, bytes(8192), stream=1), _SETTINGS + _HEAD, spoken_to=True),
    "flood of HEADERS": plain.floods(_HEAD, _SETTINGS, spoken_to=True),
    "flood of CONTINUATION": plain.floods(
        _frame(9, b"\x88", stream=1), _SETTINGS + _frame(1, stream=1), spoken_to=True
    ),
    "a frame too long": plain.says_when_spoken_to(_SETTINGS + b"\xff\xff\xff\0\0\0\0\0\1" + bytes(65536)),
    "a push": plain.says_when_spoken_to(_SETTINGS, _frame(5, b"\0\0\0\2\x82", 4, 1)),
    "GOAWAY": plain.says_when_spoken_to(_SETTINGS, _frame(7, bytes(8))),
    "RST_STREAM": plain.says_when_spoken_to(_SETTINGS, _frame(3, b"\0\0\0\7", stream=1)),
    "a head, then silence": plain.says_when_spoken_to(_SETTINGS, _HEAD),
}

MESSAGES: Behaviours = {
    "flood of pings": ws.floods(ws.frame(ws.PING, bytes(125)) * 100),
    "flood of pongs": ws.floods(ws.frame(ws.PONG) * 1000),
    "flood of empty fragments": ws.floods(ws.frame(ws.CONTINUATION, fin=False) * 1000, ws.frame(ws.TEXT, fin=False)),
    "a message without end": ws.floods(ws.frame(ws.CONTINUATION, bytes(9999), fin=False), ws.frame(2, fin=False)),
    "a frame without end": ws.floods(bytes(65536), b"\x82\x7f\0\0\0\1\0\0\0\0"),
    "masked frames": ws.sends(ws.frame(ws.TEXT, b"220 ready", masked=True)),
    "noise over the socket": ws.sends(plain.NOISE),
    "resets over the socket": ws.upgraded(lambda peer: torture.resets_at_once(peer.client)),
    "closes over the socket": ws.sends(stays=False),
    "a Close": ws.sends(ws.frame(ws.CLOSE, b"\x03\xf1")),
    "silence over the socket": ws.sends(),
}

QUESTIONS: Behaviours = {
    "a message that is promised": plain.says_when_spoken_to(b"\xff\xff", bytes(100)),
    "messages of nothing": plain.floods(b"\0\0", spoken_to=True),
    "messages that are none": plain.floods(b"\0\x0c" + bytes(12), spoken_to=True),
}


@dataclass(frozen=True)
class Prober:
    """A kind with options, how its target is written, and what it meets besides what anybody meets.

    `tls` is whether its peers speak TLS before they misbehave, with `alpn`; without it those of HANDSHAKES are met
    where `tls` of the options says so.
    """

    kind: str
    target: Callable[[Torture], str]
    options: Mapping[str, Any] = field(default_factory=dict)
    meets: Behaviours = field(default_factory=dict)
    tls: bool = False
    alpn: tuple[str, ...] = ()
    through: str | None = None


def _host_port(server: Torture) -> str:
    return f"127.0.0.1:{server.port}"


def _url(scheme: str) -> Callable[[Torture], str]:
    return lambda server: f"{scheme}://127.0.0.1:{server.port}/"


_WEB_OPTIONS = {"fail_if_body_not_matches_regexp": ("ready",), "compression": "gzip"}
_SOCKET_OPTIONS = {"query_response": _EXPECT}
_NAME = {"query_name": "box.example", "query_type": "A"}

PROBERS: Mapping[str, Prober] = {
    "http": Prober("http", _url("http"), _WEB_OPTIONS, WEB),
    "https": Prober("http", _url("https"), {**_WEB_OPTIONS, "tls_config": _UNCHECKED}, WEB, tls=True),
    "HTTP/2": Prober(
        "http", _url("https"), {**_WEB_OPTIONS, "tls_config": _UNCHECKED}, FRAMES, tls=True, alpn=("h2", "http/1.1")
    ),
    "https, in the handshake": Prober("http", _url("https"), {"tls_config": _UNCHECKED}, HANDSHAKES),
    "tcp": Prober("tcp", _host_port, {"query_response": _EXPECT}),
    "tcp, bytes": Prober("tcp", _host_port, {"query_response": (Step(send="hi"), Step(expect_bytes="220 ready"))}),
    "tcp, TLS": Prober("tcp", _host_port, {"query_response": _EXPECT, "tls": True, "tls_config": _UNCHECKED}, tls=True),
    "tcp, STARTTLS": Prober(
        "tcp",
        _host_port,
        {"query_response": (Step(send="STARTTLS"), Step(starttls=True), *_EXPECT), "tls_config": _UNCHECKED},
        HANDSHAKES,
    ),
    "unix": Prober("unix", lambda server: server.address, {"query_response": _EXPECT}),
    "unix, TLS": Prober("unix", lambda server: server.address, {"tls": True, "tls_config": _UNCHECKED}, HANDSHAKES),
    "websocket": Prober("websocket", _url("ws"), _SOCKET_OPTIONS, {**WEB, **MESSAGES}),
    "websocket, TLS": Prober(
        "websocket",
        _url("wss"),
        {**_SOCKET_OPTIONS, "http_config": ClientConfig(tls_config=_UNCHECKED)},
        {**WEB, **MESSAGES},
        tls=True,
    ),
    "grpc": Prober("grpc", _host_port, {}, FRAMES),
    "grpc, TLS": Prober("grpc", _host_port, {"tls": True, "tls_config": _UNCHECKED}, FRAMES, tls=True, alpn=("h2",)),
    "dns over tcp": Prober("dns", _host_port, {**_NAME, "transport_protocol": "tcp"}, QUESTIONS),
    "dns over TLS": Prober(
        "dns",
        _host_port,
        {**_NAME, "transport_protocol": "tcp", "dns_over_tls": True, "tls_config": _UNCHECKED},
        {**QUESTIONS},
        tls=True,
    ),
    "an HTTP proxy": Prober("tcp", _host_port, {"query_response": _EXPECT}, WEB, through="http"),
    "http through a proxy": Prober("http", _url("http"), _WEB_OPTIONS, WEB, through="http"),
    "https through a proxy": Prober("http", _url("https"), {"tls_config": _UNCHECKED}, WEB, through="http"),
    "websocket through a proxy": Prober("websocket", _url("ws"), _SOCKET_OPTIONS, WEB, through="http"),
    "a SOCKS proxy": Prober("tcp", _host_port, {"query_response": _EXPECT}, through="socks5h"),
}
