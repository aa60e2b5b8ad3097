"""What can go wrong, and whose fault it is.

`ProbeError` ends a probe: its reason comes from the closed set in `model`, its message is one
sentence for a person. Foreign exceptions (OSError, ssl, c-ares, h2, ...) are translated to it in
`net` and in the probe kinds, and it becomes a `Result` in one place, `attempt`.
`SignalError` ends a read of other evidence; its fault is one of a closed set too.
`ConfigError` refuses a configuration: it carries every mistake found, not the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.model import Reason
from exporter.readings import Fault


class ProbeError(Exception):
    """A probe failed for `reason`; `str(error)` is a sentence without a full stop."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SignalError(Exception):
    """A signal could not be read; `str(error)` is a sentence without a full stop.

    `retry_at` is when its server wants to be asked again at the earliest, unix seconds; 0 when it does not say.
    """

    def __init__(self, fault: Fault, message: str, retry_at: float = 0.0) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a configuration: `file:line: path: what was found and what is allowed`."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigError(Exception):
    """A configuration that was not applied, with all its mistakes in the order of the files."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        super().__init__(
            "\n".join([*map(str, self.mistakes), f"{count} mistake{'s' if count != 1 else ''}; nothing was applied."])
        )
