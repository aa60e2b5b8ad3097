"""Styles and scripts: a few files, read once, and a hash of each, by which a new one has a new address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def assets() -> Mapping[str, bytes]:
    """Every file of `static/`, by its name."""
    folder = resources.files("exporter.web").joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@cache
def version(name: str) -> str:
    """The first digits of a hash of the file; KeyError when there is none of that name."""
    return hashlib.blake2b(assets()[name], digest_size=6).hexdigest()
