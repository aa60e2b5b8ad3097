"""Servers that refuse the upgrade, answer it wrongly, or break the WebSocket that it made."""

from __future__ import annotations

import pytest

from exporter.model import Reason
from exporter.net.websocket import MESSAGE_LIMIT
from tests.blackbox.upgrading import GREETING, talk, told
from tests.servers.torture import Behaviour, answers, closes_without_answering, endless_headers, never_answers
from tests.servers.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    answers_wrongly,
    floods,
    frame,
    refuses,
    sends,
)


@pytest.mark.parametrize(
    ("behaviour", "status", "sentence"),
    [
        (refuses(404), 404, "answered the upgrade with status 404, wanted 101"),
        (refuses(403), 403, "answered the upgrade with status 403, wanted 101"),
        (answers(), 200, "answered the upgrade with status 200, wanted 101"),
        (
            refuses(301, [(b"Location", b"wss://elsewhere.example/")]),
            301,
            "wanted 101; it leads to 'wss://elsewhere.example/', which is not followed",
        ),
    ],
)
async def test_an_upgrade_that_is_refused_is_status(behaviour: Behaviour, status: int, sentence: str) -> None:
    result = await talk(behaviour, GREETING)
    assert result.reason is Reason.STATUS
    assert result.message.endswith(sentence)
    assert told(result) == {"status_code": status, "connection_upgraded": 0.0, "failed_due_to_regex": 0.0}


@pytest.mark.parametrize(
    ("behaviour", "status", "sentence"),
    [
        (answers_wrongly(lambda answer: answer.replace(b"Accept: ", b"Accept: x")), 101, "Bad accept token"),
        (answers_wrongly(lambda answer: answer.replace(b"Upgrade: w", b"X: w")), 101, "Missing header, 'Upgrade: "),
        (answers_wrongly(lambda answer: answer.replace(b"Connection: Up", b"X: Up")), 101, "Missing header, 'Conn"),
        (
            answers_wrongly(lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")),
            101,
            "unrecognized subprotocol mqtt",
        ),
        (
            answers_wrongly(lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: x\r\n\r\n")),
            101,
            "unrecognized extension x",
        ),
        (
            answers_wrongly(lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: \xff\r\n\r\n")),
            101,
            "answered with no upgrade",
        ),
        (answers_wrongly(lambda answer: b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), 0, "answered with no upgrade: illegal"),
        (answers_wrongly(lambda answer: b"\x15\x03\x01\x00\x02\x02\x46"), 0, "answered with no upgrade"),
        (endless_headers, 200, "answered with no upgrade: Receive buffer too long"),
        (closes_without_answering, 0, "closed the connection without answering"),
    ],
)
async def test_an_answer_that_is_no_upgrade_is_protocol(behaviour: Behaviour, status: int, sentence: str) -> None:
    result = await talk(behaviour, GREETING)
    assert result.reason is Reason.PROTOCOL, result.message
    assert sentence in result.message
    assert told(result) == {"status_code": status, "connection_upgraded": 0.0, "failed_due_to_regex": 0.0}


async def test_a_server_that_never_answers_is_timeout() -> None:
    result = await talk(never_answers, within=0.2)
    assert result.reason is Reason.TIMEOUT
    assert result.message.endswith("to upgrade the connection")


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (sends(frame(TEXT, b"220", masked=True)), "client received unexpected masked frame"),
        (sends(frame(TEXT, b"220", rsv=4)), "Reserved bit set unexpectedly"),
        (sends(frame(3, b"220")), "Invalid opcode 0x3"),
        (sends(frame(CONTINUATION, b"220")), "unexpected CONTINUATION"),
        (sends(frame(TEXT, b"2", fin=False), frame(TEXT, b"20")), "expected CONTINUATION"),
        (sends(frame(PING, b"x", fin=False)), "Invalid attempt to fragment control frame"),
        (sends(frame(PING, b"x" * 126)), "Control frame with payload len > 125"),
        (sends(frame(TEXT, b"\xff\xfe")), "invalid start byte"),
        (sends(frame(TEXT, b"\xc3")), "unexpected end of data"),
        (sends(frame(CLOSE, b"\x03")), "CLOSE with 1 byte payload"),
        (sends(frame(CLOSE, b"\x03\xee")), "remote CLOSE with local-only reason"),
        (sends(b"\x81\xff" + b"\xff" * 8), "8-byte payload length with non-zero MSB"),
        (sends(b"HTTP/1.1 200 OK\r\n\r\n"), "broke WebSocket"),
        (sends(stays=False), "closed the connection without a Close of WebSocket"),
        (sends(b"\x81", stays=False), "closed the connection without a Close of WebSocket"),
        (sends(frame(TEXT, b"220", fin=False), stays=False), "closed the connection without a Close of WebSocket"),
        (floods(frame(PING, b"x" * 125) * 50), "sent 1000 frames that bring no message"),
        (floods(frame(PONG) * 1000), "sent 1000 frames that bring no message"),
        (floods(frame(CONTINUATION, fin=False) * 1000, first=frame(TEXT, fin=False)), "sent 1000 frames that bring no"),
    ],
)
async def test_frames_that_are_none_are_protocol(behaviour: Behaviour, sentence: str) -> None:
    result = await talk(behaviour, GREETING)
    assert result.reason is Reason.PROTOCOL, result.message
    assert sentence in result.message
    assert told(result) == {"status_code": 101.0, "connection_upgraded": 1.0, "failed_due_to_regex": 1.0}


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (sends(frame(CLOSE, b"\x03\xf3overloaded")), "closed the WebSocket with code 1011 ('overloaded')"),
        (sends(frame(CLOSE, b"\x0f\xa0")), "closed the WebSocket with code 4000, "),
        (sends(frame(CLOSE)), "closed the WebSocket with code 1005, "),
        (sends(frame(BINARY, b"x" * (MESSAGE_LIMIT + 1))), "sent a message of more than 64 KB"),
        (
            floods(frame(CONTINUATION, b"x" * 999, fin=False), first=frame(TEXT, fin=False)),
            "message of more than 64 KB",
        ),
        (floods(b"x" * 65536, first=b"\x82\x7f" + b"\0\0\0\1" + b"\0" * 4), "sent a message of more than 64 KB"),
    ],
)
async def test_a_message_that_does_not_come_or_never_ends_is_body(behaviour: Behaviour, sentence: str) -> None:
    result = await talk(behaviour, GREETING)
    assert result.reason is Reason.BODY, result.message
    assert sentence in result.message
    assert told(result) == {"status_code": 101.0, "connection_upgraded": 1.0, "failed_due_to_regex": 1.0}
