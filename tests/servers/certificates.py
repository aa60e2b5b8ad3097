"""A certificate authority that lives in a folder, and leaves of every quality.

Keys are EC P-256: a hundred leaves take well under a second. Files are PEM.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key on disk; `expires` is what an exporter should report."""

    certificate: Path
    key: Path
    expires: datetime

    def server_context(self, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """What a server presents; `alpn` are the protocols it offers, best first."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


class Authority:
    """A CA whose certificate is `file`. Names are host names or addresses, the first is the common name."""

    def __init__(self, folder: Path, name: str = "Box CA") -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        self._count = 0
        self.certificate = self._sign_itself()
        self.file = self.folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def leaf(self, *names: str, starts: timedelta = -DAY, ends: timedelta = 90 * DAY, chain: bool = False) -> Leaf:
        """A leaf for `names`, valid from now + `starts` to now + `ends`; `chain` appends the CA's certificate."""
        return self._issue(names, starts, ends, self._subject, self._key, chain)

    def expired(self, *names: str) -> Leaf:
        return self.leaf(*names, starts=-30 * DAY, ends=-DAY)

    def not_yet_valid(self, *names: str) -> Leaf:
        return self.leaf(*names, starts=DAY, ends=30 * DAY)

    def wrong_host(self) -> Leaf:
        return self.leaf("wrong-host.example")

    def self_signed(self, *names: str) -> Leaf:
        """A leaf that nobody vouches for but itself."""
        return self._issue(names, -DAY, 90 * DAY, None, None, False)

    def client_context(self) -> ssl.SSLContext:
        """What a client uses that trusts this CA and no other."""
        return ssl.create_default_context(cafile=str(self.file))

    def _sign_itself(self) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        return (
            _builder(self._subject, self._subject, self._key.public_key(), -2 * DAY, 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _issue(
        self,
        names: tuple[str, ...],
        starts: timedelta,
        ends: timedelta,
        issuer: x509.Name | None,
        issuer_key: ec.EllipticCurvePrivateKey | None,
        chain: bool,
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        signer = issuer_key or key
        subject = _name(names[0])
        certificate = (
            _builder(subject, issuer or subject, key.public_key(), starts, ends)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return self._write(certificate, key, chain)

    def _write(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, chain: bool) -> Leaf:
        self._count += 1
        path = self.folder / f"leaf-{self._count}.pem"
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        path.write_bytes(pem + (self.file.read_bytes() if chain else b""))
        key_path = path.with_suffix(".key")
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Leaf(path, key_path, certificate.not_valid_after_utc)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, starts: timedelta, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
