"""The body of an HTTP answer: decompressed as it comes, counted, kept as far as it is needed, never past a limit.

`gzip` and `deflate` by zlib, `br` by Brotli, each in bounded steps, so that a bomb costs no more than its limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

from exporter.errors import ProbeError
from exporter.model import Reason

LARGEST = 10 << 20
"""Bytes: what is kept, and what is decompressed, when no `body_size_limit` says otherwise."""

EXCERPT = 2048
"""Bytes that are kept for a person when nothing else asks for the body."""

_STEP = 65536
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits


class _Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes of `data`, at most some `_STEP`s at a time; zlib.error or brotli.error when it is not so."""

    @property
    def ended(self) -> bool:
        """Whether the compressed body is whole."""


class Body:
    """Feed it what arrives; `size` counts bytes after decompression, `kept` holds them or their beginning.

    `limit` is in bytes, 0 for none. With `whole` the body is wanted for judging: more than the
    limit, or than LARGEST without one, is ProbeError `body`. Otherwise only an excerpt is kept.
    """

    def __init__(self, compression: str | None = None, limit: int = 0, whole: bool = False) -> None:
        self.size = 0
        self.kept = bytearray()
        self._decoder = _decoder(compression)
        self._compression = compression
        self._limit = limit or (LARGEST if whole or self._decoder else 0)
        self._keep = self._limit if whole else EXCERPT

    def feed(self, data: bytes) -> None:
        """Take what arrived; ProbeError `body` past the limit or when it is not compressed as promised."""
        if self._decoder is None:
            self._take(data)
            return
        try:
            for piece in self._decoder.decode(data):
                self._take(piece)
        except (zlib.error, brotli.error) as error:
            raise ProbeError(Reason.BODY, f"the body is not {self._compression}: {error}") from error

    def end(self) -> None:
        """No more will come; ProbeError `body` when the compressed body is cut short."""
        if self._decoder is not None and not self._decoder.ended:
            raise ProbeError(Reason.BODY, f"the body is not {self._compression}, or is cut short")

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        if self._limit and self.size > self._limit:
            self.kept += data[: max(0, self._keep - len(self.kept))]
            self.size = self._limit
            raise ProbeError(Reason.BODY, f"the body has more than {size_text(self._limit)}")
        if len(self.kept) < self._keep:
            self.kept += data[: self._keep - len(self.kept)]


def size_text(size: int) -> str:
    """`10 MB`, `512 KB` or `700 bytes`, in powers of two as configuration has them."""
    for shift, unit in ((20, "MB"), (10, "KB")):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


def _decoder(compression: str | None) -> _Decoder | None:
    if compression == "gzip":
        return _Zlib(_GZIP)
    if compression == "deflate":
        return _Zlib(None)
    return _Brotli() if compression == "br" else None


class _Zlib:
    """gzip with any number of members; deflate with or without zlib's header, as servers send both."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window) if window is not None else None

    @property
    def ended(self) -> bool:
        return self._stream is not None and self._stream.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream is None:
                self._stream = zlib.decompressobj(_ZLIB if data[0] & 15 == 8 else _RAW)
            elif self._stream.eof:
                if self._window != _GZIP:
                    return
                self._stream = zlib.decompressobj(_GZIP)
            yield self._stream.decompress(data, _STEP)
            data = self._stream.unconsumed_tail or self._stream.unused_data


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._begun = False

    @property
    def ended(self) -> bool:
        # No byte at all passes, as in blackbox_exporter: an answer without a body has none to compress.
        return not self._begun or bool(self._stream.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        self._begun = True
        if self._stream.is_finished():
            return
        # Asked until it gives nothing: it says that it can take more although output waits in it.
        piece = self._stream.process(data, output_buffer_limit=_STEP)
        while piece:
            yield piece
            piece = self._stream.process(b"", output_buffer_limit=_STEP)
