"""TLS: contexts, the handshake's facts and the certificates as metrics.

Families and labels are blackbox_exporter's. A context is built once per (tls_config, protocols)
because reading a CA store costs milliseconds, and again when one of its files was replaced; a
certificate is parsed once per fingerprint.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exporter.errors import ProbeError
from exporter.model import Family, Reason, SampleKey
from exporter.net.names import cipher_suite, distinguished
from exporter.net.remembering import remembered
from exporter.options import TLSConfig

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FAMILIES = (
    Family("probe_ssl_earliest_cert_expiry", "When the first certificate that the server sent expires, unix seconds."),
    Family(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "When the verified chain that lasts longest expires, unix seconds.",
    ),
    Family(
        "probe_ssl_last_chain_info",
        "The leaf certificate that the server sent.",
        ("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
    ),
    Family("probe_tls_version_info", "The TLS version in use.", ("version",)),
    Family("probe_tls_cipher_info", "The TLS cipher in use.", ("cipher",)),
)

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_LONGEST = 16384  # bytes of a certificate that is remembered: one from a stranger may have six times as many
_DER = 2  # X509_FILETYPE_ASN1
_SPOKEN = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


class CertificateFacts(NamedTuple):
    """Of one certificate: times in unix seconds, names as Go writes them, the rest in lower-case hex."""

    not_after: float
    fingerprint: str
    subject: str
    issuer: str
    alternatives: str
    serial: str


Versions = tuple[tuple[int, int], ...]


class Contexts:
    """Client contexts of one process; `ca_file` replaces the system's store where a tls_config names no CA."""

    def __init__(self, ca_file: str | None = None) -> None:
        self.ca_file = ca_file
        self._made: dict[tuple[TLSConfig, tuple[str, ...]], tuple[Versions, ssl.SSLContext]] = {}

    def get(self, config: TLSConfig, protocols: tuple[str, ...]) -> ssl.SSLContext:
        """The context for `config` that offers `protocols` by ALPN; ProbeError `internal` when a file is unusable."""
        # Not by the name that is asked for: it is no part of a context, and a stranger may ask for any.
        key = (replace(config, server_name=None) if config.server_name else config, protocols)
        made = self._made.get(key)
        try:
            found = versions(config, self.ca_file)
            if made is None or made[0] != found:
                made = self._made[key] = (found, self._build(config, protocols))
        except (OSError, ssl.SSLError) as error:
            if made is None:  # else they are being replaced, and what was good before holds until they are good again
                raise unusable(error) from error
        return made[1]

    def _build(self, config: TLSConfig, protocols: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            _trust(context, config, self.ca_file)
        _bound_versions(context, config)
        if config.cert or config.cert_file:
            _load_client_certificate(context, config)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def unusable(error: Exception) -> ProbeError:
    """`internal`, with the file where it is known."""
    why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
    return ProbeError(Reason.INTERNAL, f"tls_config cannot be used: {why}")


def versions(config: TLSConfig, ca_file: str | None) -> Versions:
    """Which files these are: others when they have been replaced, as certificates are while a program runs."""
    files = (config.ca_file or ca_file, config.cert_file, config.key_file)
    return tuple((found.st_mtime_ns, found.st_ino) for found in map(os.stat, filter(None, files)))


def _trust(context: ssl.SSLContext, config: TLSConfig, ca_file: str | None) -> None:
    if config.ca:
        context.load_verify_locations(cadata=config.ca)
    elif config.ca_file or ca_file:
        context.load_verify_locations(cafile=config.ca_file or ca_file)
    else:
        context.load_default_certs()


def _bound_versions(context: ssl.SSLContext, config: TLSConfig) -> None:
    context.minimum_version = _VERSIONS[config.min_version or "TLS12"]
    if config.max_version:
        context.maximum_version = _VERSIONS[config.max_version]
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        # OpenSSL's default security level refuses the versions that were asked for.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")


def _load_client_certificate(context: ssl.SSLContext, config: TLSConfig) -> None:
    if config.cert_file and config.key_file:
        context.load_cert_chain(config.cert_file, config.key_file)
        return
    # ssl reads client certificates from files only.
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        for text, path in ((config.cert, config.cert_file), (config.key, config.key_file)):
            file.write((text if text is not None else Path(path or "").read_text(encoding="utf-8")) + "\n")
        file.flush()
        context.load_cert_chain(file.name)


def peer_chain(sock: ssl.SSLSocket, verified: bool) -> tuple[bytes, ...]:
    """DER of the certificates that the server sent, leaf first, or of the chain that was verified.

    A chain that was refused counts as sent: OpenSSL 3 keeps it, so no second handshake is needed to
    read it. Empty when the handshake did not come so far. Public as `SSLSocket.get_verified_chain`
    since Python 3.13; before that the same C functions exist behind the socket's private object.
    """
    name = "get_verified_chain" if verified else "get_unverified_chain"
    if hasattr(sock, name):
        return tuple(getattr(sock, name)())
    chain = getattr(getattr(sock, "_sslobj", None), name, None)
    return tuple(item.public_bytes(_DER) for item in chain() or ()) if chain is not None else ()


@remembered(longest=_LONGEST, size=1024)
def read_certificate(der: bytes) -> CertificateFacts:
    """The facts of a DER certificate; ProbeError `tls` when it cannot be read."""
    # Imported here: it costs a worker that speaks no TLS 10 MB.
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        certificate = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            not_after=certificate.not_valid_after_utc.timestamp(),
            fingerprint=certificate.fingerprint(SHA256()).hex(),
            subject=distinguished(certificate.subject),
            issuer=distinguished(certificate.issuer),
            alternatives=_alternatives(certificate),
            serial=_serial(certificate.serial_number),
        )
    except ValueError as error:
        # OpenSSL takes more than the library that reads it does.
        raise ProbeError(Reason.TLS, f"a certificate of the server cannot be read: {str(error)[:200]}") from error


def _serial(number: int) -> str:
    """Whole bytes, as blackbox_exporter writes it: `0abc`, not `abc`, and without the sign that none should have."""
    number = abs(number)
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex()


def _alternatives(certificate: Certificate) -> str:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return ",".join(extension.value.get_values_for_type(x509.DNSName))


@remembered(longest=_LONGEST, size=1024)
def describe(der: bytes) -> str:
    """One line about a certificate for a person."""
    facts = read_certificate(der)
    expiry = datetime.fromtimestamp(facts.not_after, UTC)
    return f"{facts.subject}, issued by {facts.issuer}, expires {expiry:%Y-%m-%d %H:%M} UTC"


def certificate_samples(sent: tuple[bytes, ...], verified: tuple[bytes, ...]) -> Mapping[SampleKey, float]:
    """The certificate families for what the server sent and what was verified."""
    if not sent:
        return {}
    short = sum(map(len, sent)) <= _LONGEST
    return (_certificate_samples if short else _certificate_samples.__wrapped__)(sent, verified)


@lru_cache(maxsize=1024)
def _certificate_samples(sent: tuple[bytes, ...], verified: tuple[bytes, ...]) -> Mapping[SampleKey, float]:
    leaf = read_certificate(sent[0])
    samples: dict[SampleKey, float] = {
        "probe_ssl_earliest_cert_expiry": min(read_certificate(der).not_after for der in sent),
        (
            "probe_ssl_last_chain_info",
            leaf.fingerprint,
            leaf.subject,
            leaf.issuer,
            leaf.alternatives,
            leaf.serial,
        ): 1.0,
    }
    if verified:
        expiry = min(read_certificate(der).not_after for der in verified)
        samples["probe_ssl_last_chain_expiry_timestamp_seconds"] = expiry
    return samples


def session_samples(version: str, cipher: str) -> dict[SampleKey, float]:
    """The version and cipher families of a finished handshake, both as OpenSSL names them."""
    return {
        ("probe_tls_version_info", _SPOKEN.get(version, version)): 1.0,
        ("probe_tls_cipher_info", cipher_suite(cipher) if cipher else ""): 1.0,
    }
