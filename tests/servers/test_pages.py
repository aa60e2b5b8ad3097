"""The receiver of pages hears only those who know its secrets; otherwise a test could not tell that they were read."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import pytest

from tests.servers.pages import EMAIL, Pages


def mail(subject: str, body: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "a@example.com", "b@example.com"
    message.set_content(body)
    return message


def send(smarthost: str, trusted: str, password: str, message: EmailMessage) -> None:
    host, _, port = smarthost.partition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.starttls(context=ssl.create_default_context(cafile=trusted))
        client.login("outage-exporter@example.com", password)
        client.send_message(message)


def password_of(pages: Pages, folder: Path) -> str:
    pages.write_config(folder)
    return (folder / "secrets" / "smtp_password").read_text(encoding="utf-8")


async def test_a_mail_arrives_as_it_was_written(tmp_path: Path) -> None:
    async with Pages() as pages:
        message = mail("[RESOLVED] é", "first\n.second begins with a dot\n")
        trusted = pages.environment["SSL_CERT_FILE"]
        await asyncio.to_thread(send, pages.smarthost, trusted, password_of(pages, tmp_path), message)
        notice = await pages.until(lambda notice: notice.channel == EMAIL)
        assert (notice.title, notice.body) == ("[RESOLVED] é", "first\n.second begins with a dot")
        assert notice.resolved


async def test_a_mail_with_a_wrong_password_is_refused() -> None:
    async with Pages() as pages:
        arguments = (pages.smarthost, pages.environment["SSL_CERT_FILE"], "wrong", mail("a", "b"))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(send, *arguments)
        assert pages.notices == []


async def test_a_page_with_a_wrong_key_is_refused() -> None:
    async with Pages() as pages, aiohttp.ClientSession() as session:
        async with session.post(f"{pages.url}/v2/enqueue", json={"routing_key": "wrong"}) as answer:
            assert answer.status == 400
        async with session.post(f"{pages.url}/deadman/x", json={}) as answer:
            assert answer.status == 401
        assert pages.notices == []


async def test_waiting_in_vain_says_what_came_instead() -> None:
    async with Pages() as pages:
        with pytest.raises(AssertionError, match=r"not within 0\.01 s; there were \[\]"):
            await pages.until(lambda notice: notice.channel == EMAIL, within=0.01)
