"""Health services that misbehave: each ends by the deadline, with the right reason and status, after one call."""

from __future__ import annotations

import asyncio

import pytest
from h2.errors import ErrorCodes

from exporter.model import Reason
from tests.blackbox.calling import CODE, call, said
from tests.probing import probe
from tests.servers import torture
from tests.servers.grpc import HEAD, Behaviour, Call, Fields, answers, message, refuses, response, serves
from tests.servers.torture import Torture

SERVING = message(response("SERVING"))


def head(status: str, kind: str | None) -> Fields:
    return [(":status", status), *([("content-type", kind)] if kind else [])]


async def ends_without_trailers(call: Call) -> None:
    await call.head()
    await call.data(SERVING, end=True)


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def hangs_up_within(call: Call) -> None:
    await call.head()
    await call.data(SERVING[:3])
    call.writer.close()


def resets(code: int) -> Behaviour:
    async def behaviour(call: Call) -> None:
        await call.reset(code)

    return behaviour


def goes_away(code: int, last_stream: int) -> Behaviour:
    async def behaviour(call: Call) -> None:
        await call.goes_away(code, last_stream)

    return behaviour


def floods(frame: bytes) -> Behaviour:
    async def behaviour(call: Call) -> None:
        await call.flood(frame * 100)

    return behaviour


PING = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
EMPTY_DATA = b"\0\0\0\0\0\0\0\0\x01"
BROKEN: dict[str, tuple[Behaviour, Reason, int, str]] = {
    "HTTP status 503": (answers(b"", head=head("503", None)), Reason.STATUS, 14, "HTTP status 503"),
    "HTTP status 401": (answers(b"", head=head("401", "text/html")), Reason.STATUS, 16, "HTTP status 401"),
    "HTTP status 418": (answers(b"", head=head("418", "text/html")), Reason.STATUS, 2, "HTTP status 418"),
    "a page": (answers(b"<html>", head=head("200", "text/html")), Reason.PROTOCOL, 2, "content-type 'text/html'"),
    "no type": (answers(SERVING, head=head("200", None)), Reason.PROTOCOL, 2, "no content-type"),
    "gzip": (
        answers(message(b"x", 1), head=[*HEAD, ("grpc-encoding", "gzip")]), Reason.PROTOCOL, 13, "in 'gzip', which we",
    ),
    "compressed somehow": (answers(message(b"x", 1)), Reason.PROTOCOL, 13, "compressed in no known way"),
    "a flag that is none": (answers(message(b"x", 7)), Reason.PROTOCOL, 13, "compressed in no known way"),
    "too long": (answers(message(b"x", 0, 1 << 30)), Reason.PROTOCOL, 8, "a message of more than 4 MB"),
    "cut short": (answers(message(b"\x08\x01", 0, 9)), Reason.PROTOCOL, 13, "ends after 7 of 14 bytes"),
    "half a prefix": (answers(b"\0\0"), Reason.PROTOCOL, 13, "ends after 2 of 5 bytes"),
    "two messages": (answers(SERVING * 2), Reason.PROTOCOL, 13, "more than one message"),
    "no message": (refuses(0), Reason.PROTOCOL, 13, "OK and no message"),
    "no protobuf": (answers(message(b"\xff")), Reason.PROTOCOL, 13, "no HealthCheckResponse"),
    "no status": (answers(SERVING, ("x-other", "1")), Reason.PROTOCOL, 2, "without a grpc-status"),
    "no trailers": (ends_without_trailers, Reason.PROTOCOL, 13, "without a grpc-status"),
    "a status that is no number": (
        answers(SERVING, ("grpc-status", "9" * 5000)), Reason.PROTOCOL, 13, "which is no number",
    ),
    "a refusal behind a message": (answers(SERVING, ("grpc-status", "7")), Reason.STATUS, 7, "PERMISSION_DENIED"),
    "a refusal behind half of one": (answers(b"\0\0", ("grpc-status", "7")), Reason.STATUS, 7, "PERMISSION_DENIED"),
    "hangs up": (hangs_up, Reason.PROTOCOL, 14, "closed the connection without answering"),
    "hangs up within": (hangs_up_within, Reason.PROTOCOL, 14, "closed the connection after 3 bytes"),
    "refused stream": (resets(ErrorCodes.REFUSED_STREAM), Reason.PROTOCOL, 14, "reset the stream: REFUSED_STREAM"),
    "cancelled": (resets(ErrorCodes.CANCEL), Reason.PROTOCOL, 1, "reset the stream: CANCEL"),
    "reset by a fault": (resets(ErrorCodes.INTERNAL_ERROR), Reason.PROTOCOL, 13, "reset the stream: INTERNAL_ERROR"),
    "reset for no reason": (resets(99), Reason.PROTOCOL, 2, "reset the stream: error 99"),
    "goes away": (goes_away(ErrorCodes.INTERNAL_ERROR, 1), Reason.PROTOCOL, 14, "ended HTTP/2: INTERNAL_ERROR"),
    "goes away before us": (goes_away(ErrorCodes.NO_ERROR, 0), Reason.PROTOCOL, 14, "ended HTTP/2: NO_ERROR"),
    "PING without end": (floods(PING), Reason.PROTOCOL, 14, "1000 frames that bring no answer"),
    "SETTINGS without end": (floods(SETTINGS), Reason.PROTOCOL, 14, "1000 frames that bring no answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_what_comes_instead_of_an_answer_has_its_reason_and_its_status(name: str) -> None:
    behaviour, reason, code, text = BROKEN[name]
    result = await call(behaviour)
    assert (result.reason, result.samples[CODE]) == (reason, code), result.message
    assert text in result.message
    assert set(said(result).values()) == {0.0}


async def test_a_message_without_end_is_read_to_the_limit() -> None:
    sent = 0

    async def behaviour(call: Call) -> None:
        nonlocal sent
        await call.head()
        await call.raw(b"\0\0\x05\0\0\0\0\0\x01" + message(b"", 0, 4 << 20))
        while True:
            await call.raw(b"\0\x40\0\0\0\0\0\0\x01" + b"x" * 16384)
            sent += 16384

    result = await call(behaviour)
    assert result.reason is Reason.PROTOCOL
    assert sent < 32 << 20


async def test_a_server_that_says_goodbye_after_its_answer_has_answered() -> None:
    async def behaviour(call: Call) -> None:
        await call.raw(b"\0\0\x08\x07\0\0\0\0\0" + b"\0\0\0\x01\0\0\0\0")  # GOAWAY, NO_ERROR, our stream is the last
        await serves("SERVING")(call)

    assert (await call(behaviour)).ok


async def test_what_precedes_the_answer_is_passed_over() -> None:
    async def behaviour(call: Call) -> None:
        await call.head([(":status", "103")])
        await call.raw((PING + SETTINGS) * 100)
        await serves("SERVING")(call)

    assert (await call(behaviour)).ok


async def test_fields_that_are_not_known_are_passed_over_and_the_last_status_counts() -> None:
    assert (await call(answers(message(b"\x12\x03abc\x1d1234\x2112345678\x08\x02\x08\x01\x50\x07")))).ok


async def test_silence_is_a_timeout_in_the_check() -> None:
    async def silent(call: Call) -> None:
        await asyncio.Event().wait()

    async def half(call: Call) -> None:
        await call.head()
        await call.data(SERVING)
        await asyncio.Event().wait()

    for behaviour in (silent, half):
        result = await call(behaviour, within=0.3)
        assert result.reason is Reason.TIMEOUT
        assert result.samples[CODE] == 4.0
        assert result.samples["probe_grpc_duration_seconds", "check"] > 0.2


@pytest.mark.parametrize(
    ("behaviour", "reason", "code"),
    [
        (torture.garbage(), Reason.PROTOCOL, 14),
        (torture.closes_at_once, Reason.PROTOCOL, 14),
        (torture.resets_at_once, Reason.PROTOCOL, 14),
        (torture.answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.PROTOCOL, 14),
        (torture.never_answers, Reason.TIMEOUT, 4),
    ],
)
async def test_a_server_that_is_no_grpc_is_asked_once(behaviour: torture.Behaviour, reason: Reason, code: int) -> None:
    async with Torture(behaviour) as server:
        result = await probe("grpc", f"127.0.0.1:{server.port}", within=0.5)
        assert server.connections == 1
    assert (result.reason, result.samples[CODE]) == (reason, code), result.message


async def test_a_web_server_is_told_from_a_health_service() -> None:
    async def old(client: torture.Conversation) -> None:
        await client.reader.read(100)
        await client.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    async with Torture(old) as server:
        result = await probe("grpc", f"127.0.0.1:{server.port}")
    assert result.reason is Reason.PROTOCOL
    assert "broke HTTP/2: what it sent is no frame" in result.message
