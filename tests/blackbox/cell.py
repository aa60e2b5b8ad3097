"""One cell of the matrix: a module, a target, and how both programs are asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Module = Mapping[str, Any]
LONG, PATIENT, SHORT = "8s", "3s", "1s"
"""What nothing takes, what a dialogue takes on a busy machine, and what is waited for where nothing comes."""
WAITED_FOR = frozenset({PATIENT, SHORT})


@dataclass(frozen=True, slots=True)
class Cell:
    """`place` is what the target is called, because its port is another each time.

    `query` goes behind module and target; `bare` is asked with `query` alone.
    """

    area: str
    module: str
    place: str
    target: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    bare: bool = False

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query."""
        return self.query if self.bare else (("module", self.module), ("target", self.target), *self.query)

    def __str__(self) -> str:
        more = "".join(f" &{name}={value}" for name, value in self.query)
        more += "".join(f" {name}: {value}" for name, value in self.headers.items())
        return f"{self.area} / {self.module} / {self.place}{more}"


def module(prober: str, timeout: str = LONG, **block: Any) -> Module:
    """An entry of the module file."""
    return {"prober": prober, "timeout": timeout, prober: block}


def crossed(area: str, modules: Mapping[str, Any] | tuple[str, ...], places: Mapping[str, str]) -> Iterator[Cell]:
    """Every module with every place."""
    for name, (place, target) in product(modules, places.items()):
        yield Cell(area, name, place, target)
