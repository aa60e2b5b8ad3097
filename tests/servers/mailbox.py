"""A mail server that keeps what it is given: SMTP (RFC 5321) with STARTTLS and AUTH PLAIN, both required."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.servers.listener import Listener, Listening, streams

OnMail = Callable[[EmailMessage], Awaitable[None]]
_OK = "250 OK"


class Mailbox(Listening):
    """Hands every mail to `on_mail`; `smarthost` is host:port. A wrong password is refused with 535."""

    def __init__(self, tls: ssl.SSLContext, password: str, on_mail: OnMail) -> None:
        self._tls = tls
        self._password = password
        self._on_mail = on_mail
        self._listener = Listener(self._serve)

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self._listener.port}"

    async def _serve(self, connection: socket.socket) -> None:
        async with streams(connection) as (reader, writer):
            _say(writer, "220 mailbox")
            encrypted = trusted = False
            while line := (await reader.readline()).decode().strip():
                command = line.split()[0].upper()
                if command == "STARTTLS":
                    _say(writer, "220 go ahead")
                    await writer.start_tls(self._tls)
                    encrypted = True
                elif command == "AUTH":
                    trusted = encrypted and self._knows(line)
                    _say(writer, "235 welcome" if trusted else "535 wrong password")
                elif command == "DATA" and trusted:
                    await self._receive(reader, writer)
                else:
                    _say(writer, _answer(command, encrypted, trusted))
                if command == "QUIT":
                    return

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _say(writer, "354 end with a dot")
        text = await reader.readuntil(b"\r\n.\r\n")
        mail = message_from_bytes(text[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        await self._on_mail(mail)
        _say(writer, _OK)

    def _knows(self, line: str) -> bool:
        mechanism, _, encoded = line.partition(" ")[2].partition(" ")
        return mechanism.upper() == "PLAIN" and base64.b64decode(encoded).endswith(f"\0{self._password}".encode())


def _answer(command: str, encrypted: bool, trusted: bool) -> str:
    if command in ("EHLO", "HELO"):
        return f"250-mailbox\r\n250 {'AUTH PLAIN' if encrypted else 'STARTTLS'}"
    if command in ("MAIL", "RCPT", "DATA") and not trusted:
        return "530 authentication required"
    return "221 bye" if command == "QUIT" else _OK


def _say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(f"{line}\r\n".encode())
