"""Raw conversations for the matrix: answers that no web server gives, and dialogues over TCP."""

from __future__ import annotations

import asyncio
import ssl

from tests.servers.torture import Behaviour, Conversation


def sends(data: bytes, stays: bool = False) -> Behaviour:
    """These bytes for one request, then the end, or silence."""

    async def behaviour(client: Conversation) -> None:
        await client.request()
        await client.send(data)
        if stays:
            await client.reader.read()

    return behaviour


def says(*pieces: bytes, stays: bool = False, pause: float = 0.0) -> Behaviour:
    """These bytes at once, whatever comes; then the end, or silence."""

    async def behaviour(client: Conversation) -> None:
        for piece in pieces:
            await client.send(piece)
            await asyncio.sleep(pause)
        if not stays and client.writer.can_write_eof():
            client.writer.write_eof()  # what comes now must not make it reset
        if stays or client.writer.can_write_eof():
            await client.reader.read()

    return behaviour


async def shuts_up(client: Conversation) -> None:
    """Listens, and says nothing."""
    await client.reader.read()


async def repeats(client: Conversation) -> None:
    """Every line comes back as it is."""
    while line := await client.reader.readline():
        await client.send(line)


def _answer(head: str, body: bytes = b"", version: str = "1.1", status: str = "200 OK") -> bytes:
    return f"HTTP/{version} {status}\r\n{head}\r\n".encode("latin-1") + body


WEB: dict[str, Behaviour] = {
    "http 1.0": sends(_answer("Content-Length: 5\r\n", b"hello", "1.0")),
    "http 1.0 without a length": sends(_answer("", b"hello", "1.0")),
    "http 1.1 without a length": sends(_answer("Connection: close\r\n", b"hello")),
    "http 0.9": sends(b"hello"),
    "http 1.2": sends(_answer("Content-Length: 5\r\n", b"hello", "1.2")),
    "http 2.0 in text": sends(_answer("Content-Length: 5\r\n", b"hello", "2.0")),
    "no reason": sends(_answer("Content-Length: 5\r\n", b"hello", status="200")),
    "bare line feeds": sends(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    "status of two digits": sends(_answer("Content-Length: 5\r\n", b"hello", status="20 OK")),
    "status 600": sends(_answer("Content-Length: 5\r\n", b"hello", status="600 Odd")),
    "status 999": sends(_answer("Content-Length: 5\r\n", b"hello", status="999 Odd")),
    "status 000": sends(_answer("Content-Length: 5\r\n", b"hello", status="000 Odd")),
    "status in letters": sends(_answer("Content-Length: 5\r\n", b"hello", status="abc Odd")),
    "101": sends(_answer("Connection: Upgrade\r\nUpgrade: odd\r\n", status="101 Switching")),
    "101 with a body": sends(_answer("Connection: Upgrade\r\nUpgrade: odd\r\n", b"hello", status="101 Switching")),
    "100 first": sends(_answer("", status="100 Continue") + _answer("Content-Length: 5\r\n", b"hello")),
    "103 first": sends(_answer("Link: </a>\r\n", status="103 Early") + _answer("Content-Length: 5\r\n", b"hello")),
    "six of 100 first": sends(_answer("", status="100 Continue") * 6 + _answer("Content-Length: 5\r\n", b"hello")),
    "two lengths": sends(_answer("Content-Length: 5\r\nContent-Length: 6\r\n", b"hello")),
    "two equal lengths": sends(_answer("Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")),
    "length and chunks": sends(
        _answer("Content-Length: 50\r\nTransfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n")
    ),
    "length in letters": sends(_answer("Content-Length: five\r\n", b"hello")),
    "negative length": sends(_answer("Content-Length: -5\r\n", b"hello")),
    "length with a plus": sends(_answer("Content-Length: +5\r\n", b"hello")),
    "more than the length": sends(_answer("Content-Length: 5\r\n", b"hello and more")),
    "chunks": sends(_answer("Transfer-Encoding: chunked\r\n", b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-A: b\r\n\r\n")),
    "chunks cut": sends(_answer("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n")),
    "odd coding": sends(_answer("Transfer-Encoding: gzip\r\n", b"hello")),
    "folded header": sends(_answer("X-A: a\r\n b\r\nContent-Length: 5\r\n", b"hello")),
    "header without a colon": sends(_answer("hello\r\nContent-Length: 5\r\n", b"hello")),
    "space before the colon": sends(_answer("X-A : b\r\nContent-Length: 5\r\n", b"hello")),
    "control characters": sends(_answer("X-A: a\x01b\r\nContent-Length: 5\r\n", b"hello")),
    "header with a tab in its name": sends(_answer("X\tA: b\r\nContent-Length: 5\r\n", b"hello")),
    "header in brackets": sends(_answer("X(A): b\r\nContent-Length: 5\r\n", b"hello")),
    "length as a list": sends(_answer("Content-Length: 5, 5\r\n", b"hello")),
    "header in latin": sends(_answer("X-A: gr\xfc\xdfe\r\nContent-Length: 5\r\n", b"hello")),
    "empty header": sends(_answer("X-A:\r\nContent-Length: 5\r\n", b"hello")),
    "head cut": sends(b"HTTP/1.1 200 OK\r\nX-A"),
    "204 with a body": sends(_answer("Content-Length: 5\r\n", b"hello", status="204 No")),
    "304 with a length": sends(_answer("Content-Length: 5\r\n", status="304 Not")),
    "redirect with a long body": sends(_answer("Location: /\r\nContent-Length: 100\r\n", b"hello", status="303 See")),
    "300 lines of head": sends(_answer("X-Filler: 0123456789\r\n" * 300 + "Content-Length: 5\r\n", b"hello")),
}
"""Each by what is odd about it."""

DIALOGUES: dict[str, Behaviour] = {
    "banner": says(b"220 mail.example ESMTP ready\r\n", stays=True),
    "banner and end": says(b"220 mail.example ESMTP ready\r\n"),
    "two lines": says(b"220-mail.example\r\n220 ready\r\n"),
    "no end of line": says(b"login: "),
    "pieces": says(b"220 mail.", b"example rea", b"dy\r\n", pause=0.01),
    "wrong banner": says(b"554 go away\r\n"),
    "binary": says(bytes(range(256))),
    "latin": says("220 gr\xfc\xdfe ready\r\n".encode("latin-1")),
    "empty lines": says(b"\r\n\r\n220 ready\r\n"),
    "long line": says(b"x" * 70000 + b"\n220 ready\r\n"),
    "nothing": says(),
    "silence": shuts_up,
    "echo": repeats,
}
"""What a TCP server says, each by its kind."""


def tls_dialogue(tls: ssl.SSLContext) -> Behaviour:
    """STARTTLS without a word in the clear: TLS begins at the client's line `go`."""

    async def behaviour(client: Conversation) -> None:
        async for _ in client.reader:
            await client.send(b"ready\n")
            await client.writer.start_tls(tls)
            await client.send(b"220 protected\n")

    return behaviour
