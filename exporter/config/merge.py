"""Several files as one tree: sections are joined, what is defined twice is a mistake that names both places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.config.sentences import must_be, unknown_key
from exporter.config.shapes import LISTS, OFF, SECTIONS, SWITCHES
from exporter.config.tree import Block, Items, Place
from exporter.errors import Mistake


def merge(files: Sequence[Block], sections: Sequence[str] = SECTIONS) -> tuple[Block, list[Mistake]]:
    """The joined tree, of these sections. The first definition of a name stays in it."""
    root = Block((files[0].place[0], 0, 0))
    mistakes = [mistake for file in files for mistake in _join(root, file, sections)]
    return root, mistakes


def _join(root: Block, file: Block, sections: Sequence[str]) -> Iterator[Mistake]:
    for name, section in file.items():
        place = file.places[name]
        if name not in sections:
            yield Mistake(place[0], place[1], name, unknown_key(name, sections))
        elif name in LISTS:
            yield from _take_whole(root, file, name, isinstance(section, Items), "a list")
        elif name in SWITCHES:
            yield from _take_whole(
                root, file, name, section == OFF or isinstance(section, Block), f"{OFF} or a mapping"
            )
        elif section is not None and not isinstance(section, Block):
            yield Mistake(place[0], place[1], name, must_be(["a mapping"], section))
        elif section:
            joined = root.setdefault(name, Block(section.place))
            root.places.setdefault(name, place)
            yield from _join_section(joined, section, name)


def _take_whole(root: Block, file: Block, name: str, fits: bool, wanted: str) -> Iterator[Mistake]:
    """A section that is not joined."""
    place = file.places[name]
    if file[name] is None:
        return
    if not fits:
        yield Mistake(place[0], place[1], name, must_be([wanted], file[name]))
    elif name in root:
        yield _twice(name, root.places[name], place)
    else:
        root.take(file, name)


def _join_section(joined: Block, section: Block, name: str) -> Iterator[Mistake]:
    for key in section:
        if key not in joined:
            joined.take(section, key)
            continue
        yield _twice(f"{name}.{key}", joined.places[key], section.places[key])


def _twice(path: str, first: Place, second: Place) -> Mistake:
    return Mistake(second[0], second[1], path, f"defined twice; first at {first[0]}:{first[1]}")
