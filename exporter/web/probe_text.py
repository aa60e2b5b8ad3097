"""A probe as a text for a person: what it saw, its metrics, and its module, as blackbox_exporter's `debug=true`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exporter.metrics import once
from exporter.web.masking import masked, without_headers
from exporter.web.probed import Probed

_LONGEST = 2000
"""Characters of one thing that it saw."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def told(probed: Probed) -> str:
    """All of it, without secrets, and without what a terminal would obey."""
    module = probed.module
    metrics = once.page(module, probed.result, probed.timeout, openmetrics=False).decode()
    parts = (
        "Logs for the probe:\n" + without_headers("".join(f"{line}\n" for line in _log(probed))),
        f"Metrics that would have been returned:\n{metrics}",
        f"Module configuration:\n{module.shown}",
    )
    return _harmless(masked(module, "\n\n\n".join(parts)))


def sentence(probed: Probed) -> str:
    """What came of it, without secrets."""
    return _harmless(masked(probed.module, _cut(probed.result.message)))


def target(probed: Probed) -> str:
    """Where it went, without secrets."""
    return _harmless(masked(probed.module, _cut(probed.target)))


def _log(probed: Probed) -> Iterator[str]:
    result, module = probed.result, probed.module
    began = datetime.fromtimestamp(result.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield f"{began} module {module.name}, prober {module.kind}, target {_cut(probed.target)!r}"
    if probed.hostname:
        yield f"hostname: {_cut(probed.hostname)!r}"
    yield f"allowed: {probed.timeout:g} s"
    for name, fact in result.facts.items():
        yield from _lines(name, fact)
    for phase, seconds in result.phases.items():
        yield f"{phase}: {_milliseconds(seconds)}"
    if result.ok:
        yield f"succeeded in {_milliseconds(result.duration)}"
    else:
        yield f"failed after {_milliseconds(result.duration)}: {result.reason}: {_cut(result.message)}"


def _lines(name: str, fact: Any) -> Iterator[str]:
    """What has several parts, or lines, has them indented below its name."""
    if isinstance(fact, Mapping):
        yield f"{name}:"
        for key, value in fact.items():
            shown = _milliseconds(value) if isinstance(value, float) else value
            yield from (f"  {line}" for line in _lines(str(key), shown))
    elif isinstance(fact, list | tuple):
        for number, item in enumerate(fact, 1):
            yield from _lines(f"{name} {number}", item)
    elif "\n" in str(fact):
        yield f"{name}:"
        yield from (f"  {line}" for line in _cut(str(fact)).splitlines())
    else:
        yield f"{name}: {_cut(str(fact))}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
