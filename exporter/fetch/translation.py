"""aiohttp's exceptions as SignalError, and what a status says: the one place that knows both."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from exporter.errors import SignalError
from exporter.fetch.parsing import one_line
from exporter.readings import Fault

_OUR_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""What this machine has run out of says nothing about the other."""


class PassingError(SignalError):
    """Another attempt, soon, may end otherwise."""


@contextmanager
def translated(host: str) -> Iterator[None]:
    """What fails inside is a SignalError that names `host`. A TimeoutError passes: who set the deadline knows it."""
    try:
        yield
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _failure(error, host) from error


def _failure(error: Exception, host: str) -> SignalError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return SignalError(Fault.UNREACHABLE, f"no TLS with {host}: {_said(error.certificate_error)}")
    if isinstance(error, aiohttp.ClientConnectorError):
        if error.os_error.errno in _OUR_OWN:
            return SignalError(Fault.INTERNAL, f"cannot connect to {host}: {_said(error.os_error)}")
        return PassingError(Fault.UNREACHABLE, f"cannot connect to {host}: {_said(error.os_error)}")
    if isinstance(error, aiohttp.ClientPayloadError):
        return PassingError(Fault.UNREACHABLE, f"{host} closed the connection in the middle of its answer")
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return PassingError(Fault.UNREACHABLE, f"{host} closed the connection without an answer")
    return SignalError(Fault.FORMAT, f"{host} does not speak HTTP: {_said(error)}")


def _said(error: BaseException) -> str:
    told = [getattr(error, name, None) for name in ("verify_message", "message", "reason")]
    if isinstance(error, OSError) and error.errno:
        told.append(os.strerror(error.errno).lower())
    return one_line(next((str(text) for text in told if text), str(error)), 120) or type(error).__name__


def status_error(host: str, status: int, retry_at: float, now: float) -> SignalError:
    """What an answer that is no success says by its status; `retry_at` is 0 when it does not say."""
    if retry_at > now and status in (429, 503):
        return SignalError(Fault.LIMITED, f"{host} wants to be asked again in {retry_at - now:.0f} s", retry_at)
    if status == 429:
        return SignalError(Fault.LIMITED, f"{host} says that it is asked too often")
    if status in (401, 403):
        return SignalError(Fault.REFUSED, f"{host} refuses to answer us (status {status})")
    kind = PassingError if status >= 500 else SignalError
    return kind(Fault.STATUS, f"{host} answers with status {status}")
