"""`--web.config.file`, in exporter-toolkit's format: TLS, client certificates, users with bcrypt hashes.

Read again when it or a file that it names changes; a new file with mistakes is not applied. What
Python's TLS cannot do (asking for a client certificate without verifying it, choosing curves) is a mistake that
says so. `http2` is taken and changes nothing: the server speaks HTTP/1.1.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.config import document, tree
from exporter.errors import ConfigError, Mistake

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_KEYS = {
    "": ("tls_server_config", "http_server_config", "basic_auth_users"),
    "tls_server_config": (
        *("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version"),
        *("cipher_suites", "prefer_server_cipher_suites"),
    ),
    "http_server_config": ("headers", "http2"),
}
_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
"""Those that exporter-toolkit lets be set."""

_NOT_HERE = ("cert", "key", "client_ca", "client_allowed_sans", "curve_preferences")
"""Keys of exporter-toolkit that would promise what this server does not do."""

_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says; `files` are all that it was made of. No TLS: both contexts are None; no users: open to all.

    `public_context` is the same without asking visitors for a certificate.
    """

    context: ssl.SSLContext | None = None
    public_context: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def read(path: Path) -> WebConfig:
    """The file's content, checked; ConfigError with all mistakes."""
    root, mistakes = document.read(path, {})
    if root is None:
        raise ConfigError(mistakes)
    reading = _Reading(path, root, mistakes)
    found = reading.web_config()
    if reading.mistakes:
        raise ConfigError(reading.mistakes)
    return found


class _Reading:
    def __init__(self, path: Path, root: tree.Block, mistakes: list[Mistake]) -> None:
        self.mistakes = list(mistakes)
        self._path = path
        self._root = root
        self._files = [path]

    def web_config(self) -> WebConfig:
        for section in _KEYS:
            self._only_known_keys(section)
        context, public = self._contexts()
        return WebConfig(context, public, users=self._users(), headers=self._headers(), files=tuple(self._files))

    def _users(self) -> dict[str, bytes]:
        users = self._section("basic_auth_users")
        for name, hashed in users.items():
            if not _BCRYPT.fullmatch(str(hashed)):
                self._wrong(("basic_auth_users", name), "must be a bcrypt hash: 60 characters that begin with $2y$")
        return {name: str(hashed).encode() for name, hashed in users.items()}

    def _headers(self) -> dict[str, str]:
        headers = self._section("http_server_config").get("headers")
        if headers is None:
            return {}
        if not isinstance(headers, tree.Block):
            self._wrong(("http_server_config", "headers"), "must be a mapping")
            return {}
        for name, value in headers.items():
            route = ("http_server_config", "headers", name)
            if name not in _HEADERS:
                self._wrong(route, f"cannot be set; allowed are {', '.join(_HEADERS)}")
            elif not str(value).isprintable():
                self._wrong(route, "must be one line of text")
        return {name: str(value) for name, value in headers.items()}

    def _section(self, name: str) -> dict[str, Any]:
        found = self._root.get(name)
        if found is None:
            return {}
        if not isinstance(found, tree.Block):
            self._wrong((name,), "must be a mapping")
            return {}
        return found

    def _only_known_keys(self, section: str) -> None:
        found = self._section(section) if section else self._root
        for key in found:
            route = (section, key) if section else (key,)
            if section == "tls_server_config" and key in _NOT_HERE:
                self._wrong(route, "a key of exporter-toolkit that is not supported here")
            elif key not in _KEYS[section]:
                self._wrong(route, f"unknown key; allowed are {', '.join(_KEYS[section])}")

    def _contexts(self) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
        """For visitors who may be asked for a certificate, and for those who never are."""
        section = self._section("tls_server_config")
        if not section:
            return None, None
        context = self._context(section)
        self._verify_clients(context, section)
        # Whatever is wrong has been said: a second time would double it.
        return context, None if self.mistakes else self._context(section)

    def _context(self, section: dict[str, Any]) -> ssl.SSLContext:
        missing = [key for key in ("cert_file", "key_file") if not section.get(key)]
        for key in missing:
            self._wrong(("tls_server_config",), f"{key} is missing")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._bound(context, section)
        if not missing:
            self._load(context, section)
        return context

    def _bound(self, context: ssl.SSLContext, section: dict[str, Any]) -> None:
        context.minimum_version = self._choice("min_version", section, _VERSIONS, "TLS12")
        if section.get("max_version"):
            context.maximum_version = self._choice("max_version", section, _VERSIONS, "TLS13")
            if context.maximum_version < context.minimum_version:
                self._wrong(("tls_server_config", "max_version"), "is lower than min_version, which is TLS12 if unsaid")
        self._choose_ciphers(context, section.get("cipher_suites") or [])

    def _choose_ciphers(self, context: ssl.SSLContext, names: object) -> None:
        route = ("tls_server_config", "cipher_suites")
        if not isinstance(names, list):
            self._wrong(route, "must be a list")
            return
        chosen = [_openssl_cipher(str(name)) for name in names]
        for index, name in enumerate(chosen):
            try:
                context.set_ciphers(name)
            except ssl.SSLError:
                self._wrong((*route, index), f"{names[index]!r} is not a cipher suite of TLS 1.2 that OpenSSL offers")
        if chosen and not self.mistakes:
            context.set_ciphers(":".join(chosen))

    def _verify_clients(self, context: ssl.SSLContext, section: dict[str, Any]) -> None:
        kind = str(section.get("client_auth_type"))
        if kind in ("RequestClientCert", "RequireAnyClientCert"):
            self._wrong(("tls_server_config", "client_auth_type"), f"{kind} is not supported: verify what is asked for")
            return
        mode = self._choice("client_auth_type", section, _CLIENTS, "NoClientCert")
        if mode is not ssl.CERT_NONE and not section.get("client_ca_file"):
            self._wrong(("tls_server_config",), "client_ca_file is missing: clients cannot be verified without it")
            return
        if mode is ssl.CERT_NONE and section.get("client_ca_file"):
            self._wrong(
                ("tls_server_config",), "client_auth_type is missing: client_ca_file verifies nobody without it"
            )
        elif section.get("client_ca_file"):
            self._use(lambda file: context.load_verify_locations(file), "client_ca_file", section)
        context.verify_mode = mode

    def _load(self, context: ssl.SSLContext, section: dict[str, Any]) -> None:
        key = self._file(section["key_file"])
        # With no password OpenSSL would ask the terminal for that of an encrypted key.
        self._use(lambda cert: context.load_cert_chain(cert, key, password=""), "cert_file", section)

    def _choice(self, key: str, section: dict[str, Any], choices: Mapping[str, Any], default: str) -> Any:
        found = str(section.get(key, default))
        if found not in choices:
            self._wrong(("tls_server_config", key), f"{found!r} is not one of {', '.join(choices)}")
            found = default
        return choices[found]

    def _use(self, action: Any, key: str, section: dict[str, Any]) -> None:
        file = self._file(section[key])
        try:
            action(file)
        except (OSError, ssl.SSLError) as error:
            self._wrong(("tls_server_config", key), f"cannot use {str(file)!r}: {error.strerror or error}")

    def _file(self, name: object) -> Path:
        file = self._path.parent / str(name)
        self._files.append(file)
        return file

    def _wrong(self, route: tree.Route, message: str) -> None:
        place = tree.place_of(self._root, route)
        self.mistakes.append(Mistake(place[0], place[1], tree.spell(route), message))


def _openssl_cipher(name: str) -> str:
    """OpenSSL's name of a TLS 1.2 suite that is called by its IANA name, as in Go."""
    name = name.removeprefix("TLS_").replace("_WITH_", "_").replace("_", "-").removeprefix("RSA-")
    name = re.sub(r"AES-(128|256)", r"AES\1", name)
    return name.replace("CBC-SHA", "SHA").replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305")
