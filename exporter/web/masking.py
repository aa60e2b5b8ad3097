"""What a module keeps secret, taken out of the texts that tell of its probes.

A server may send back what it was sent, so a secret is looked for everywhere, and not only where it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
_FILES = frozenset({"password_file", "username_file", "credentials_file", "bearer_token_file", "client_secret_file"})


def masked(module: Module, text: str) -> str:
    """`text` without the secrets of `module`, and of URLs."""
    for secret in sorted(_spellings(module), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _USER.sub(f"{MASK}@", text)


def without_headers(text: str) -> str:
    """`text` without the values of headers that are secret between others: `Set-Cookie: <secret>`."""
    return _HEADER.sub(rf"\1{MASK}", text)


def _spellings(module: Module) -> set[str]:
    found = {secret for secret in _secrets(module.options) if len(secret) >= _SHORTEST}
    return found | {quote(secret, safe="") for secret in found}


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
