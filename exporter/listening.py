"""Listens to the signals: each is read at its interval, or followed, as a task of its own.

A reading is kept first and counts only then, so that after a crash the same bookmark is read again. A signal that goes
on failing is asked less often, up to ten of its intervals and half an hour apart, and never before its server allows
it; what it said last counts for three intervals. Only its falling silent and its speaking again are logged.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from hashlib import blake2b

from exporter import kinds
from exporter.errors import ProbeError, SignalError
from exporter.fetch import Fetch
from exporter.model import Config, NetworkOptions, Service, Signal
from exporter.readings import Fault, Heard, Reading

log = logging.getLogger(__name__)

FUTURE = 300.0
"""Seconds by which a reading may be ahead of our clock."""

LATE = 900.0
"""Seconds, beside three intervals, by which what is polled may lag behind it."""

FRESH_AT_LEAST = 60.0
MOST_INTERVALS = 10
LONGEST_PAUSE = 1800.0
FIRST_WITHIN = 10.0
"""Seconds in which every signal is read for the first time, spread by its name."""

RECONNECT_AFTER = 1.0
"""Seconds until a stream is followed again; doubled each time that it fails at once."""

_JITTER = 0.1

Keep = Callable[[Signal, Reading], None]


class Listening:
    """`keep` stores a reading, `bookmark` gives that of the newest that was kept; both may raise OSError."""

    def __init__(
        self,
        keep: Keep,
        bookmark: Callable[[str], str],
        now: Callable[[], float] = time.time,
        fetch: Callable[[NetworkOptions, Callable[[], float]], Fetch] = Fetch,
    ) -> None:
        self._keep = keep
        self._bookmark = bookmark
        self._now = now
        self._new_fetch = fetch
        self._network: NetworkOptions | None = None
        self._fetch: Fetch | None = None
        self._listeners: dict[str, _Listener] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def heard(self) -> Mapping[str, Heard]:
        """Of every signal that is listened to, what is known of it now."""
        return {name: listener.heard() for name, listener in self._listeners.items()}

    def apply(self, config: Config) -> None:
        """Listen to the signals of `config`. What did not change goes on; on a changed network all is opened anew.

        Needs a running event loop.
        """
        wanted = {signal.name: (signal, _services(signal, config)) for signal in config.signals if _is_asked(signal)}
        moved = self._fetch is None or config.network != self._network
        gone = {
            name: listener
            for name, listener in self._listeners.items()
            if moved or wanted.get(name) != (listener.signal, listener.services)
        }
        self._end(list(gone.values()), self._fetch if moved else None)
        if self._fetch is None or moved:
            self._network, self._fetch = config.network, self._new_fetch(config.network, self._now)
        before, self._listeners = self._listeners, {}
        for name, (signal, services) in wanted.items():
            stays = name in before and name not in gone
            self._listeners[name] = before[name] if stays else self._start(signal, services, before.get(name))

    async def close(self) -> None:
        """Stop listening and close every connection."""
        self._end(list(self._listeners.values()), self._fetch)
        self._listeners, self._fetch = {}, None
        await asyncio.gather(*self._ending)

    def _start(self, signal: Signal, services: tuple[Service, ...], before: _Listener | None) -> _Listener:
        assert self._fetch is not None
        listener = _Listener(signal, services, self._fetch, self._keep, self._bookmark, self._now)
        if before is not None:
            listener.follow_on(before)
        listener.start()
        return listener

    def _end(self, listeners: list[_Listener], fetch: Fetch | None) -> None:
        ended = [listener.stop() for listener in listeners]

        async def end() -> None:
            await asyncio.gather(*ended, return_exceptions=True)
            if fetch is not None:
                await fetch.close()

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Listener:
    """One signal, and what is known of it."""

    def __init__(
        self,
        signal: Signal,
        services: tuple[Service, ...],
        fetch: Fetch,
        keep: Keep,
        bookmark: Callable[[str], str],
        now: Callable[[], float],
    ) -> None:
        self.signal = signal
        self.services = services
        self._module = kinds.module("signals", signal.kind)
        self._fetch = fetch
        self._keep = keep
        self._bookmark = bookmark
        self._now = now
        self._reading: Reading | None = None
        self._succeeded_at = 0.0
        self._failure = ""
        self._failed_at = 0.0
        self._errors: Counter[Fault] = Counter()
        self._failures = 0
        self._retry_at = 0.0
        self._faulty = False
        self._task: asyncio.Task[None] | None = None

    def heard(self) -> Heard:
        fresh = self._now() - self._succeeded_at <= max(3 * self.signal.interval, FRESH_AT_LEAST)
        return Heard(
            signal=self.signal.name,
            kind=self.signal.kind,
            reading=self._reading,
            succeeded_at=self._succeeded_at,
            fresh=fresh and self._reading is not None,
            failure=self._failure,
            failed_at=self._failed_at,
            errors=dict(self._errors),
        )

    def follow_on(self, before: _Listener) -> None:
        """Its errors are counted on; what it said stays only when it is still the same that is asked."""
        self._errors = Counter(before._errors)
        if before.signal == self.signal:
            self._reading, self._succeeded_at = before._reading, before._succeeded_at
            self._failure, self._failed_at = before._failure, before._failed_at
            self._faulty = before._faulty

    def start(self) -> None:
        run = self._follow if hasattr(self._module, "follow") else self._poll
        self._task = asyncio.get_running_loop().create_task(run())

    def stop(self) -> asyncio.Task[None]:
        """Nothing more is kept from here on; what is returned ends when its connections are closed."""
        assert self._task is not None
        self._task.cancel()
        return self._task

    async def _poll(self) -> None:
        await asyncio.sleep(phase(self.signal.name) * min(self.signal.interval, FIRST_WITHIN))
        while True:
            await self._attempt(self._read)
            await asyncio.sleep(self._pause(self.signal.interval))

    async def _follow(self) -> None:
        await asyncio.sleep(phase(self.signal.name) * min(self.signal.interval, RECONNECT_AFTER))
        while True:
            await self._attempt(self._listen)
            await asyncio.sleep(self._pause(min(self.signal.interval, RECONNECT_AFTER)))

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        """The one place where whatever a kind raises ends, so that a fault of one silences none of the others."""
        try:
            await work()
        except SignalError as error:
            self._fail(error.fault, str(error), error.retry_at)
        except ProbeError as error:  # of a secret's file that cannot be read
            self._fail(Fault.INTERNAL, str(error))
        except Exception as error:
            if not self._faulty:
                log.exception("a signal failed by a fault of this program", extra={"signal": self.signal.name})
            self._faulty = True
            self._fail(Fault.INTERNAL, f"a fault of this program: {type(error).__name__}")

    async def _read(self) -> None:
        reading = await self._module.read(self.signal, self.services, self._fetch, self._last_bookmark())
        oldest = self._now() - 3 * self.signal.interval - LATE
        if reading.at < oldest:
            raise SignalError(Fault.LATE, f"what it says is {(self._now() - reading.at) / 60:.0f} minutes old")
        self._take(reading)

    async def _listen(self) -> None:
        stream = self._module.follow(self.signal, self.services, self._fetch, self._last_bookmark())
        # Closed at once, not by the collector: whatever ends this, the next connection must not find the old one.
        async with aclosing(stream) as readings:
            async for reading in readings:
                # One that is not kept ends the stream: it goes on from the last bookmark and counts nothing twice.
                self._take(reading)
        raise SignalError(Fault.UNREACHABLE, "the stream has ended")

    def _last_bookmark(self) -> str:
        try:
            return self._bookmark(self.signal.name)
        except OSError as error:
            raise SignalError(Fault.INTERNAL, f"its bookmark cannot be read: {error}") from error

    def _take(self, reading: Reading) -> None:
        if reading.at > self._now() + FUTURE:
            raise SignalError(Fault.LATE, "what it says is of the future")
        try:
            self._keep(self.signal, reading)
        except OSError as error:
            raise SignalError(Fault.INTERNAL, f"its reading cannot be kept: {error}") from error
        if self._failures:
            log.info("signal speaks again", extra={"signal": self.signal.name, "failures": self._failures})
        self._reading, self._succeeded_at = reading, self._now()
        self._failure, self._failures, self._retry_at = "", 0, 0.0

    def _fail(self, fault: Fault, sentence: str, retry_at: float = 0.0) -> None:
        if not self._failures:
            log.warning("signal is silent", extra={"signal": self.signal.name, "reason": fault, "why": sentence})
        self._failures += 1
        self._errors[fault] += 1
        self._failure, self._failed_at, self._retry_at = sentence, self._now(), retry_at

    def _pause(self, usual: float) -> float:
        """Seconds until it is asked again, with jitter, so that what began together does not stay together."""
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret
        pause = back_off(self._failures, usual, self.signal.interval) * jitter
        return max(pause, self._retry_at - self._now())


def back_off(failures: int, usual: float, interval: float) -> float:
    """Seconds until a signal is asked again that failed so many times in a row; `usual` after none or one."""
    # One failure alone costs nothing: the next reading still comes before the last one is stale.
    doubled = usual * 2.0 ** max(0, min(failures, 30) - 1)
    return min(doubled, max(usual, min(MOST_INTERVALS * interval, LONGEST_PAUSE)))


def phase(name: str) -> float:
    """Between 0 and 1, the same of a name on every machine and after every restart."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") / (1 << 32)


def _services(signal: Signal, config: Config) -> tuple[Service, ...]:
    return tuple(service for service in config.services if service.name in signal.services)


def _is_asked(signal: Signal) -> bool:
    """Whether it is a signal that somebody must be asked for; people come to `reports` by themselves."""
    module = kinds.module("signals", signal.kind)
    return hasattr(module, "read") or hasattr(module, "follow")
