"""Ciphers and subjects have the names that blackbox_exporter gives them, so that what selects them goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.names import cipher_suite, distinguished
from exporter.net.tls import read_certificate
from tests.blackbox.certificates import EXTENDED, PERSONAL

_EXTENDED = (
    r"SERIALNUMBER=HRB 12345,CN=localhost,OU=\#1+OU=\ two\ ,O=Box\, \"Sons\" \+ Co\; \<K\\G\> = #1,"
    "POSTALCODE=80331,STREET=Weg 1,L=M\xfcnchen,ST=Bayern,C=DE,"
    "2.5.4.15=#131450726976617465204f7267616e697a6174696f6e,1.3.6.1.4.1.311.60.2.1.3=#13024445"
)
_PERSONAL = (
    "CN=box,2.5.4.42=#1303426f78,1.2.840.113549.1.9.1=#0c0f626f78406578616d706c652e636f6d,"
    "0.9.2342.19200300.100.1.25=#13076578616d706c65,0.9.2342.19200300.100.1.1=#13023137"
)


@pytest.mark.parametrize(
    ("openssl", "standard"),
    [
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("ECDHE-RSA-AES128-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
        ("ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
        ("AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
        ("AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"),
        ("DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        ("DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("", ""),
    ],
)
def test_a_cipher_has_its_standard_name(openssl: str, standard: str) -> None:
    assert cipher_suite(openssl) == standard


@pytest.mark.parametrize(("name", "written"), [(EXTENDED, _EXTENDED), (PERSONAL, _PERSONAL), (x509.Name([]), "")])
def test_a_subject_is_written_in_the_order_of_go(name: x509.Name, written: str) -> None:
    """As blackbox_exporter shows certificates with these subjects; the matrix asks it."""
    assert distinguished(name) == written


@pytest.fixture(scope="module")
def served() -> bytes:
    """A certificate with the serial number 0x0105, as a server sends it."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0x0105, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_serial_number_below_zero_is_read_too(served: bytes) -> None:
    assert served.count(b"\2\2\1\5") == 1
    assert read_certificate(served).serial == "0105"
    assert read_certificate(served.replace(b"\2\2\1\5", b"\2\2\xfe\xfb")).serial == "0105"


def test_a_certificate_that_cannot_be_read_is_the_servers_fault(served: bytes) -> None:
    with pytest.raises(ProbeError, match="cannot be read") as caught:
        read_certificate(served.replace(b"\2\2\1\5", b"\2\2\0\5"))
    assert caught.value.reason is Reason.TLS
