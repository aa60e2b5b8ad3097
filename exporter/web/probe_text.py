"""A probe as a text for a person: what it saw, its metrics, and its module, as blackbox_exporter's `debug=true`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exporter.metrics import once
from exporter.web.masking import hiding, without_headers
from exporter.web.probed import Probed

_LONGEST = 2000
"""Characters of one thing that it saw."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def told(probed: Probed) -> str:
    """All of it, without secrets, and without what a terminal would obey."""
    module, teller = probed.module, _Teller(probed)
    metrics = once.page(module, probed.result, probed.timeout, openmetrics=False).decode()
    parts = (
        "Logs for the probe:\n" + without_headers("".join(f"{line}\n" for line in teller.log())),
        f"Metrics that would have been returned:\n{metrics}",
        f"Module configuration:\n{module.shown}",
    )
    return _harmless(teller.hide("\n\n\n".join(parts)))


def sentence(probed: Probed) -> str:
    """What came of it, without secrets."""
    return _harmless(_Teller(probed).cut(probed.result.message))


def target(probed: Probed) -> str:
    """Where it went, without secrets."""
    return _harmless(_Teller(probed).cut(probed.target))


class _Teller:
    """Tells of one probe. What is long is cut when its secrets are out, so that no half of one is left."""

    def __init__(self, probed: Probed) -> None:
        self.hide = hiding(probed.module, probed.target)
        self._probed = probed

    def log(self) -> Iterator[str]:
        probed = self._probed
        result, module = probed.result, probed.module
        began = datetime.fromtimestamp(result.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield f"{began} module {module.name}, prober {module.kind}, target {self.cut(probed.target)!r}"
        if probed.hostname:
            yield f"hostname: {self.cut(probed.hostname)!r}"
        yield f"allowed: {probed.timeout:g} s"
        for name, fact in result.facts.items():
            yield from self._lines(name, fact)
        for phase, seconds in result.phases.items():
            yield f"{phase}: {_milliseconds(seconds)}"
        if result.ok:
            yield f"succeeded in {_milliseconds(result.duration)}"
        else:
            yield f"failed after {_milliseconds(result.duration)}: {result.reason}: {self.cut(result.message)}"

    def cut(self, text: str) -> str:
        shown = self.hide(text)
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}... ({len(shown)} characters)"

    def _lines(self, name: str, fact: Any) -> Iterator[str]:
        """What has several parts, or lines, has them indented below its name."""
        if isinstance(fact, Mapping):
            yield f"{name}:"
            for key, value in fact.items():
                shown = _milliseconds(value) if isinstance(value, float) else value
                yield from (f"  {line}" for line in self._lines(str(key), shown))
        elif isinstance(fact, list | tuple):
            for number, item in enumerate(fact, 1):
                yield from self._lines(f"{name} {number}", item)
        elif "\n" in str(fact):
            yield f"{name}:"
            yield from (f"  {line}" for line in self.cut(str(fact)).splitlines())
        else:
            yield f"{name}: {self.cut(str(fact))}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
