"""Certificates are replaced while the program runs, by cert-manager and others: the next probe has the new ones."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from exporter import attempt
from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from exporter.options import TLSConfig
from tests.probes.http_probing import pair
from tests.servers.certificates import Authority, Leaf
from tests.servers.torture import Conversation, Torture, answers


def replaced(file: Path, by: Path) -> None:
    """In one step, as those who rotate do it."""
    new = file.with_suffix(".new")
    new.write_bytes(by.read_bytes())
    os.replace(new, file)


async def test_another_authority_is_trusted_when_its_file_is_replaced(tmp_path: Path) -> None:
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    file = tmp_path / "ca.pem"
    replaced(file, old.file)
    network = Network(NetworkOptions())
    async with Torture(answers(), tls=new.leaf("localhost").server_context()) as server:
        asked = pair(f"https://localhost:{server.port}/", tls_config=TLSConfig(ca_file=str(file)))
        assert (await attempt.run(asked, network)).reason is Reason.TLS
        replaced(file, new.file)
        assert (await attempt.run(asked, network)).ok


@pytest.mark.parametrize("how", ["empty", "gone"])
async def test_what_was_good_holds_while_a_file_is_being_replaced(tmp_path: Path, how: str) -> None:
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    file = tmp_path / "ca.pem"
    replaced(file, old.file)
    network = Network(NetworkOptions())
    async with (
        Torture(answers(), tls=old.leaf("localhost").server_context()) as before,
        Torture(answers(), tls=new.leaf("localhost").server_context()) as after,
    ):
        config = TLSConfig(ca_file=str(file))
        known, unknown = (pair(f"https://localhost:{one.port}/", tls_config=config) for one in (before, after))
        assert (await attempt.run(known, network)).ok
        if how == "gone":
            file.unlink()
        else:
            file.write_bytes(b"")
        assert (await attempt.run(known, network)).ok
        replaced(file, new.file)
        assert (await attempt.run(unknown, network)).ok
        assert (await attempt.run(known, network)).reason is Reason.TLS


async def test_a_file_that_was_never_there_is_named(tmp_path: Path) -> None:
    async with Torture(answers()) as server:
        asked = pair(server.url.replace("http", "https"), tls_config=TLSConfig(ca_file=str(tmp_path / "missing.pem")))
        result = await attempt.run(asked, Network(NetworkOptions()))
    assert result.reason is Reason.INTERNAL
    assert result.message == f"tls_config cannot be used: {tmp_path}/missing.pem: No such file or directory"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


async def test_a_client_shows_the_certificate_that_its_file_holds_now(authority: Authority, tmp_path: Path) -> None:
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    shown: list[str] = []

    async def notes(client: Conversation) -> None:
        session: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
        shown.append(str(dict(part[0] for part in session.getpeercert()["subject"])["commonName"]))
        await answers()(client)

    def rotate(leaf: Leaf) -> None:
        replaced(certificate, leaf.certificate)
        replaced(key, leaf.key)

    context = authority.leaf("localhost").server_context()
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    config = TLSConfig(ca_file=str(authority.file), cert_file=str(certificate), key_file=str(key))
    network = Network(NetworkOptions())
    async with Torture(notes, tls=context) as server:
        asked = pair(f"https://localhost:{server.port}/", tls_config=config)
        for name in ("first", "first", "second"):
            if name not in shown:
                rotate(authority.leaf(name))
            result = await attempt.run(asked, network)
            assert result.ok, result.message
    assert shown == ["first", "first", "second"]
