"""Certificates with more to them than a plain authority's: an intermediate, long subjects, all kinds of names."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

_JURISDICTION = ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.3")
_KEYS = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip

EXTENDED = x509.Name(
    [
        x509.NameAttribute(_JURISDICTION, "DE"),
        x509.NameAttribute(NameOID.BUSINESS_CATEGORY, "Private Organization"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "HRB 12345"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Bayern"),
        x509.NameAttribute(NameOID.LOCALITY_NAME, "M\xfcnchen"),
        x509.NameAttribute(NameOID.POSTAL_CODE, "80331"),
        x509.NameAttribute(NameOID.STREET_ADDRESS, "Weg 1"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Box, "Sons" + Co; <K\\G> = #1'),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "#1"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, " two "),
        x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
    ]
)
"""As authorities that ask for papers write it, and every character that must be escaped."""
PERSONAL = x509.Name(
    [
        x509.RelativeDistinguishedName(attributes)
        for attributes in (
            [x509.NameAttribute(NameOID.COMMON_NAME, "box"), x509.NameAttribute(NameOID.USER_ID, "17")],
            [x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example")],
            [x509.NameAttribute(NameOID.EMAIL_ADDRESS, "box@example.com")],
            [x509.NameAttribute(NameOID.GIVEN_NAME, "Box")],
        )
    ]
)
"""As a directory writes it."""


class Chain:
    """A root, `file`, and an intermediate that it vouches for until `ends`; leaves are the intermediate's."""

    def __init__(self, folder: Path, name: str, ends: timedelta = timedelta(days=365)) -> None:
        folder.mkdir()
        self._folder = folder
        self._root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root, self._name = _named(f"{name} Root"), _named(f"{name} Intermediate")
        self.root = _made(root, root, self._root_key, self._root_key, timedelta(days=3650), _authority(1))
        self.intermediate = _made(self._name, root, self._key, self._root_key, ends, _authority(0))
        self.file = folder / "root.pem"
        self.file.write_bytes(_pem(self.root))

    def context(
        self, subject: x509.Name, *names: x509.GeneralName, serial: int = 0, whole: bool = True, root: bool = False
    ) -> ssl.SSLContext:
        """What a server presents: a leaf for `names`, with the intermediate if `whole`, and with the root."""
        key = ec.generate_private_key(ec.SECP256R1())
        shown = [x509.SubjectAlternativeName(names)] if names else []
        leaf = _made(subject, self._name, key, self._key, timedelta(days=90), shown, serial)
        chain = [leaf, *([self.intermediate] if whole else []), *([self.root] if root else [])]
        file = self._folder / f"{leaf.serial_number}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + b"".join(map(_pem, chain)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


LOCAL = (
    x509.DNSName("localhost"),
    x509.DNSName("*.example"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
    x509.RFC822Name("box@example.com"),
    x509.UniformResourceIdentifier("https://box.example/"),
    x509.DNSName("xn--bcher-kva.example"),
)
"""Names of every kind."""


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority(below: int) -> list[x509.ExtensionType]:
    return [x509.BasicConstraints(ca=True, path_length=below), _KEYS]


def _made(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    ends: timedelta,
    extensions: list[x509.ExtensionType],
    serial: int = 0,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + ends)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def contexts(folder: Path) -> tuple[Path, dict[str, ssl.SSLContext]]:
    """The root's file, and what servers present below it."""
    chain, soon = Chain(folder / "chain", "Box"), Chain(folder / "soon", "Soon", timedelta(hours=2))
    trusted = folder / "roots.pem"
    trusted.write_bytes(chain.file.read_bytes() + soon.file.read_bytes())
    subject = _named("localhost")
    return trusted, {
        "chained": chain.context(subject, *LOCAL, serial=0x0ABC),
        "chained with the root": chain.context(subject, *LOCAL, root=True),
        "chained without the intermediate": chain.context(subject, *LOCAL, whole=False),
        "chained, ends soon": soon.context(subject, *LOCAL),
        "extended subject": chain.context(EXTENDED, *LOCAL),
        "personal subject": chain.context(PERSONAL, *LOCAL),
        "no subject": chain.context(x509.Name([]), *LOCAL),
        "no alternative name": chain.context(subject),
    }
