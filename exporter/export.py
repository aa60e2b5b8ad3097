"""The public pages of a running exporter as files in a folder, for any web server: `outage-exporter export DIR`.

A file is written whole or not at all, and only when it is another than what is there. What an earlier export wrote and
this one does not have is removed; `MANIFEST` remembers what that was. Nothing else in the folder is touched.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

MANIFEST = ".outage-exporter"

LARGEST = 256 << 20
"""Bytes of an export: hundreds of services have less."""

_END = bytes(2 * tarfile.BLOCKSIZE)
_TIMEOUT = 30.0  # seconds without a byte
_WHY = {
    HTTPStatus.UNAUTHORIZED: "it asks for a password; name its public address",
    HTTPStatus.NOT_FOUND: "there is no export at that address",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many files there are now, and what was done."""

    files: int
    written: int
    removed: int


def export(url: str, folder: Path) -> Outcome:
    """Make `folder` what the exporter at `url` shows now. OSError says in a sentence what went wrong."""
    address = _address(url)
    files = _unpacked(_fetched(address), address)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _manifest(folder)
        # Noted before and after, so that what an export wrote that was broken off is known too.
        _note(folder, before | files.keys())
        # Pages last, so that none is there before what it needs.
        order = sorted(files, key=lambda name: (name.endswith(".html"), name))
        written = sum([_write(_placed(folder, name), files[name]) for name in order])
        removed = sum([_remove(folder, name) for name in before - files.keys()])
        _note(folder, files.keys())
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror or error}") from error
    return Outcome(len(files), written, removed)


def _address(url: str) -> str:
    """Of the archive: an exporter that is named without a path has it at the usual one."""
    with contextlib.suppress(ValueError):  # Whoever fetches it says what is wrong with it.
        parts = urlsplit(url)
        if parts.netloc and parts.path in ("", "/"):
            return parts._replace(path="/export.tar").geturl()
    return url


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310
            body: bytes = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        # Its body is of no use, and it holds a connection.
        error.close()
        why = _WHY.get(HTTPStatus(error.code), f"it answered {error.code}")
        raise OSError(f"nothing is exported from {url}: {why}") from None
    except (OSError, ValueError, HTTPException) as error:
        why = str(getattr(error, "reason", "") or error)
        raise OSError(f"cannot reach {url}: {why}; is the exporter running?") from None
    if len(body) > LARGEST:
        raise OSError(f"what came from {url} is larger than {LARGEST >> 20} MB")
    return body


def _unpacked(body: bytes, url: str) -> Mapping[str, bytes]:
    """The archive's files by name; nothing of it is taken when anything is no file in the folder."""
    found: dict[str, bytes] = {}
    # tarfile takes the end of what there is for the end of the archive, and the rest would be removed here.
    if not body.endswith(_END):
        raise OSError(f"what came from {url} is no export: it has no end")
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if _is_plain(entry) and _is_inside(entry.name) else None
                if content is None:
                    raise OSError(f"what came from {url} has an entry that is no file of a page: {entry.name!r}")
                found[entry.name] = content.read()
    except tarfile.TarError as error:
        raise OSError(f"what came from {url} is no export: {error}") from None
    if "index.html" not in found:
        raise OSError(f"what came from {url} is no export: it has no first page")
    return found


def _is_plain(entry: tarfile.TarInfo) -> bool:
    # One with holes takes a few bytes to say that it is of any size.
    return entry.isreg() and not entry.issparse()


def _is_inside(name: str) -> bool:
    """Whether it is a plain path below a folder, and not our own manifest."""
    path = PurePosixPath(name)
    plain = str(path) == name and "\0" not in name and "\\" not in name and not path.is_absolute()
    return plain and not any(part.startswith(".") for part in path.parts)


def _manifest(folder: Path) -> set[str]:
    """What an earlier export wrote; nothing when nobody can tell, because strangers' files must not go."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValueError):
        return set()
    return {name for name in _listed(found) if _is_inside(name)}


def _listed(found: object) -> Iterable[str]:
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _note(folder: Path, names: Iterable[str]) -> None:
    _write(folder / MANIFEST, json.dumps(sorted(names)).encode())


def _placed(folder: Path, name: str) -> Path:
    """Where a file is; a link in the folder may not lead out of it."""
    file = folder / name
    if not file.parent.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{name} would be outside of it")
    return file


def _write(file: Path, content: bytes) -> bool:
    """Whether the file had to be written."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if file.read_bytes() == content:
            return False
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as to:
            to.write(content)
        # The web server may run as somebody else.
        os.chmod(name, 0o644)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    return True


def _remove(folder: Path, name: str) -> bool:
    """Whether the file was there; its folders go with it when nothing is left in them."""
    try:
        _placed(folder, name).unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    with contextlib.suppress(OSError):
        for parent in (folder / name).relative_to(folder).parents[:-1]:
            (folder / parent).rmdir()
    return True
