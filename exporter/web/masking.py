"""What a module keeps secret, taken out of the texts that tell of its probes.

A server may send back what it was sent, so a secret is looked for everywhere, and not only where it was written.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from exporter.client import Authorization, BasicAuth
from exporter.errors import ProbeError
from exporter.model import Module
from exporter.options import Secret

MASK = "<secret>"

_SHORTEST = 4
"""Characters; what is shorter stands in any text by chance, and would not be found in the holes."""

_NAMES = "authorization|cookie|token|secret|password|api-?key"
_SENSITIVE = re.compile(_NAMES, re.IGNORECASE)
_HEADER = re.compile(rf"^(\s*[\w-]*(?:{_NAMES})[\w-]*: ).*$", re.IGNORECASE | re.MULTILINE)
_USER = re.compile(r"(?<=://)[^/?#\s'\"]*@")
_ACCOUNT = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?([^/?#]*)@", re.IGNORECASE)
_FILES = frozenset({"password_file", "username_file", "credentials_file", "bearer_token_file", "client_secret_file"})


def hiding(module: Module, target: str) -> Callable[[str], str]:
    """What takes the secrets of `module` and the account of `target` out of a text, and accounts out of its URLs."""
    accounts = {f"{account}@": f"{MASK}@" for account in _accounts(target)}
    secrets = {secret for secret in (*_secrets(module.options), *_sent_for(target)) if len(secret) >= _SHORTEST}
    replaced = accounts | {spelled: MASK for secret in secrets for spelled in (secret, quote(secret, safe=""))}
    replaced |= {repr(found)[1:-1]: mask for found, mask in replaced.items()}
    order = sorted(replaced, key=len, reverse=True)

    def hide(text: str) -> str:
        for found in order:
            text = text.replace(found, replaced[found])
        return _USER.sub(f"{MASK}@", text)

    return hide


def without_headers(text: str) -> str:
    """`text` without the values of headers that are secret between others: `Set-Cookie: <secret>`."""
    return _HEADER.sub(rf"\1{MASK}", text)


def _accounts(target: str) -> Iterator[str]:
    """What stands before the @ of a URL, or of a target without a scheme."""
    match = _ACCOUNT.match(target)
    if match and match[1]:
        yield match[1]


def _sent_for(target: str) -> Iterator[str]:
    """The password of a target, and what a server is sent for its account."""
    for account in _accounts(target):
        user, _, password = account.partition(":")
        yield from (password, unquote(password))
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        yield str(value)
    elif isinstance(value, BasicAuth | Authorization):
        yield from _sent(value)
        yield from _of_fields(value)
    elif is_dataclass(value):
        yield from _of_fields(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            sensitive = isinstance(item, str) and _SENSITIVE.search(str(name))
            yield from (item,) if sensitive else _secrets(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item)


def _of_fields(block: Any) -> Iterator[str]:
    for field in fields(block):
        value = getattr(block, field.name)
        if field.name in _FILES and value:
            yield from _read(value)
        elif field.name == "files":
            for file in value:
                yield from _read(file)
        else:
            yield from _secrets(value)


def _sent(block: BasicAuth | Authorization) -> Iterator[str]:
    """The credentials as they stand in a header."""
    try:
        yield block.value().partition(" ")[2]
    except ProbeError:
        return


def _read(file: str) -> Iterator[str]:
    try:
        yield Path(file).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return
