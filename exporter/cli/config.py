"""`config check | show | schema`: the configuration checked, shown or described."""

from __future__ import annotations

import argparse
import json

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
    actions.add_parser("schema", help="print the JSON Schema for editors").set_defaults(action=_schema)


def run(options: argparse.Namespace) -> int:
    options.action(options)
    return 0


def _check(options: argparse.Namespace) -> None:
    loaded = files.load(options)
    counted = {"services": loaded.services, "regions": loaded.regions, "pairs": loaded.pairs}
    print(f"No mistake; {', '.join(f'{name}: {len(found)}' for name, found in counted.items())}.")


def _show(options: argparse.Namespace) -> None:
    print(files.load(options).shown, end="")


def _schema(options: argparse.Namespace) -> None:
    print(json.dumps(config.schema(), indent=2))
