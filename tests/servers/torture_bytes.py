"""Behaviours of the torture server that know no protocol: they wait for nothing that a client may never send."""

from __future__ import annotations

import asyncio
import random

from tests.servers.torture import Behaviour, Conversation

NOISE = random.Random(7).randbytes(4096)  # the same each time
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure (RFC 8446, 6.2)
HUGE_RECORD = b"\x16\x03\x03\xff\xff"  # a handshake record of 65535 bytes, four times what is allowed
HALF_A_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(40)


async def is_silent(client: Conversation) -> None:
    """Reads whatever comes, until it ends."""
    while await client.reader.read(65536):
        pass


async def half_closes(client: Conversation) -> None:
    """Says at once that it will say nothing, and reads on; over TLS, which cannot half close, it is silent."""
    if client.writer.can_write_eof():
        client.writer.write_eof()
    await is_silent(client)


async def resets_when_spoken_to(client: Conversation) -> None:
    await client.reader.read(1)
    client.reset()


async def closes_when_spoken_to(client: Conversation) -> None:
    await client.reader.read(65536)


def says(*pieces: bytes) -> Behaviour:
    """These bytes at once, then silence."""

    async def behaviour(client: Conversation) -> None:
        for piece in pieces:
            await client.send(piece)
        await is_silent(client)

    return behaviour


def says_when_spoken_to(*pieces: bytes, closes: bool = False) -> Behaviour:
    """These bytes after anything has come, then silence or the end."""

    async def behaviour(client: Conversation) -> None:
        await client.reader.read(65536)
        for piece in pieces:
            await client.send(piece)
        if not closes:
            await is_silent(client)

    return behaviour


def floods(piece: bytes, first: bytes = b"", spoken_to: bool = False) -> Behaviour:
    """`first`, then the same bytes without end; after anything has come, or at once."""
    batch = piece * max(1, 16384 // len(piece))

    async def behaviour(client: Conversation) -> None:
        if spoken_to:
            await client.reader.read(65536)
        await client.send(first)
        await client.flood(batch)

    return behaviour


def drips(data: bytes, seconds: float = 0.01) -> Behaviour:
    """One byte each so many seconds, over and over."""

    async def behaviour(client: Conversation) -> None:
        while True:
            for byte in data:
                await client.send(bytes([byte]))
                await asyncio.sleep(seconds)

    return behaviour
