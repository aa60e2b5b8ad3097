"""YAML files as trees, and what is wrong with their YAML.

`${NAME}` in a value becomes the environment's text after parsing, so a variable can never add
keys; `$${` stands for `${`, and `${1}` for itself. YAML 1.2's rules for plain scalars hold: only
`true` and `false` are booleans, `no` is Norway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from exporter.config.tree import Block, Items, Place, Route, spell
from exporter.errors import Mistake

SIZE_LIMIT = 16 << 20
DEPTH_LIMIT = 60  # far above any configuration, far below what exhausts the C stack of libyaml's composer
VALUES_LIMIT = 1_000_000  # after aliases are followed

_TAG = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$(\$?)\{([^}]*)\}")
_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}
_PLAIN = (  # tag, pattern, first characters
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)


class _RefusedError(Exception):
    """The file cannot be read any further."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own name and shape
    depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT and parent is not None:
            raise _RefusedError(parent.start_mark.line + 1, f"nested more than {DEPTH_LIMIT} levels deep")

    def ascend_resolver(self) -> None:
        self.depth -= 1


for _name, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _first)


def read(path: Path, environment: Mapping[str, str]) -> tuple[Block | None, list[Mistake]]:
    """The file's mapping, or None when there is none to use; and the mistakes of its YAML."""
    return _read(path, _Reader(str(path), environment))


def read_verbatim(path: Path) -> tuple[Block | None, list[Mistake]]:
    """As `read`, but `${NAME}` stands for itself, and every scalar is the text that was written: what takes it knows
    whether it wants a number. Nothing is None; the number is kept as what is shown."""
    return _read(path, _Verbatim(str(path), {}))


def _read(path: Path, reader: _Reader) -> tuple[Block | None, list[Mistake]]:
    try:
        return reader.document(_compose(_text(path))), reader.mistakes
    except _RefusedError as refused:
        return None, [*reader.mistakes, Mistake(str(path), refused.line, "", str(refused))]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _RefusedError(0, f"cannot read: {error.strerror}") from error
    if len(content) > SIZE_LIMIT:
        raise _RefusedError(0, f"larger than {SIZE_LIMIT >> 20} MB; split it into several files")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _RefusedError(content.count(b"\n", 0, error.start) + 1, "not a text in UTF-8") from error


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _RefusedError(_line(error.problem_mark), f"not valid YAML: {_because(error)}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _RefusedError(line, f"not valid YAML: {error.reason}") from error


def _line(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 0


def _because(error: yaml.MarkedYAMLError) -> str:
    begun = f" from line {_line(error.context_mark)}" if error.context_mark else ""
    return f"{error.context}{begun}, {error.problem}" if error.context else str(error.problem)


class _Reader:
    """Turns the nodes of one file into values; an aliased node is turned once and shared."""

    nothing = "empty; write regions, controls and services"
    first = "services"

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.mistakes: list[Mistake] = []
        self._done: dict[int, tuple[Block | Items, int]] = {}
        self._open: set[int] = set()

    def document(self, node: yaml.Node | None) -> Block:
        if node is None:
            raise _RefusedError(0, self.nothing)
        value, size = self._value(node, ())
        if size > VALUES_LIMIT:
            raise _RefusedError(0, f"its aliases expand to more than {VALUES_LIMIT} values")
        if not isinstance(value, Block):
            raise _RefusedError(
                value.place[1] if isinstance(value, Items) else 1,
                f"must be a mapping that starts with a key such as `{self.first}:`",
            )
        return value

    def _wrong(self, node: yaml.Node, route: Route, message: str) -> None:
        self.mistakes.append(Mistake(self.file, self._place(node)[1], spell(route), message))

    def _place(self, node: yaml.Node) -> Place:
        return (self.file, node.start_mark.line + 1, node.start_mark.column)

    def _value(self, node: yaml.Node, route: Route) -> tuple[Any, int]:
        """The value and how many values it holds when every alias is followed."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, route), 1
        if id(node) in self._open:
            raise _RefusedError(node.start_mark.line + 1, f"{spell(route)}: an alias that contains itself")
        if id(node) not in self._done:
            self._open.add(id(node))
            self._done[id(node)] = self._container(node, route)
            self._open.discard(id(node))
        return self._done[id(node)]

    def _container(self, node: yaml.Node, route: Route) -> tuple[Block | Items, int]:
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._wrong(node, route, f"the tag {_short(node.tag)} is not allowed")
        if isinstance(node, yaml.MappingNode):
            return self._block(node, route)
        return self._items(node, route)

    def _items(self, node: yaml.Node, route: Route) -> tuple[Items, int]:
        items, size = Items(self._place(node)), 1
        for index, child in enumerate(node.value):
            value, more = self._value(child, (*route, index))
            items.append(value)
            items.places[index] = self._place(child)
            self._remember_written(items, index, child)
            size += more
        return items, size

    def _block(self, node: yaml.MappingNode, route: Route) -> tuple[Block, int]:
        block, size, merged = Block(self._place(node)), 1, []
        for key, child in self._entries(node, route):
            value, more = self._value(child, (*route, key.value))
            size += more
            if key.tag == f"{_TAG}merge":
                merged += self._merged(key, value, route)
                continue
            block[key.value] = value
            block.places[key.value] = self._place(key)
            self._remember_written(block, key.value, child)
        for other in merged:
            for name in other:
                if name not in block:
                    block.take(other, name)
        return block, size

    def _entries(self, node: yaml.MappingNode, route: Route) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, route, "a key must be a text, found a list or a mapping")
            elif key.value in seen:
                self._wrong(key, (*route, key.value), f"set twice; first in line {seen[key.value]}")
            else:
                seen[key.value] = key.start_mark.line + 1
                yield key, child

    def _merged(self, key: yaml.ScalarNode, value: Any, route: Route) -> list[Block]:
        blocks = value if isinstance(value, Items) else [value]
        if all(isinstance(block, Block) for block in blocks):
            return list(blocks)
        self._wrong(key, (*route, "<<"), "must merge a mapping, or a list of mappings")
        return []

    def _remember_written(self, container: Block | Items, key: str | int, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode) and "${" in node.value:
            container.shown[key] = node.value

    def _scalar(self, node: yaml.ScalarNode, route: Route) -> Any:
        text: str = node.value
        if "${" in text:
            return _VARIABLE.sub(lambda match: self._variable(match, node, route), text)
        return self._typed(node, route)

    def _typed(self, node: yaml.ScalarNode, route: Route) -> Any:
        text: str = node.value
        if node.tag == f"{_TAG}str":
            return text
        try:
            return _SCALARS[node.tag.removeprefix(_TAG)](text)
        except (KeyError, ValueError):
            self._wrong(node, route, f"the tag {_short(node.tag)} is not allowed here")
            return text

    def _variable(self, match: re.Match[str], node: yaml.ScalarNode, route: Route) -> str:
        escaped, name = match.groups()
        if escaped:
            return match[0][1:]
        if name.isdigit():  # a group of a pattern, in blackbox_exporter's query_response
            return match[0]
        if name not in self.environment:
            known = re.fullmatch(r"[A-Za-z_]\w*", name)
            reason = f"the environment variable {name} is not set" if known else f"{match[0]} names no variable"
            self._wrong(node, route, f"{reason}; write $${{ for a plain ${{")
            return ""
        return self.environment[name]


class _Verbatim(_Reader):
    nothing = "empty; write modules"
    first = "modules"

    def _scalar(self, node: yaml.ScalarNode, route: Route) -> Any:
        return None if self._typed(node, route) is None else node.value

    def _remember_written(self, container: Block | Items, key: str | int, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            with suppress(KeyError, ValueError):
                typed = _SCALARS[node.tag.removeprefix(_TAG)](node.value)
                if isinstance(typed, bool) or str(typed) == node.value:
                    container.shown[key] = typed


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")
