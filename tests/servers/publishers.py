"""Those who publish what signals read, in the box: at the hosts of a configuration, in the formats of the cases.

What each says lives in `tests/signals/case_<kind>.py`; here is only who says it, and in which mood.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from exporter import kinds
from tests.servers.faults import read
from tests.servers.origin import Request
from tests.signals.case import Case, cases

BEAT = 0.2
"""Seconds between two rounds of a stream's messages."""

_COUNTRY = "IN"
"""The country that the cases of censors and networks speak of when there is trouble."""


class Mood(StrEnum):
    CALM = "calm"
    """All is quiet: nothing open, blocked or complained of."""
    TROUBLE = "trouble"
    """An incident is open, a country blocked, people complain."""
    SILENT = "silent"
    """Requests are accepted, and never answered."""
    WRONG = "wrong"
    """200, with a page for people."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a publisher is asked: paths below `path` of `host` are those that its case knows below `known`."""

    host: str
    path: str
    known: str

    def inside(self, path: str) -> str:
        """`path` as the case knows it."""
        return self.known + path.removeprefix(self.path)


class Publisher:
    """Of one signal; `country` is the one that is in trouble, where that is what it tells."""

    def __init__(self, signal: str, case: Case, places: Sequence[Place]) -> None:
        self.signal = signal
        self.places = tuple(places)
        self.mood = Mood.CALM
        self.country = _COUNTRY
        self.asked = 0
        self._case = case
        self._changed = asyncio.Event()

    def say(self, mood: Mood, country: str = _COUNTRY) -> None:
        """From now on, also to those who wait."""
        self.mood, self.country = mood, country
        self._changed.set()
        self._changed = asyncio.Event()

    def place(self, host: str, path: str) -> Place | None:
        """The one that `path` of `host` belongs to."""
        return next((each for each in self.places if each.host == host and path.startswith(each.path)), None)

    async def respond(self, place: Place, request: web.BaseRequest) -> web.StreamResponse:
        """What this one says, in its mood."""
        self.asked += 1
        while self.mood is Mood.SILENT:
            await self._changed.wait()
        asked = Request(place.inside(request.path), dict(request.query), dict(request.headers))
        if self._case.streams:
            return await self._stream(asked, request)
        if self.mood is Mood.WRONG:
            return web.Response(text="<html><title>We will be back soon</title></html>", content_type="text/html")
        try:
            return web.Response(body=self._said(asked))
        except KeyError:
            return web.Response(status=404)

    async def _stream(self, asked: Request, request: web.BaseRequest) -> web.StreamResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        leaving = asyncio.create_task(stream.receive())
        try:
            with suppress(ConnectionError):
                while not leaving.done():
                    for message in self._messages(asked):
                        await stream.send_str(message)
                    await asyncio.wait((leaving,), timeout=BEAT)
        finally:
            leaving.cancel()
        return stream

    def _messages(self, asked: Request) -> Iterator[str]:
        if self.mood is Mood.WRONG:
            yield "<html>"
        elif self.mood is not Mood.SILENT:
            answer = self._case.trouble if self.mood is Mood.TROUBLE else self._case.calm
            yield from (str(message) for message in answer(asked, time.time()))

    def _said(self, asked: Request) -> bytes:
        answer = self._case.trouble if self.mood is Mood.TROUBLE else self._case.calm
        said = answer(asked, time.time())
        assert isinstance(said, bytes)
        return said.replace(f'{_COUNTRY}"'.encode(), f'{self.country}"'.encode())


class Publishers:
    """Of all signals of some configurations that ask somebody."""

    def __init__(self, files: Sequence[Path]) -> None:
        by_kind = {case.kind: case for case in cases()}
        self.by_signal = {
            name: Publisher(name, by_kind[block["kind"]], list(_places(block, by_kind[block["kind"]])))
            for file in files
            for name, block in (read(file).get("signals") or {}).items()
            if block["kind"] in by_kind
        }

    @property
    def hosts(self) -> set[str]:
        """All that are asked."""
        return {place.host for publisher in self.by_signal.values() for place in publisher.places}

    def find(self, host: str, path: str) -> tuple[Publisher, Place] | None:
        """Who answers there."""
        found = ((publisher, publisher.place(host, path)) for publisher in self.by_signal.values())
        return next(((publisher, place) for publisher, place in found if place), None)

    def get(self, signal: str) -> Publisher:
        """ValueError when there is none."""
        try:
            return self.by_signal[signal]
        except KeyError:
            known = ", ".join(self.by_signal) or "none"
            raise ValueError(f"the box holds no publisher of signal {signal!r} ({known})") from None


def _places(block: dict[str, Any], case: Case) -> Iterator[Place]:
    """Of the addresses in a signal's block and in its kind's defaults; the case's own options tell what it knows."""
    known = case.options("ws://case.example" if case.streams else "http://case.example")
    for option in fields(kinds.module("signals", case.kind).Options):
        paths = [urlsplit(url).path for url in _addresses(getattr(known, option.name))]
        for url in _addresses(block.get(option.name, _default(option))):
            yield Place(urlsplit(url).hostname or "", urlsplit(url).path, paths[0])


def _default(option: Field[Any]) -> Any:
    if option.default is not MISSING:
        return option.default
    return option.default_factory() if option.default_factory is not MISSING else None


def _addresses(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return [each for each in values if isinstance(each, str) and "://" in each]
