"""The program with `/probe` on, and what it answers.

async with Asked(folder, {"http_2xx": {"prober": "http"}}) as asked:
    assert (await asked.probe("http://127.0.0.1:8080/")).value("probe_success") == 1
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.servers.program import Exporter

SCRAPE = "X-Prometheus-Scrape-Timeout-Seconds"
LOOPBACK = ("--blackbox.allow", "127.0.0.0/8")

# Whoever is asked on a schedule would be counted among those who are asked on demand.
_QUIET = {
    "regions": {"here": {"kind": "local"}},
    "controls": {"own": {"kind": "tcp", "target": "127.0.0.1:1", "interval": "1d"}},
    "services": {
        "shop": {
            "features": {
                "buy": {
                    "core": True,
                    "endpoints": {"front": {"kind": "tcp", "target": "127.0.0.1:1", "interval": "1d"}},
                }
            }
        }
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What `/probe` answered."""

    status: int
    text: str
    headers: Mapping[str, str]

    def value(self, name: str, **labels: str) -> float | None:
        """The sample with these labels; None when there is none."""
        found = (sample.value for sample in self._samples(name) if labels.items() <= sample.labels.items())
        return next(found, None)

    @property
    def reason(self) -> str | None:
        """Why it failed; None when it did not."""
        return next((str(sample.labels["reason"]) for sample in self._samples("probe_failure_info")), None)

    def _samples(self, name: str) -> Iterator[Sample]:
        families = text_string_to_metric_families(self.text if self.status == 200 else "")
        return (sample for family in families for sample in family.samples if sample.name == name)


def write_modules(file: Path, modules: Mapping[str, Any]) -> Path:
    """A module file; YAML reads JSON."""
    file.write_text(json.dumps({"modules": modules}), encoding="utf-8")
    return file


def write_quiet(file: Path, **more: Any) -> Path:
    """A configuration that probes nobody for a day."""
    file.write_text(json.dumps(_QUIET | more), encoding="utf-8")
    return file


class Asked(Exporter):
    """The exporter with these modules, None for without `/probe`; `more` is more of its configuration."""

    def __init__(
        self,
        folder: Path,
        modules: Mapping[str, Any] | None,
        arguments: tuple[str, ...] = LOOPBACK,
        prefix: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        self.modules = write_modules(folder / "blackbox.yml", modules or {})
        self.file = write_quiet(folder / "quiet.yaml", **more)
        on = () if modules is None else ("--blackbox.config", str(self.modules))
        super().__init__(folder, self.file, arguments=(*on, *arguments), prefix=prefix)

    async def probe(
        self, target: str, module: str = "", headers: Mapping[str, str] | None = None, **more: str
    ) -> Answer:
        """Ask for `target`; without a module the default one."""
        asked = {"target": target, **({"module": module} if module else {}), **more}
        return await self.ask("/probe", asked, headers)

    async def ask(
        self, path: str, query: Mapping[str, str] | list[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for any page."""
        async with self._session.get(path, params=query, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def history(self, number: int | None = None) -> str:
        """The page of what was asked lately, or one of those as a text."""
        return (await self.get("/probe/history" + (f"?id={number}" if number else "")))[1]
