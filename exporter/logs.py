"""Structured logs on standard error: one line an event, as `logfmt` or `json`."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self._as_json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        return json.dumps(fields, default=str) if self._as_json else " ".join(_pair(k, v) for k, v in fields.items())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    level = {"warning": "warn", "critical": "error"}.get(record.levelname.lower(), record.levelname.lower())
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields: dict[str, Any] = {"ts": at, "level": level, "msg": record.getMessage()}
    fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
    if record.exc_info and record.exc_info[1] is not None:
        fields["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        fields["at"] = _where(record.exc_info[1])
    return fields


def _where(error: BaseException) -> str:
    """The innermost line, instead of a traceback: enough to find the fault, one line to read."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _pair(name: str, value: Any) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # What strangers send is logged as well: neither a new line nor a terminal's command may be in it.
    quoted = text if text.isprintable() and text and not any(c in text for c in ' "=') else json.dumps(text)
    return f"{name}={quoted}"


def configure(level: str = "info", style: str = "logfmt") -> None:
    """Send the log to standard error; `level` is one of LEVELS, `style` one of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    logging.basicConfig(level=level.upper().replace("WARN", "WARNING"), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
