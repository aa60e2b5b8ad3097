"""Stream sockets of this machine, by path (unix(7)): connected at once or not at all."""

from __future__ import annotations

import errno
import os
import socket
import stat

from exporter.errors import ProbeError
from exporter.model import Reason
from exporter.net.clock import Clock
from exporter.net.datagram import new_socket
from exporter.net.stream import Stream, translate

PATH_LIMIT = 107
"""Bytes of a path that the kernel takes (`sun_path`, less the NUL behind it)."""

_REFUSALS = {
    errno.ENOENT: (Reason.CONNECT, "there is nothing at {path}"),
    errno.ENOTDIR: (Reason.CONNECT, "there is nothing at {path}, because a part of it is no folder"),
    errno.ECONNREFUSED: (Reason.CONNECT, "nobody listens at {path}"),
    errno.EPROTOTYPE: (Reason.CONNECT, "{path} is a socket, but not one of streams"),
    errno.EAGAIN: (Reason.CONNECT, "the queue of {path} is full: who listens there accepts nobody"),
    errno.EACCES: (Reason.INTERNAL, "this program has no permission to connect to {path}"),
    errno.EPERM: (Reason.INTERNAL, "this program has no permission to connect to {path}"),
}


def check_path(path: str) -> None:
    """ValueError unless `path` can be a socket's: from /, or `@name` for an abstract one, as Go's programs write it."""
    if not path.startswith(("/", "@")) or "\0" in path:
        raise ValueError(f"{path!r} is not the path of a socket; write one that starts with /, such as /run/app.sock")
    if len(os.fsencode(path)) > PATH_LIMIT:
        raise ValueError(f"{path!r} is longer than {PATH_LIMIT} bytes, the most that a socket's path can have")


def open_unix(path: str, clock: Clock) -> Stream:
    """A stream from the socket at `path`; ProbeError `connect`, or `internal` when this machine forbids it."""
    try:
        check_path(path)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, str(error)) from error
    sock = new_socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)
    stream = Stream(sock, path, clock)
    try:
        sock.connect(f"\0{path[1:]}" if path.startswith("@") else path)
    except OSError as error:
        stream.close()
        raise _refusal(error, path) from error
    stream.watch()
    return stream


def _refusal(error: OSError, path: str) -> ProbeError:
    if error.errno == errno.ECONNREFUSED and _is_something_else(path):
        return ProbeError(Reason.CONNECT, f"{path} is no socket")
    if error.errno not in _REFUSALS:
        return translate(error, Reason.CONNECT, f"no connection to {path}")
    reason, sentence = _REFUSALS[error.errno]
    return ProbeError(reason, sentence.format(path=path))


def _is_something_else(path: str) -> bool:
    try:
        return not stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
