"""`/export.tar`: every public page as a file, with relative links, for a host that has nothing but files.

A page is a folder's `index.html`. It says its own Content-Security-Policy, has no form to report by, since nobody takes
one there, and looks at itself now and then instead of hearing events.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from exporter import languages
from exporter.web.api import stamped
from exporter.web.assets import assets
from exporter.web.badge import badge
from exporter.web.copies import Copy, copied
from exporter.web.feed import atom
from exporter.web.home import home_page
from exporter.web.incidents import recorded
from exporter.web.past import past_page
from exporter.web.service import service_page
from exporter.web.shelf import caching, give
from exporter.web.site import SITE, Place, Site
from exporter.web.status import current

FRESH_FOR = 5.0
"""Seconds that an export is served before it is made anew: it is all pages at once."""

_FOR_OPERATORS = ("operator.css",)

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class File:
    """`changed_at` is since when it has this content, unix seconds: hosts and their visitors' caches go by it."""

    content: bytes
    changed_at: int


@dataclass(slots=True)
class Export:
    """The newest one; `made_at` is of the monotonic clock."""

    files: Mapping[str, File] = field(default_factory=dict)
    copy: Copy | None = None
    made_at: float = 0.0
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


EXPORT: web.AppKey[Export] = web.AppKey("export", Export)


@routes.get("/export.tar")
async def export(request: web.Request) -> web.Response:
    copy = await _newest(request.app[SITE], request.app[EXPORT])
    return give(request, copy, "application/x-tar", {"Cache-Control": caching(request)})


async def _newest(site: Site, kept: Export) -> Copy:
    async with kept.making:
        if kept.copy is None or time.monotonic() - kept.made_at >= FRESH_FOR:
            made = await _made(site)
            now = int(time.time())
            kept.files = {
                name: known if (known := kept.files.get(name)) and known.content == content else File(content, now)
                for name, content in made.items()
            }
            kept.copy = await asyncio.to_thread(_packed, kept.files, kept.copy)
            kept.made_at = time.monotonic()
        return kept.copy


async def _made(site: Site) -> dict[str, bytes]:
    """All files by their names."""
    found: dict[str, bytes] = {}
    config = site.store.config
    for name, content in _files(site):
        found[name] = content if isinstance(content, bytes) else content.encode()
        # A page takes milliseconds; whoever waits for another has a turn.
        await asyncio.sleep(0)
        if config is not site.store.config:
            return await _made(site)
    return found


def _files(site: Site) -> Iterator[tuple[str, str | bytes]]:
    """Each file's name and content, made when its turn comes."""
    names = [service.name for service in site.store.config.services]
    for code in languages.codes():
        top = "" if code == languages.DEFAULT else f"{code}/"
        yield f"{top}index.html", home_page(site, _place(top, code))
        for name in names:
            yield f"{top}{name}/index.html", service_page(site, name, _place(f"{top}{name}/", code))
            yield f"{top}{name}/history/index.html", past_page(site, name, _place(f"{top}{name}/history/", code))
    for name in names:
        yield f"{name}/feed.atom", atom(site, name, _place(f"{name}/"))
        yield f"{name}/badge.svg", badge(site, name)
    # To the minute, as the pages, so that an export in which nothing happens does not change all the time.
    now = time.time() // 60 * 60
    yield "api/v1/status.json", stamped(current(site), now).page
    yield "api/v1/incidents.json", stamped(recorded(site), now).page
    yield from ((f"static/{name}", assets()[name]) for name in assets().keys() - set(_FOR_OPERATORS))


def _place(folder: str, code: str = languages.DEFAULT) -> Place:
    """Of a page in this folder (`de/tiktok/`)."""
    return Place(languages.of(code), root="../" * folder.count("/"), live=False)


def _packed(files: Mapping[str, File], before: Copy | None) -> Copy:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, file in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(file.content), file.changed_at
            tar.addfile(entry, io.BytesIO(file.content))
    return copied(packed.getvalue(), before)
