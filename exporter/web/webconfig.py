"""`--web.config.file`, in exporter-toolkit's format: TLS, client certificates, users with bcrypt hashes.

Read again when it or a file that it names changes; a new file with mistakes is not applied. What
Python's TLS cannot do (asking for a client certificate without verifying it) is a mistake that says so.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.config import tree
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
    "tls_server_config": ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version"),
    "http_server_config": ("headers",),
}


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says; `files` are all that it was made of. No TLS: `context` is None; no users: open to all."""

    context: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def read(path: Path) -> WebConfig:
    """The file's content, checked; ConfigError with all mistakes."""
    root, mistakes = tree.read(path, {})
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
        users = self._section("basic_auth_users")
        for name, hashed in users.items():
            if not str(hashed).startswith(("$2a$", "$2b$", "$2y$")):
                self._wrong(("basic_auth_users", name), "must be a bcrypt hash, which begins with $2y$")
        headers = self._section("http_server_config").get("headers") or {}
        return WebConfig(
            context=self._context(),
            users={name: str(hashed).encode() for name, hashed in users.items()},
            headers={name: str(value) for name, value in headers.items()},
            files=tuple(self._files),
        )

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
            if key not in _KEYS[section]:
                route = (section, key) if section else (key,)
                self._wrong(route, f"unknown key; allowed are {', '.join(_KEYS[section])}")

    def _context(self) -> ssl.SSLContext | None:
        section = self._section("tls_server_config")
        if not section:
            return None
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
        kind = section.get("client_auth_type")
        if kind in ("RequestClientCert", "RequireAnyClientCert"):
            self._wrong(("tls_server_config", "client_auth_type"), f"{kind} is not supported: verify what is asked for")
            return
        mode = self._choice("client_auth_type", section, _CLIENTS, "NoClientCert")
        if mode is not ssl.CERT_NONE and not section.get("client_ca_file"):
            self._wrong(("tls_server_config",), "client_ca_file is missing: clients cannot be verified without it")
            return
        if section.get("client_ca_file"):
            self._use(lambda file: context.load_verify_locations(file), "client_ca_file", section)
        context.verify_mode = mode

    def _load(self, context: ssl.SSLContext, section: dict[str, Any]) -> None:
        key = self._file(section["key_file"])
        self._use(lambda cert: context.load_cert_chain(cert, key), "cert_file", section)

    def _choice(self, key: str, section: dict[str, Any], choices: Mapping[str, Any], default: str) -> Any:
        found = section.get(key, default)
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
