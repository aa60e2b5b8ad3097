"""YAML files into a frozen `model.Config`, or all their mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exporter import model
from exporter.config import document, shown
from exporter.config.build import build
from exporter.config.files import collector_paused, found_in
from exporter.config.merge import merge
from exporter.config.modules import load_modules, unreadable
from exporter.config.outages import past_outages
from exporter.config.reader import Reader
from exporter.config.shapes import schema
from exporter.errors import ConfigError, Mistake

__all__ = ["load", "load_modules", "past_outages", "schema", "shipped", "unreadable"]


def shipped() -> Path:
    """The configuration that comes with the program."""
    return Path(__file__).parent.parent / "services" / "tiktok.yaml"


def load(paths: Sequence[Path], environment: Mapping[str, str]) -> model.Config:
    """Read and merge files, and the `*.yaml` and `*.yml` of folders; ConfigError names all that is wrong."""
    with collector_paused():
        return _load(paths, environment)


def _load(paths: Sequence[Path], environment: Mapping[str, str]) -> model.Config:
    mistakes: list[Mistake] = []
    files = list(dict.fromkeys(found_in(paths, mistakes)))
    if not paths:
        mistakes.append(Mistake("configuration", 0, "", "no configuration file is named"))
    read = [document.read(file, environment) for file in files]
    mistakes += [mistake for _, found in read for mistake in found]
    blocks = [block for block, _ in read if block is not None]
    if len(blocks) < len(files) or not blocks:
        raise ConfigError(mistakes)  # what stands in an unreadable file is unknown, so nothing can be called missing
    root, found = merge(blocks)
    reader = Reader(root)
    config = build(reader)
    mistakes += _unsaid(found, mistakes)
    mistakes += _unsaid(reader.mistakes, mistakes)
    if mistakes:
        order = {str(file): index for index, file in enumerate(files)}
        raise ConfigError(sorted(mistakes, key=lambda mistake: (order.get(mistake.file, -1), mistake.line)))
    return replace(config, shown=shown.text(root))


def _unsaid(found: Sequence[Mistake], before: Sequence[Mistake]) -> list[Mistake]:
    """Those that are no consequences of mistakes found before: of the same key, or that a section is missing."""
    said = {(mistake.file, mistake.path) for mistake in before}
    wrong = {mistake.path for mistake in before}
    return [
        mistake
        for mistake in found
        if (mistake.file, mistake.path) not in said and not (mistake.line == 0 and mistake.path in wrong)
    ]
