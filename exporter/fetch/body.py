"""A body, read and decompressed no further than its cap: a bomb of gzip costs what the cap says and no more."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from aiohttp import ClientResponse

from exporter.errors import SignalError
from exporter.readings import Fault

_CHUNK = 64 << 10
_BY_HEADER = 32 + zlib.MAX_WBITS
"""gzip or zlib, whichever its first bytes say."""

Feed = Callable[[bytes], bytes]


async def read(response: ClientResponse, limit: int) -> bytes:
    """The whole body; SignalError `size` when it is larger than `limit`, `format` when it cannot be decompressed."""
    if response.content_length is not None and response.content_length > limit:
        raise _too_large(limit)
    feed, ended = _decoder(response.headers.get("Content-Encoding", "").strip().lower(), limit)
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += feed(chunk)
        if len(body) > limit:
            raise _too_large(limit)
    if not ended():
        raise SignalError(Fault.FORMAT, "the compressed answer is cut short")
    return bytes(body)


def _decoder(encoding: str, limit: int) -> tuple[Feed, Callable[[], bool]]:
    if encoding in ("", "identity"):
        return bytes, lambda: True
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise SignalError(Fault.FORMAT, f"compressed by {encoding!r}, which was not asked for")
    inflating = zlib.decompressobj(_BY_HEADER)

    def feed(chunk: bytes) -> bytes:
        try:
            return inflating.decompress(chunk, limit + 1)
        except zlib.error as error:
            raise SignalError(Fault.FORMAT, f"not compressed by {encoding}, as it says: {error}") from error

    return feed, lambda: inflating.eof


def _too_large(limit: int) -> SignalError:
    size = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit} bytes"
    return SignalError(Fault.SIZE, f"the answer is larger than {size}")
