"""The ways in which a server of somebody else goes wrong, and what is to be said of each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from exporter.readings import Fault
from tests.servers.origin import Reply, Request
from tests.signals.case import Answer, Case

NEXT_MONTH = 31 * 86400.0
LARGE = 10 << 20
"""Bytes; more than any of the kinds takes."""

BOMB = 64 << 20
"""Bytes that some kilobytes of gzip become."""

HTML = b"<!DOCTYPE html><html><head><title>We will be back soon</title></head><body>Sorry.</body></html>"

Serve = Callable[[Request], Reply | None]
"""Answers a request; None is silence."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a mode of failure is made of: the kind's case, its server's clock, and a server in the own network."""

    case: Case
    now: Callable[[], float]
    inside: str

    def calm(self) -> Serve:
        """Say that all is quiet."""
        return self._serve(self.case.calm, bytes, 0.0, {})

    def trouble(self, change: Callable[[bytes], bytes] = bytes, *, ahead: float = 0.0, **sent: Any) -> Serve:
        """Say that something is open, by a clock that is `ahead`, each body or message changed.

        `sent` are other fields of the reply.
        """
        return self._serve(self.case.trouble, change, ahead, sent)

    def _serve(self, answer: Answer, change: Callable[[bytes], bytes], ahead: float, sent: dict[str, Any]) -> Serve:
        def said(request: Request) -> bytes | Sequence[str]:
            return answer(request, self.now() + ahead)

        def serve(request: Request) -> Reply:
            try:
                first = said(request)
            except KeyError:
                return Reply(status=404)
            if isinstance(first, bytes):
                return Reply(change(first), **sent)
            messages = lambda: [change(text.encode()).decode() for text in said(request)]  # noqa: E731
            return Reply(status=101, messages=messages, cut=sent.get("cut"))

        return serve


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to go wrong.

    `serve` returns None when it cannot happen to the kind; `fault` is what must be said. `refuses`: nothing listens.
    `waits`: only a deadline shows it, so that the harness makes it short.
    """

    name: str
    fault: Fault
    serve: Callable[[Scene], Serve | None]
    refuses: bool = False
    waits: bool = False

    def __str__(self) -> str:
        return self.name


def _reply(**told: Any) -> Callable[[Scene], Serve]:
    return lambda scene: lambda request: Reply(**told)


def _body(change: Callable[[bytes], bytes]) -> Callable[[Scene], Serve]:
    return lambda scene: scene.trouble(change)


def _slow(scene: Scene) -> Serve:
    """A byte now and then; a stream that opens and says nothing."""
    return (lambda request: Reply(status=101, messages=list)) if scene.case.streams else scene.trouble(drip=0.02)


def _bomb(scene: Scene) -> Serve | None:
    """A stream's compression is never offered."""
    told = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return None if scene.case.streams else lambda request: Reply(_bomb_body(), headers=told)


def _error(scene: Scene) -> Serve | None:
    error = scene.case.error
    return scene.trouble(lambda _: error) if error is not None else None


def _wrong(scene: Scene) -> Serve:
    wrong = scene.case.wrong
    return scene.trouble(mistyped if wrong is None else lambda _: wrong)


def _to_the_inside(scene: Scene) -> Serve:
    return lambda request: Reply(status=302, headers={"Location": f"{scene.inside}{request.path}"})


MODES = (
    Mode("silent", Fault.TIMEOUT, lambda scene: lambda request: None, waits=True),
    Mode("slow", Fault.TIMEOUT, _slow, waits=True),
    Mode("reset in the middle", Fault.UNREACHABLE, lambda scene: scene.trouble(cut=5)),
    Mode("refused connection", Fault.UNREACHABLE, _reply(), refuses=True),
    Mode("status 500", Fault.STATUS, _reply(status=500)),
    Mode("status 403", Fault.REFUSED, _reply(status=403)),
    Mode("429, Retry-After", Fault.LIMITED, _reply(status=429, headers={"Retry-After": "600"})),
    Mode("HTML", Fault.FORMAT, _body(lambda _: HTML)),
    Mode("empty", Fault.FORMAT, _body(lambda _: b"")),
    Mode("truncated", Fault.FORMAT, _body(lambda body: body[: len(body) // 2])),
    Mode("wrong types", Fault.FORMAT, _wrong),
    Mode(
        "from the future",
        Fault.FORMAT,
        lambda scene: scene.trouble(ahead=NEXT_MONTH) if scene.case.dated else None,
    ),
    Mode("10 MB", Fault.SIZE, lambda scene: scene.trouble(lambda body: body + b" " * LARGE, claimed=0)),
    Mode("gzip bomb", Fault.SIZE, _bomb),
    Mode("error in a 200", Fault.ERROR, _error),
    Mode("redirect inside", Fault.REDIRECT, _to_the_inside),
    Mode("redirect loop", Fault.REDIRECT, _reply(status=302, headers={"Location": "/again"})),
)


def mistyped(body: bytes) -> bytes:
    """The same JSON with other types: a number for each text, a list for each number."""
    return json.dumps(_mistype(json.loads(body))).encode()


def _mistype(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mistype(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mistype(inner) for inner in value]
    return 7 if isinstance(value, str) else ["seven"]


@cache
def _bomb_body() -> bytes:
    return gzip.compress(b" " * BOMB)
