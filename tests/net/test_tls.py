"""A handshake that fails is `tls` and says why; the certificate is read even when it is refused."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from exporter.dialogue import Step
from exporter.model import NetworkOptions, Reason
from exporter.options import TLSConfig
from tests.probing import probe
from tests.servers.certificates import DAY, Authority, Leaf
from tests.servers.torture import (
    Torture,
    closes_at_once,
    echo,
    never_answers,
    not_http,
    resets_before_tls,
    smtp,
)

BANNER = (Step(expect="^220 box ready$"),)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def shake(
    server: Torture, authority: Authority, within: float = 5.0, through: str | None = None, **config: Any
) -> Any:
    network = NetworkOptions(ca_file=str(authority.file))
    target = f"localhost:{server.port}"
    tls_config = TLSConfig(**config)
    return await probe(
        "tcp",
        target,
        within=within,
        through=through,
        network=network,
        tls=True,
        tls_config=tls_config,
        preferred_ip_protocol="ip4",
    )


REFUSED: dict[str, tuple[Callable[[Authority], Leaf], str]] = {
    "expired": (lambda authority: authority.expired("localhost"), "certificate has expired"),
    "not yet valid": (lambda authority: authority.not_yet_valid("localhost"), "not yet valid"),
    "self-signed": (lambda authority: authority.self_signed("localhost"), "self-signed certificate"),
    "another host's": (lambda authority: authority.wrong_host(), "not valid for 'localhost'"),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("quality", REFUSED)
async def test_a_refused_certificate_is_tls_and_its_expiry_is_known_from_one_connection(
    authority: Authority, quality: str, version: ssl.TLSVersion
) -> None:
    make, expected = REFUSED[quality]
    leaf = make(authority)
    context = leaf.server_context()
    context.maximum_version = version
    async with Torture(echo, tls=context) as server:
        result = await shake(server, authority)
        assert server.connections == 1
    assert result.reason is Reason.TLS
    assert expected in result.message
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in result.samples
    assert set(result.phases) == {"resolve", "connect", "tls"}


async def test_a_certificate_refused_after_starttls_is_read_too(authority: Authority) -> None:
    leaf = authority.expired("localhost")
    async with Torture(smtp(leaf.server_context())) as server:
        steps = (Step(expect="^220", send="STARTTLS"), Step(expect="^220", starttls=True))
        result = await probe(
            "tcp",
            f"localhost:{server.port}",
            network=NetworkOptions(ca_file=str(authority.file)),
            query_response=steps,
            preferred_ip_protocol="ip4",
        )
        assert server.connections == 1
    assert result.reason is Reason.TLS
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()


async def test_the_earliest_expiry_is_of_what_was_sent_and_the_chain_s_of_what_was_verified(
    authority: Authority,
) -> None:
    leaf = authority.leaf("localhost", chain=True)
    async with Torture(echo, tls=leaf.server_context()) as server:
        result = await shake(server, authority)
    assert result.ok, result.message
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()
    assert result.samples["probe_ssl_last_chain_expiry_timestamp_seconds"] == leaf.expires.timestamp()
    assert "CN=localhost" in result.facts["certificate"]


@pytest.mark.parametrize("quality", REFUSED)
async def test_insecure_skip_verify_accepts_any_certificate(authority: Authority, quality: str) -> None:
    leaf = REFUSED[quality][0](authority)
    async with Torture(echo, tls=leaf.server_context()) as server:
        result = await shake(server, authority, insecure_skip_verify=True)
    assert result.ok, result.message
    assert result.samples["probe_ssl_earliest_cert_expiry"] == leaf.expires.timestamp()


async def test_server_name_is_what_is_verified(authority: Authority) -> None:
    async with Torture(echo, tls=authority.leaf("mail.example").server_context()) as server:
        assert (await shake(server, authority)).reason is Reason.TLS
        assert (await shake(server, authority, server_name="mail.example")).ok


async def test_an_address_is_verified_against_the_addresses_of_the_certificate(authority: Authority) -> None:
    network = NetworkOptions(ca_file=str(authority.file))
    for names, ok in ((("127.0.0.1",), True), (("localhost",), False)):
        async with Torture(echo, tls=authority.leaf(*names).server_context()) as server:
            assert (await probe("tcp", f"127.0.0.1:{server.port}", network=network, tls=True)).ok is ok


@pytest.mark.parametrize(
    ("version", "spoken"), [(ssl.TLSVersion.TLSv1_2, "TLS 1.2"), (ssl.TLSVersion.TLSv1_3, "TLS 1.3")]
)
async def test_the_version_in_use_is_told(authority: Authority, version: ssl.TLSVersion, spoken: str) -> None:
    context = authority.leaf("localhost").server_context()
    context.maximum_version = version
    async with Torture(echo, tls=context) as server:
        result = await shake(server, authority)
    assert result.samples["probe_tls_version_info", spoken] == 1.0


async def test_versions_that_do_not_meet_are_tls(authority: Authority) -> None:
    context = authority.leaf("localhost").server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Torture(echo, tls=context) as server:
        result = await shake(server, authority, min_version="TLS13")
        assert result.reason is Reason.TLS
        assert (await shake(server, authority, max_version="TLS12")).ok


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_version_is_spoken_when_it_is_asked_for(authority: Authority) -> None:
    context = authority.leaf("localhost").server_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1
    async with Torture(echo, tls=context) as server:
        assert (await shake(server, authority)).reason is Reason.TLS
        result = await shake(server, authority, min_version="TLS10")
    assert result.samples["probe_tls_version_info", "TLS 1.0"] == 1.0


def client_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    now = datetime.now(UTC)
    signed = builder.not_valid_before(now - DAY).not_valid_after(now + DAY).sign(private, hashes.SHA256())
    certificate, key = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key


async def test_a_client_certificate_is_shown_to_who_asks_for_it(authority: Authority, tmp_path: Path) -> None:
    context = authority.leaf("localhost").server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # in TLS 1.3 the refusal comes after the handshake
    certificate, key = client_certificate(tmp_path)
    context.load_verify_locations(cafile=certificate)
    async with Torture(echo, tls=context) as server:
        assert (await shake(server, authority)).reason is Reason.TLS
        assert (await shake(server, authority, cert_file=str(certificate), key_file=str(key))).ok
        assert (await shake(server, authority, cert=certificate.read_text(), key=key.read_text())).ok


@pytest.mark.parametrize("behaviour", [closes_at_once, resets_before_tls, not_http, echo])
async def test_a_server_that_speaks_no_tls_is_tls(authority: Authority, behaviour: Any) -> None:
    async with Torture(behaviour) as server:
        result = await shake(server, authority, within=0.5)
    assert result.reason is Reason.TLS


async def test_an_unanswered_handshake_is_tls_at_the_deadline(authority: Authority) -> None:
    async with Torture(never_answers) as server:
        result = await shake(server, authority, within=0.3)
    assert result.reason is Reason.TLS
    assert result.phases["tls"] == pytest.approx(0.3, abs=0.1)


async def test_a_key_that_cannot_be_used_is_our_own_fault(authority: Authority, tmp_path: Path) -> None:
    broken = tmp_path / "key.pem"
    broken.write_text("no key")
    leaf = authority.leaf("client")
    async with Torture(echo, tls=authority.leaf("localhost").server_context()) as server:
        result = await shake(server, authority, cert_file=str(leaf.certificate), key_file=str(broken))
    assert result.reason is Reason.INTERNAL
