"""What a `tls_config` means where no ssl.SSLContext does the handshake, as in QUIC: whom we trust, and who we are.

Certificates are verified by OpenSSL against the same authorities as elsewhere, and names as RFC 9525 has it. The
libraries come with the extra `http3`, so this module is imported with it and not before.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from exporter.net.tls import Contexts, Versions, unusable, versions
from exporter.options import TLSConfig


class Identity:
    """Made once per tls_config and its files, because reading authorities costs milliseconds."""

    def __init__(self, config: TLSConfig, ca_file: str | None) -> None:
        self._config = config
        self._ca_file = ca_file

    @cached_property
    def certificates(self) -> list[x509.Certificate]:
        """Those that the client shows, its own first; empty when it has none."""
        pem = _text(self._config.cert, self._config.cert_file)
        return x509.load_pem_x509_certificates(pem) if pem else []

    @cached_property
    def key(self) -> PrivateKeyTypes | None:
        """Of the client's certificate."""
        pem = _text(self._config.key, self._config.key_file)
        return load_pem_private_key(pem, None) if pem else None

    def verified(self, sent: Sequence[x509.Certificate], host: str) -> tuple[bytes, ...]:
        """DER of the chain from the leaf that was sent to an authority; ValueError says why there is none."""
        leaf, *others = (crypto.X509.from_cryptography(certificate) for certificate in sent)
        try:
            chain = crypto.X509StoreContext(self._store, leaf, others).get_verified_chain()
        except crypto.X509StoreContextError as error:
            raise ValueError(str(error)) from error
        try:
            _check_purpose(sent[0])
            _check_name(sent[0], host)
        except x509.DuplicateExtension as error:
            raise ValueError(str(error)) from error
        return tuple(certificate.to_cryptography().public_bytes(Encoding.DER) for certificate in chain)

    @cached_property
    def _store(self) -> crypto.X509Store:
        store = crypto.X509Store()
        file = self._config.ca_file or self._ca_file
        if self._config.ca:
            for certificate in x509.load_pem_x509_certificates(self._config.ca.encode()):
                store.add_cert(crypto.X509.from_cryptography(certificate))
        elif file:
            store.load_locations(file)
        else:
            paths = ssl.get_default_verify_paths()
            store.load_locations(paths.cafile, paths.capath or paths.openssl_capath)
        return store

    def load(self) -> None:
        """Read everything now; OSError, ValueError or crypto.Error when a file is unusable."""
        if not self._config.insecure_skip_verify:
            _ = self._store
        _ = self.certificates, self.key


def identity_for(contexts: Contexts, config: TLSConfig) -> Identity:
    """The one for `config` beside `contexts`; ProbeError `internal` when it cannot be used."""
    key = replace(config, server_name=None)  # no part of it, and a stranger may ask for any
    known = _made.setdefault(contexts, {})
    made = known.get(key)
    try:
        found = versions(config, contexts.ca_file)
        if made is None or made[0] != found:
            identity = Identity(key, contexts.ca_file)
            identity.load()
            made = known[key] = (found, identity)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, crypto.Error) as error:
        if made is None:  # as with other contexts, what was good before holds
            raise unusable(error) from error
    return made[1]


_made: WeakKeyDictionary[Contexts, dict[TLSConfig, tuple[Versions, Identity]]] = WeakKeyDictionary()


def _text(text: str | None, file: str | None) -> bytes:
    return text.encode() if text is not None else Path(file).read_bytes() if file else b""


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        purposes = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    if not purposes & {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        raise ValueError("unsuitable certificate purpose")


def _check_name(leaf: x509.Certificate, host: str) -> None:
    try:
        if _is_address(host):
            verify_certificate_ip_address(leaf, host)
        else:
            verify_certificate_hostname(leaf, host)
    except (CertificateError, VerificationError) as error:
        kind = "IP address" if _is_address(host) else "Hostname"
        raise ValueError(f"{kind} mismatch, certificate is not valid for {host!r}") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def der(certificates: Sequence[x509.Certificate]) -> Iterator[bytes]:
    """Each as DER."""
    return (certificate.public_bytes(Encoding.DER) for certificate in certificates)
