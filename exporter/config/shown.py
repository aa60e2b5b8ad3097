"""The configuration as people may see it: what was written, secrets as `<secret>`, variables unresolved."""

from __future__ import annotations

import re
from typing import Any

from exporter.config.tree import Block, Items, child, write
from exporter.options import Secret

_MASK = "<secret>"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_PROXY = re.compile(r"[a-z0-9]+://[^/?#\s]+/?")
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"})


def mask(block: Block | Items, options: Any) -> None:
    """Remember in `block` which of its values `options`, made from it, calls secret."""
    for key in block.places:
        written, value = child(block, key), _inside(options, key)
        if isinstance(value, Secret):
            block.shown[key] = _masked(value)
        elif isinstance(written, Block | Items) and value is not written:  # else it is read later
            mask(written, value)


def _masked(secret: str) -> str:
    """A proxy's address stays readable, its credentials do not."""
    return _CREDENTIALS.sub(_MASK, secret) if _PROXY.fullmatch(secret) else _MASK


def _inside(value: Any, key: str | int) -> Any:
    if isinstance(value, dict | tuple):
        return value[key] if isinstance(value, dict) or key in range(len(value)) else None  # type: ignore[index]
    return getattr(value, str(key), None)


def text(root: Block) -> str:
    """YAML of a block, without its secrets."""
    return write(_plain(root))


def _plain(value: Any, secret: bool = False) -> Any:
    """`secret` is whether the lists in a block are, because its key is a header's name."""
    if isinstance(value, Block):
        lists = {key for key in value if secret and isinstance(value[key], Items)}
        return {key: _entry(value, key, key in lists or key.lower() in _HEADERS) for key in value}
    if isinstance(value, Items):
        return [_entry(value, index, False) for index in range(len(value))]
    return value


def _entry(container: Any, key: str | int, secret: bool) -> Any:
    value = container.shown.get(key, container[key])
    if secret and not isinstance(value, Block):
        return [_MASK for _ in value] if isinstance(value, Items) else _MASK
    return _CREDENTIALS.sub(_MASK, value) if isinstance(value, str) else _plain(value, secret)
