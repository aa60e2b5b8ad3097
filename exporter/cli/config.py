"""`config check | show | schema`: the configuration checked, shown or described."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from exporter import config
from exporter.cli import files


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, action, words in (
        ("check", _check, "say every mistake, or that there is none"),
        ("show", _show, "print the merged configuration, secrets hidden"),
    ):
        reading = actions.add_parser(name, help=words)
        files.add(reading)
        reading.set_defaults(action=action)
        if action is _check:
            reading.add_argument(
                "--blackbox.config",
                dest="modules",
                metavar="PATH",
                type=Path,
                help="check a blackbox_exporter's module file or a folder of them, and nothing else unless it is named",
            )
    actions.add_parser("schema", help="print the JSON Schema for editors").set_defaults(action=_schema)


def run(options: argparse.Namespace) -> int:
    options.action(options)
    return 0


def _check(options: argparse.Namespace) -> None:
    counted = {}
    if options.files or options.modules is None:
        loaded = files.load(options)
        counted = {"services": len(loaded.services), "regions": len(loaded.regions), "pairs": len(loaded.pairs)}
    if options.modules is not None:
        modules = config.load_modules(options.modules)
        counted["modules"] = len(modules)
        for sentence in config.unreadable(modules):
            print(sentence, file=sys.stderr)
    print(f"No mistake; {', '.join(f'{name}: {count}' for name, count in counted.items())}.")


def _show(options: argparse.Namespace) -> None:
    print(files.load(options).shown, end="")


def _schema(options: argparse.Namespace) -> None:
    print(json.dumps(config.schema(), indent=2))
