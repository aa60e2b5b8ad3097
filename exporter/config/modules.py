"""The module file of a blackbox_exporter: what it meant there it means here.

Nothing is replaced in it, a value of another type is taken as its text, a key without a value is as if it were not
there, and files are looked for when they are used, from the working directory, all as blackbox_exporter reads it.
Stricter than there: a module needs its prober, and an option or a pattern that would fail each of its probes is said
here. A folder's files are one, because its users ask for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, make_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from exporter import kinds
from exporter.config import document, sentences, shapes, shown
from exporter.config.files import collector_paused, found_in
from exporter.config.merge import merge
from exporter.config.reader import Reader
from exporter.config.shapes import Later
from exporter.config.tree import Block, Items, Route
from exporter.errors import ConfigError, Mistake
from exporter.model import Module
from exporter.options import Duration

_OPEN = frozenset({"headers", "endpoint_params"})
"""Mappings whose keys are names that somebody chose: an empty text is a value there."""
_MEANT = frozenset({"expect", "fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel"})
"""Keys whose empty text says something: any line, and nothing that could be judged."""


def load_modules(file: Path) -> Mapping[str, Module]:
    """The modules of a file, or of a folder's `*.yaml` and `*.yml`, by name; ConfigError names all that is wrong."""
    with collector_paused():
        return _load(file)


def unreadable(modules: Mapping[str, Module]) -> Iterator[str]:
    """A sentence for each file that a module names and that cannot be read: a secret may come later than its module,
    and one that is missing must not take the other modules away."""
    for name, module in modules.items():
        for file in _files(module.options):
            try:
                Path(file).open("rb").close()
            except OSError as error:
                yield f"module {name} cannot read {file!r}, and its probes fail until it can: {error.strerror}"


def _files(value: Any, key: str = "") -> Iterator[str]:
    """The paths in the options of a kind."""
    if isinstance(value, str):
        if key == "files" or key.endswith("_file"):
            yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _files(getattr(value, each.name), each.name)
    elif isinstance(value, Mapping | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _files(inner, key)


def _load(file: Path) -> Mapping[str, Module]:
    mistakes: list[Mistake] = []
    files = list(found_in([file], mistakes))
    read = [document.read_verbatim(path) for path in files]
    mistakes += [mistake for _, found in read for mistake in found]
    blocks = [block for block, _ in read if block is not None]
    if len(blocks) < len(files) or not blocks:
        raise ConfigError(mistakes)
    root, twice = merge(blocks, ("modules",))
    reader = Reader(root, files_later=True)
    modules = {module.name: module for module in _modules(reader)}
    mistakes += [*twice, *reader.mistakes]
    if mistakes:
        order = {str(path): index for index, path in enumerate(files)}
        raise ConfigError(sorted(mistakes, key=lambda mistake: (order.get(mistake.file, -1), mistake.line)))
    return modules


def _modules(reader: Reader) -> Iterator[Module]:
    for name, block in reader.root.get("modules", {}).items():
        module = _module(reader, name, block, ("modules", name))
        if module is not None:
            yield module


def _module(reader: Reader, name: str, block: Any, route: Route) -> Module | None:
    block = Block(reader.place(route)) if block is None else block
    if not isinstance(block, Block):
        reader.wrong(route, sentences.must_be(["a mapping"], block))
        return None
    _drop_unsaid(block)
    allowed = kinds.names("probes")
    keys = reader.read(_shape(), block, route)
    kind = reader.kind(block.get("prober"), (*route, "prober"), "prober", allowed)
    read = {each: _options(reader, each, block, route) for each in allowed if each == kind or each in block}
    options = read.get(kind or "")
    if kind is None or keys is None or options is None:
        return None
    return Module(name, kind, options, keys.timeout, shown.text(block))


def _options(reader: Reader, kind: str, block: Block, route: Route) -> Any:
    # The reader starts a relative path at the folder of a file: here at the working directory, whichever file it is.
    file = str(Path.cwd() / "modules")
    return reader.read(shapes.options("probes", kind), block.get(kind), (*route, kind), file)


@cache
def _shape() -> type[Any]:
    """A module, its blocks unchecked."""
    blocks = [(kind, Annotated[Any, Later(lambda: Any)], None) for kind in kinds.names("probes")]
    keys = [("prober", str | None, None), ("timeout", Duration, 0.0), *blocks]
    return make_dataclass("AnyModule", keys, frozen=True, kw_only=True)


def _drop_unsaid(value: Any) -> None:
    """Take away the keys that are written without a value, all the way down."""
    for inner in value if isinstance(value, Items) else ():
        _drop_unsaid(inner)
    for key in list(value) if isinstance(value, Block) else ():
        if key in _OPEN and isinstance(value[key], Block):
            value[key].update({name: "" for name, text in value[key].items() if text is None})
        elif value[key] is None or (value[key] == "" and key not in _MEANT):
            value.drop(key)
        else:
            _drop_unsaid(value[key])
